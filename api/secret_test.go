package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"strongroom/api"
)

func TestSecretsArePrintedRedactedAndSentWhole(t *testing.T) {
	create := api.CreateCredential{Name: "n", Credentials: api.SecretObject(`{"password":"canary"}`)}
	issued := api.IssuedAPIKey{Token: "canary-token"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "object", create.Credentials, "token", issued.Token)
	printed := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed += fmt.Sprintf(verb, create) + fmt.Sprintf(verb, issued) + fmt.Sprintf(verb, issued.Token)
	}
	if strings.Contains(printed, "canary") || strings.Contains(printed, fmt.Sprintf("%x", "canary")) {
		t.Errorf("printed: %s", printed)
	}
	sent, err := json.Marshal([]any{create, issued})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"credentials":{"password":"canary"}`, `"token":"canary-token"`} {
		if !strings.Contains(string(sent), want) {
			t.Errorf("sent %s, want %s in it", sent, want)
		}
	}
	var received api.CreateCredential
	if err := json.Unmarshal([]byte(`{"credentials": {"a": 1.0}}`), &received); err != nil || string(received.Credentials) != `{"a": 1.0}` {
		t.Errorf("received %q, %v", []byte(received.Credentials), err)
	}
}
