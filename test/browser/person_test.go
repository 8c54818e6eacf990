package browser_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
)

// patience bounds each step in the browser, so that one that hangs fails its test.
const patience = 30 * time.Second

// person is somebody at a tab of a browser.
type person struct {
	t                  *testing.T
	ctx                context.Context
	scene              *scene
	organization, user uuid.UUID
	// token is the person's JWT, for looking at the API past the browser.
	token string
}

// person brings somebody of an organization of their own, whose browser has no cookies.
func (s *scene) person() *person {
	s.t.Helper()
	organization, user := uuid.New(), uuid.New()
	p := &person{t: s.t, scene: s, organization: organization, user: user, token: s.UserToken(organization, user, "app_user")}
	p.open(chromium, chromedp.WithNewBrowserContext())
	return p
}

// otherTab is the same person at another tab of the same browser.
func (p *person) otherTab() *person {
	p.t.Helper()
	other := *p
	other.open(p.ctx)
	return &other
}

// open opens a tab, which is closed with the test.
func (p *person) open(parent context.Context, options ...chromedp.ContextOption) {
	p.t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	p.t.Cleanup(cancel)
	p.ctx = ctx
	// The first run makes the tab, which ends with the context of that run.
	if err := chromedp.Do(ctx); err != nil {
		p.t.Fatalf("no tab could be opened: %v", err)
	}
}

// do takes steps in the browser.
func (p *person) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	run(p, chromedp.Steps(steps...))
}

// run takes a step in the browser and returns what it brings.
func run[T any](p *person, step chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, step)
	if err != nil {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		defer cancel()
		seen, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
		p.t.Fatalf("the browser: %v; it shows:\n%s", err, seen)
	}
	return v
}

func id(name string) chromedp.ID { return chromedp.ID(name) }

// visit opens the platform's page and waits until it is whole.
func (p *person) visit() {
	p.t.Helper()
	p.do(
		chromedp.Navigate(p.scene.platform+"/organizations/"+p.organization.String()+"/users/"+p.user.String()),
		chromedp.WaitReady(chromedp.CSS("#credentials:not([hidden])")),
	)
}

// press presses a button of the platform and waits for the provider's login.
func (p *person) press(button string) {
	p.t.Helper()
	p.do(chromedp.Click(id(button)), chromedp.WaitVisible(id("login")))
}

// logIn logs in at the provider and waits for its question.
func (p *person) logIn(username string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(id("username"), username), chromedp.Click(id("login")), chromedp.WaitVisible(id("allow")))
}

// begin has the platform's page begin a connection, and returns where the browser is to go
// instead of going there.
func (p *person) begin() string {
	p.t.Helper()
	return run(p, chromedp.Evaluate[string](`begin({})`, func(e *runtime.EvaluateParams) { e.AwaitPromise = new(true) }))
}

// landing is what the platform shows in the end.
type landing struct {
	CredentialID string `json:"credential_id"`
	Error        string `json:"error"`
	Description  string `json:"error_description"`
	// Address and Referrer are what the page's scripts see.
	Address  string `json:"address"`
	Referrer string `json:"referrer"`
}

// lands waits for the platform's last page and reads it.
func (p *person) lands() landing {
	p.t.Helper()
	p.do(chromedp.WaitVisible(id("outcome")))
	return run(p, chromedp.Evaluate[landing](`({
		...Object.fromEntries(Array.from(document.querySelectorAll("#outcome dd"), dd => [dd.id, dd.innerText])),
		address: location.href, referrer: document.referrer,
	})`))
}

// connects makes a whole connection and returns the credential's id.
func (p *person) connects(button, username string) uuid.UUID {
	p.t.Helper()
	p.visit()
	p.press(button)
	p.logIn(username)
	p.do(chromedp.Click(id("allow")))
	return p.lands().connected(p.t)
}

// connected returns the id of the credential, and fails the test where there is none.
func (l landing) connected(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := uuid.Parse(l.CredentialID)
	if err != nil || l.Error != "" {
		t.Fatalf("the browser landed with credential_id %q, error %q: %s", l.CredentialID, l.Error, l.Description)
	}
	return id
}

// wantError fails the test unless the page shows the error, with a sentence, and no
// credential.
func (l landing) wantError(t *testing.T, code string) {
	t.Helper()
	if l.Error != code || l.Description == "" || l.CredentialID != "" {
		t.Errorf("the browser landed with credential_id %q, error %q: %q; want the error %s", l.CredentialID, l.Error, l.Description, code)
	}
}

// photograph keeps what the browser shows with the test's artifacts.
func (p *person) photograph(name string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.t.ArtifactDir(), name+".png"), run(p, chromedp.CaptureScreenshot()), 0o600); err != nil {
		p.t.Fatal(err)
	}
}
