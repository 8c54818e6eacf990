package oauth

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/secret"
)

// The members of token responses (RFC 6749, section 5.1; OpenID Connect Core 1.0, section
// 3.1.3.3) and of stored data that have a meaning here.
const (
	memberAccessToken  = "access_token"
	memberRefreshToken = "refresh_token"
	memberTokenType    = "token_type"
	memberScope        = "scope"
	memberIDToken      = "id_token"
	memberExpiresIn    = "expires_in"
	memberExpiresAt    = "expires_at"
	// memberRefreshExpiresAt of stored data is when the refresh token ends, where known.
	memberRefreshExpiresAt = "refresh_token_expires_at"
)

// ownMembers of stored data name the client that tokens were issued to. A response that
// changed them would send the next request elsewhere; so would a variable's.
var ownMembers = []string{"client_id", "client_secret"}

const (
	maxToken = 16384
	// maxLifetime: what is said to live longer was not said in seconds.
	maxLifetime = 10 * 365 * 24 * time.Hour
	// leastLifetime is what a token gets of which nobody, not even the definition, says
	// how long it lives. It must not be for ever.
	leastLifetime = time.Hour
	maxScopes     = 200
	maxScope      = 512
)

var (
	errNoToken  = errors.New("has no access token that is a string")
	errBadToken = errors.New("has an access token that is none: too long, or of other than visible ASCII characters")
	errNoSpace  = errors.New("is larger than is accepted once decoded")
)

// readToken reads a response that states no error. Its errors complete the sentence "the
// answer …". It takes members out of o.
func readToken(def catalog.OAuth, o object) (Token, error) {
	access := stringOf(o[memberAccessToken])
	if access == "" {
		return Token{}, errNoToken
	}
	if len(access) > maxToken || strings.ContainsFunc(access, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return Token{}, errBadToken
	}
	t := Token{
		ExpiresIn:       lifetime(o, def.Lifetime.Member, memberExpiresIn),
		Scopes:          readScopes(def, o[memberScope]),
		HasRefreshToken: stringOf(o[memberRefreshToken]) != "",
	}
	if def.Refresh.LifetimeMember != "" {
		t.RefreshExpiresIn = lifetime(o, def.Refresh.LifetimeMember, "")
	}
	if id := stringOf(o[memberIDToken]); id != "" {
		t.IDToken = secret.New([]byte(id))
	}
	for _, name := range ownMembers {
		delete(o, name)
	}
	for _, v := range def.Variables {
		if v.Name != memberAccessToken {
			delete(o, v.Name)
		}
	}
	members, err := o.encode()
	if err != nil || len(members) > MaxAnswer {
		return Token{}, errNoSpace
	}
	t.Members = secret.New(members)
	return t, nil
}

// lifetime reads seconds, a number or its text, fractions allowed; 0 where there are none
// or they make no sense.
func lifetime(o object, member, standard string) time.Duration {
	if member == "" {
		member = standard
	}
	raw := o.at(member)
	text := stringOf(raw)
	if text == "" {
		text = string(raw)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(seconds) || seconds <= 0 || seconds > maxLifetime.Seconds() {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// readScopes reads scopes in one string or in a list, each once; nil where there are none,
// or not in a form that can be shown.
func readScopes(def catalog.OAuth, raw json.RawMessage) []string {
	var found []string
	if json.Unmarshal(raw, &found) != nil {
		found = strings.FieldsFunc(stringOf(raw), func(c rune) bool {
			return strings.ContainsRune(" \t\r\n", c) || strings.ContainsRune(def.ScopeSeparator, c)
		})
	}
	if len(found) > maxScopes {
		return nil
	}
	var scopes []string
	for _, s := range found {
		if s == "" || len(s) > maxScope || strings.ContainsAny(s, " \t\r\n") {
			return nil
		}
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// ExpiresAt says when a token that was issued at that time ends: by the answer's lifetime,
// or by the definition's default; nil only where the definition says that the provider's
// tokens do not end.
func ExpiresAt(def catalog.OAuth, t Token, issued time.Time) *time.Time {
	lifetime := t.ExpiresIn
	if lifetime <= 0 {
		if def.Lifetime.Never {
			return nil
		}
		lifetime = def.Lifetime.Default
	}
	if lifetime <= 0 {
		lifetime = leastLifetime
	}
	at := strongroom.Timestamp(issued.Add(lifetime))
	return &at
}
