package oauth

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"strongroom/secret"
)

// defaultTokenType is what a response without a type means in practice (RFC 6750).
const defaultTokenType = "Bearer"

// Merge returns a credential's data, a JSON object, with a new token in it: the answer's
// members over the old ones, whose object may be empty. An answer without a refresh token
// or scope leaves the old one in force (RFC 6749, sections 5.1 and 6). expires_at is set in
// UTC, or taken out where the token does not end; the relative expires_in always is. issued
// is when the answer came: where it says how long a refresh token lives, that becomes
// refresh_token_expires_at, and a new one of which nothing is said has none.
func Merge(old secret.Value, t Token, issued time.Time, expiresAt *time.Time) (secret.Value, error) {
	merged := object{}
	if !old.Empty() {
		var err error
		if merged, err = parseObject(old.Reveal(), maxData); err != nil {
			return secret.Value{}, fmt.Errorf("the stored data is %w", err)
		}
	}
	members, err := parseObject(t.Members.Reveal(), MaxAnswer)
	if err != nil {
		return secret.Value{}, fmt.Errorf("the answer is %w", err)
	}
	for name, raw := range members {
		switch {
		case name == memberRefreshToken && stringOf(raw) == "":
		case name == memberScope && !saysScope(raw):
		default:
			merged[name] = raw
		}
	}
	delete(merged, memberExpiresIn)
	delete(merged, memberExpiresAt)
	if expiresAt != nil {
		merged[memberExpiresAt] = quote(expiresAt.UTC().Format(time.RFC3339Nano))
	}
	switch {
	case t.RefreshExpiresIn > 0:
		merged[memberRefreshExpiresAt] = quote(issued.Add(t.RefreshExpiresIn).UTC().Format(time.RFC3339))
	case stringOf(members[memberRefreshToken]) != "":
		delete(merged, memberRefreshExpiresAt)
	}
	if stringOf(merged[memberTokenType]) == "" {
		merged[memberTokenType] = quote(defaultTokenType)
	}
	data, err := merged.encode()
	if err != nil {
		return secret.Value{}, fmt.Errorf("writing the merged data: %w", err)
	}
	return secret.New(data), nil
}

// saysScope tells whether a response's scope is one: text, or a list, that is not empty.
func saysScope(raw json.RawMessage) bool {
	var list []json.RawMessage
	return strings.TrimSpace(stringOf(raw)) != "" || json.Unmarshal(raw, &list) == nil && len(list) > 0
}
