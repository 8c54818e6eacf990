package audit

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

// appendEvent appends what json.Marshal makes of the event, byte for byte, without
// reflection: every secrets read pays for it, and reflection was a quarter of what a
// record costs. A test holds the two together. The time must be UTC and in a year that
// RFC 3339 has a form for.
func appendEvent(b []byte, e *strongroom.Event) []byte {
	b = append(b, `{"time":"`...)
	b = e.Time.AppendFormat(b, time.RFC3339Nano)
	b = appendText(b, `","action":`, string(e.Action))
	b = appendText(b, `,"outcome":`, string(e.Outcome))
	b = appendTextIfAny(b, `,"reason":`, string(e.Reason))
	b = appendIDIfAny(b, `,"organization_id":"`, e.OrganizationID)
	b = appendText(b, `,"principal_kind":`, string(e.PrincipalKind))
	b = appendIDIfAny(b, `,"principal_id":"`, e.PrincipalID)
	b = appendIDIfAny(b, `,"api_key_id":"`, e.KeyID)
	b = appendTextIfAny(b, `,"role":`, string(e.Role))
	b = appendTextIfAny(b, `,"address":`, e.Address)
	b = appendTextIfAny(b, `,"request_id":`, e.RequestID)
	b = appendIDIfAny(b, `,"credential_id":"`, e.CredentialID)
	if e.Version != 0 {
		b = strconv.AppendInt(append(b, `,"version":`...), e.Version, 10)
	}
	b = appendTextIfAny(b, `,"provider":`, e.Provider)
	b = appendIDIfAny(b, `,"service_account_id":"`, e.AccountID)
	b = appendIDIfAny(b, `,"target_key_id":"`, e.TargetKeyID)
	b = appendTextIfAny(b, `,"note":`, e.Note)
	return append(b, '}')
}

func appendTextIfAny(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return appendText(b, name, s)
}

// appendText leaves all but plain text to encoding/json, which escapes it.
func appendText(b []byte, name, s string) []byte {
	b = append(b, name...)
	if plain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("audit: encoding/json refuses a string: " + err.Error())
	}
	return append(b, quoted...)
}

// plain tells whether JSON shows the text as it is: printable ASCII without the
// characters that encoding/json escapes.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

func appendIDIfAny(b []byte, name string, id uuid.UUID) []byte {
	if id == uuid.Nil {
		return b
	}
	b = append(b, name...)
	b = append(hex.AppendEncode(b, id[0:4]), '-')
	b = append(hex.AppendEncode(b, id[4:6]), '-')
	b = append(hex.AppendEncode(b, id[6:8]), '-')
	b = append(hex.AppendEncode(b, id[8:10]), '-')
	return append(hex.AppendEncode(b, id[10:16]), '"')
}
