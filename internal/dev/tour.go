package dev

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"strongroom/api"
	"strongroom/internal/app"
)

// tour is one start: what is in the directory, and what is shown of it.
type tour struct {
	app    *app.App
	home   *home
	screen io.Writer
	url    string
	// notes are what the start found that somebody should know.
	notes []string
	state state
}

// demo is what the member stores. The values are nobody's.
var demo = api.CreateCredential{
	Name: "Demo SFTP server", Provider: "sftp", CredentialType: "user_password",
	Credentials: api.SecretObject(`{"host":"sftp.example.com","port":22,"username":"demo","password":"not-a-real-password"}`),
}

func (t *tour) say(format string, args ...any) { _, _ = fmt.Fprintf(t.screen, format, args...) }

// show does the main job once, each step a real call, and says how to repeat it.
func (t *tour) show(ctx context.Context) error {
	t.say("Strongroom dev\n\n   Server      %s\n   Handbook    %s/docs\n   Log         %s\n   Tokens      %s\n",
		t.url, t.url, t.home.path(logFile), t.home.path(stateFile))
	t.say("   Outbound    connection tests and providers may be on this machine (127.0.0.0/8, ::1) here; strongroom serve refuses that unless told\n")
	for _, note := range t.notes {
		t.say("   Note        %s\n", note)
	}
	for _, step := range []func(context.Context) error{t.store, t.refused, t.fetched, t.recorded} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := t.home.save(t.state); err != nil {
		return err
	}
	t.sayPaste()
	t.say("\nServing on %s until Ctrl-C\n", t.url)
	return nil
}

func (t *tour) apiPath(path string) string { return t.app.Config.APIPrefix + path }

func (t *tour) secretPath() string {
	return t.apiPath("/integrations/credentials/" + t.state.CredentialID.String() + "/credentials")
}

// step says what is asked and what the answer was.
func (t *tour) step(number int, title, method, path string, a answer, shown string) {
	t.say("\n%d. %s\n   %s %s\n   %d %s\n", number, title, method, path, a.status, http.StatusText(a.status))
	if shown != "" {
		t.say("   %s\n", shown)
	}
}

// store has the member store a credential, unless an earlier start's is still there.
func (t *tour) store(ctx context.Context) error {
	list, path := []api.Credential{}, t.apiPath("/integrations/credentials")
	a, err := t.call(ctx, http.MethodGet, path+"?provider=sftp&limit=1000", t.state.UserToken, nil)
	if err != nil {
		return err
	}
	if err := a.as(&list); err != nil {
		return fmt.Errorf("the member's credentials cannot be listed: %w", err)
	}
	for _, c := range list {
		if c.Name == demo.Name {
			t.state.CredentialID, err = uuid.Parse(c.ID)
			t.step(1, "A member's credential, stored by an earlier start", http.MethodGet, t.apiPath("/integrations/credentials"), a, "id "+c.ID)
			return err
		}
	}
	a, err = t.call(ctx, http.MethodPost, path, t.state.UserToken, demo)
	if err != nil {
		return err
	}
	var created api.Credential
	if err := a.as(&created); err != nil {
		t.step(1, "A member stores a credential", http.MethodPost, path, a, string(a.body))
		return fmt.Errorf("the demo credential cannot be stored: %w", err)
	}
	t.state.CredentialID, err = uuid.Parse(created.ID)
	t.step(1, "A member stores a credential", http.MethodPost, path, a, "id "+created.ID)
	return err
}

func (t *tour) refused(ctx context.Context) error {
	a, err := t.call(ctx, http.MethodGet, t.secretPath(), t.state.UserToken, nil)
	if err == nil {
		t.step(2, "The member asks for it back and is refused", http.MethodGet, t.secretPath(), a, string(a.body))
	}
	return err
}

func (t *tour) fetched(ctx context.Context) error {
	a, err := t.call(ctx, http.MethodGet, t.secretPath(), t.state.Key, nil)
	if err == nil {
		t.step(3, "A service account fetches it", http.MethodGet, t.secretPath(), a, string(a.body))
	}
	return err
}

// recorded shows the two reads as the audit log has them.
func (t *tour) recorded(ctx context.Context) error {
	path := t.apiPath("/audit/events") + "?limit=2&credential_id=" + t.state.CredentialID.String()
	a, err := t.call(ctx, http.MethodGet, path, t.state.AdminToken, nil)
	if err != nil {
		return err
	}
	var page api.AuditEvents
	if err := a.as(&page); err != nil {
		return fmt.Errorf("the audit log cannot be read: %w", err)
	}
	t.step(4, "An admin sees both on record", http.MethodGet, path, a, "")
	for _, e := range slices.Backward(page.Events) {
		t.say("   %s  %-15s  %-7s  by %s %s\n", e.Time.Format(time.RFC3339), e.Action, e.Outcome, e.PrincipalKind, orDash(e.PrincipalID))
	}
	return nil
}

func orDash(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// sayPaste prints lines for a shell. The variables come first, so that each line after
// them stays short enough to be read; what is no command stands further left, since not
// every shell takes comments.
func (t *tour) sayPaste() {
	t.say(`
Do it yourself: paste these into a shell, then any of the lines below.

   API='%s%s'
   USER_TOKEN='%s'
   ADMIN_TOKEN='%s'
   KEY='%s'
   CREDENTIAL='%s'
`, t.url, t.app.Config.APIPrefix, string(t.state.UserToken), string(t.state.AdminToken), string(t.state.Key), t.state.CredentialID)
	t.say(`
Store one more
   curl -sS "$API/integrations/credentials" -H "Authorization: Bearer $USER_TOKEN" -H 'Content-Type: application/json' -d '{"name": "My API", "provider": "api_credential", "credential_type": "api_key", "credentials": {"api_key": "not-a-real-key"}}'
List them
   curl -sS "$API/integrations/credentials" -H "Authorization: Bearer $USER_TOKEN"
Be refused as a user
   curl -sS "$API/integrations/credentials/$CREDENTIAL/credentials" -H "Authorization: Bearer $USER_TOKEN"
Fetch as a service account
   curl -sS "$API/integrations/credentials/$CREDENTIAL/credentials" -H "X-API-Key: $KEY"
Look at the record
   curl -sS "$API/audit/events?limit=3" -H "Authorization: Bearer $ADMIN_TOKEN"
`)
}
