package aws_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/probe/aws"
	"strongroom/secret"
)

func TestDataThatCannotWorkIsSaidWithoutConnecting(t *testing.T) {
	for name, c := range map[string]struct {
		typ  strongroom.CredentialType
		data any
		code strongroom.CheckCode
		says string
	}{
		"no object":                {"api_key", []string{secretKey}, strongroom.CheckProtocol, "does not fit the definition"},
		"another type":             {"oauth2", key(), strongroom.CheckProtocol, "does not fit the definition"},
		"no secret":                {"api_key", key().with(members{"secret_access_key": nil}), strongroom.CheckProtocol, "does not fit the definition"},
		"a number for a key":       {"api_key", key().with(members{"access_key_id": 7}), strongroom.CheckProtocol, "does not fit the definition"},
		"no region":                {"api_key", key().with(members{"region": nil}), strongroom.CheckDNS, "eu-west-1"},
		"a region of another host": {"api_key", key().with(members{"region": "evil.example.com/"}), strongroom.CheckDNS, "eu-west-1"},
		"a region that is long":    {"user_password", mailbox().with(members{"region": "eu-" + strings.Repeat("west", 20) + "-1"}), strongroom.CheckDNS, "eu-west-1"},
		"no password":              {"user_password", mailbox().with(members{"password": nil}), strongroom.CheckAuth, "must not be empty"},
		"a NUL in the name":        {"user_password", mailbox().with(members{"username": "a\x00b"}), strongroom.CheckAuth, "NUL"},
		"a port out of range":      {"user_password", mailbox().with(members{"port": 65536}), strongroom.CheckRefused, "1 to 65535"},
		"a fraction of a port":     {"user_password", mailbox().with(members{"port": 25.5}), strongroom.CheckRefused, "1 to 65535"},
		"a URL for a host":         {"user_password", mailbox().with(members{"host": "smtp://" + password}), strongroom.CheckDNS, "a name or an IP address alone"},
	} {
		t.Run(name, func(t *testing.T) {
			r := test(t, t.Context(), aws.Options{}, c.typ, c.data)
			wantFailure(t, r, c.code, c.says)
			wantPhases(t, r, "")
		})
	}
}

// FuzzData: no JSON makes a test panic or shows a secret. The context has ended, so that
// nothing is connected to.
func FuzzData(f *testing.F) {
	for _, m := range []members{key(), mailbox(), key().with(members{"session_token": session, "from_address": "a@b.example"}), mailbox().with(members{"port": 465, "host": "[::1]"})} {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("api_key", b)
		f.Add("user_password", b)
	}
	f.Add("api_key", []byte(`null`))
	f.Add("user_password", []byte(`{"port": 1e400}`))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	prober := aws.New(local(), time.Now, aws.Options{})
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		r := prober.SES(ctx, strongroom.CredentialType(typ), secret.New(data))
		shown, err := json.Marshal(r)
		if err != nil || r.Success || r.Code == "" || r.Message == "" {
			t.Fatalf("%+v, %v", r, err)
		}
		var d struct {
			Secret   string `json:"secret_access_key"`
			Session  string `json:"session_token"`
			Password string `json:"password"`
		}
		if json.Unmarshal(data, &d) != nil {
			return
		}
		for _, s := range []string{d.Secret, d.Session, d.Password} {
			// Shorter ones stand in sentences by chance, and twice in the data is shown once.
			if len(s) >= 16 && strings.Count(string(data), s) < 2 && strings.Contains(string(shown), s) {
				t.Errorf("the result holds the secret: %s", shown)
			}
		}
	})
}
