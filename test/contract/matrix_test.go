package contract_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/store"
)

// matrix says for every operation, and for each resource that it can be about, how each
// kind of principal is answered. Everybody acts in one organization. The resources:
//
//   - none: the operation is about no particular one
//     mine     a credential of owner's, or an account of the organization
//     theirs   a credential of other's
//     foreign  one of another organization
//     system   a system service account
//
// The principals: owner and other are app_users, lesser is each of the platform's other
// roles; sa is a service account without grants, reader and writer are accounts with a
// grant for the credential mine, writer's to write too; sys is a system service account
// that names the organization, sys0 one that does not; nobody sends no credential, late
// one that has expired.
//
// A letter after a status tells codes of one status apart: s service_account_required,
// u user_account_required, f forbidden.
const matrix = `
operation                    resource nobody late admin owner other lesser sa   reader writer sys  sys0
list-credentials             -        401    401  200   200   200   200    200  200    200    200  400
list-credentials?scope=all   -        401    401  200   403f  403f  403f   200  200    200    200  400
list-credentials-of-provider -        401    401  200   200   200   200    200  200    200    200  400
create-credential            -        401    401  201   201   201   201    403u 403u   403u   403u 400
get-credential               mine     401    401  200   200   200   200    200  200    200    200  400
get-credential               theirs   401    401  200   200   200   200    200  403f   403f   200  400
get-credential               foreign  401    401  404   404   404   404    404  404    404    404  400
update-credential            mine     401    401  200   200   403f  403f   403f 403f   200    403f 400
update-credential            theirs   401    401  200   403f  200   403f   403f 403f   403f   403f 400
update-credential            foreign  401    401  404   404   404   404    403f 403f   404    403f 400
delete-credential            mine     401    401  204   204   403f  403f   403u 403u   403u   403u 400
delete-credential            theirs   401    401  204   403f  204   403f   403u 403u   403u   403u 400
delete-credential            foreign  401    401  404   404   404   404    403u 403u   403u   403u 400
refresh-credential           mine     401    401  400   400   403f  403f   403f 403f   400    403f 400
refresh-credential           theirs   401    401  400   403f  400   403f   403f 403f   403f   403f 400
refresh-credential           foreign  401    401  404   404   404   404    403f 403f   404    403f 400
open-credential              mine     401    401  403s  403s  403s  403s   200  200    200    200  400
open-credential              theirs   401    401  403s  403s  403s  403s   200  403f   403f   200  400
open-credential              foreign  401    401  403s  403s  403s  403s   404  404    404    404  400
create-service-account       -        401    401  201   403f  403f  403f   403u 403u   403u   403u 400
list-service-accounts        -        401    401  200   200   200   200    403u 403u   403u   403u 400
get-service-account          mine     401    401  200   200   200   200    403u 403u   403u   403u 400
get-service-account          foreign  401    401  404   404   404   404    403u 403u   403u   403u 400
get-service-account          system   401    401  200   200   200   200    403u 403u   403u   403u 400
update-service-account       mine     401    401  200   403f  403f  403f   403u 403u   403u   403u 400
update-service-account       foreign  401    401  404   403f  403f  403f   403u 403u   403u   403u 400
update-service-account       system   401    401  403f  403f  403f  403f   403u 403u   403u   403u 400
delete-service-account       mine     401    401  204   403f  403f  403f   403u 403u   403u   403u 400
delete-service-account       foreign  401    401  404   403f  403f  403f   403u 403u   403u   403u 400
delete-service-account       system   401    401  403f  403f  403f  403f   403u 403u   403u   403u 400
activate-service-account     mine     401    401  200   403f  403f  403f   403u 403u   403u   403u 400
activate-service-account     foreign  401    401  404   403f  403f  403f   403u 403u   403u   403u 400
activate-service-account     system   401    401  403f  403f  403f  403f   403u 403u   403u   403u 400
deactivate-service-account   mine     401    401  200   403f  403f  403f   403u 403u   403u   403u 400
deactivate-service-account   foreign  401    401  404   403f  403f  403f   403u 403u   403u   403u 400
deactivate-service-account   system   401    401  403f  403f  403f  403f   403u 403u   403u   403u 400
set-service-account-grants   mine     401    401  200   403f  403f  403f   403u 403u   403u   403u 400
set-service-account-grants   foreign  401    401  404   403f  403f  403f   403u 403u   403u   403u 400
set-service-account-grants   system   401    401  403f  403f  403f  403f   403u 403u   403u   403u 400
list-api-keys                mine     401    401  200   200   200   200    403u 403u   403u   403u 400
list-api-keys                foreign  401    401  404   404   404   404    403u 403u   403u   403u 400
list-api-keys                system   401    401  403f  403f  403f  403f   403u 403u   403u   403u 400
create-api-key               mine     401    401  201   403f  403f  403f   403u 403u   403u   403u 400
create-api-key               foreign  401    401  404   403f  403f  403f   403u 403u   403u   403u 400
create-api-key               system   401    401  403f  403f  403f  403f   403u 403u   403u   403u 400
update-api-key               mine     401    401  200   403f  403f  403f   403u 403u   403u   403u 400
update-api-key               foreign  401    401  404   403f  403f  403f   403u 403u   403u   403u 400
update-api-key               system   401    401  403f  403f  403f  403f   403u 403u   403u   403u 400
delete-api-key               mine     401    401  204   403f  403f  403f   403u 403u   403u   403u 400
delete-api-key               foreign  401    401  404   403f  403f  403f   403u 403u   403u   403u 400
delete-api-key               system   401    401  403f  403f  403f  403f   403u 403u   403u   403u 400
authorize                    -        401    401  200   200   200   200    403u 403u   403u   403u 400
authorize?again              mine     401    401  400   400   403f  403f   403u 403u   403u   403u 400
authorize?again              theirs   401    401  400   403f  400   403f   403u 403u   403u   403u 400
authorize?again              foreign  401    401  404   404   404   404    403u 403u   403u   403u 400
authorize-integration-plugin -        401    401  200   200   200   200    403u 403u   403u   403u 400
authorize-plugin             -        401    401  200   200   200   200    403u 403u   403u   403u 400
callback-integration-plugin  -        400    400  400   400   400   400    400  400    400    400  400
callback-plugin              -        400    400  400   400   400   400    400  400    400    400  400
list-oauth-clients           -        401    401  200   403f  403f  403f   403u 403u   403u   403u 400
set-oauth-client             -        401    401  200   403f  403f  403f   403u 403u   403u   403u 400
delete-oauth-client          -        401    401  404   403f  403f  403f   403u 403u   403u   403u 400
test-postgres-connection     -        401    401  200   200   200   200    200  403f   200    200  400
test-sftp-connection         -        401    401  200   200   200   200    200  403f   200    200  400
test-stored-postgres-connection mine  401    401  400   400   403f  403f   400  400    400    400  400
test-stored-postgres-connection foreign 401  401  404   404   404   404    404  404    404    404  400
test-credential              mine     401    401  200   200   403f  403f   200  200    200    200  400
test-credential              theirs   401    401  200   403f  200   403f   200  403f   403f   200  400
test-credential              foreign  401    401  404   404   404   404    404  404    404    404  400
list-credential-checks       mine     401    401  200   200   200   200    200  200    200    200  400
list-credential-checks       theirs   401    401  200   200   200   200    200  403f   403f   200  400
list-credential-checks       foreign  401    401  404   404   404   404    404  404    404    404  400
rotate-credential            mine     401    401  400   400   403f  403f   403f 403f   400    403f 400
rotate-credential            theirs   401    401  400   403f  400   403f   403f 403f   403f   403f 400
rotate-credential            foreign  401    401  404   404   404   404    403f 403f   404    403f 400
list-credential-rotations    mine     401    401  200   200   200   200    200  200    200    200  400
list-credential-rotations    theirs   401    401  200   200   200   200    200  403f   403f   200  400
list-credential-rotations    foreign  401    401  404   404   404   404    404  404    404    404  400
resume-rotation              mine     401    401  404   404   403f  403f   403f 403f   404    403f 400
resume-rotation              theirs   401    401  404   403f  404   403f   403f 403f   403f   403f 400
resume-rotation              foreign  401    401  404   404   404   404    403f 403f   404    403f 400
abandon-rotation             mine     401    401  404   404   403f  403f   403f 403f   404    403f 400
abandon-rotation             theirs   401    401  404   403f  404   403f   403f 403f   403f   403f 400
abandon-rotation             foreign  401    401  404   404   404   404    403f 403f   404    403f 400
set-rotation-policy          mine     401    401  400   400   403f  403f   403f 403f   400    403f 400
set-rotation-policy          theirs   401    401  400   403f  400   403f   403f 403f   403f   403f 400
set-rotation-policy          foreign  401    401  404   404   404   404    403f 403f   404    403f 400
list-rotations               -        401    401  200   403f  403f  403f   200  403f   403f   200  400
catalog                      -        401    401  200   200   200   200    200  200    200    200  400
who-am-i                     -        401    401  200   200   200   200    200  200    200    200  400
list-audit-events            -        401    401  200   403f  403f  403f   403u 403u   403u   403u 400
`

// cells maps what stands in the matrix to status and code.
var cells = map[string]string{
	"400": "bad_request", "401": "unauthorized", "404": "not_found",
	"403s": "service_account_required", "403u": "user_account_required", "403f": "forbidden",
}

// bodies are good ones for the operations that take one.
var bodies = map[string]object{
	"create-credential": sftp("new", "new"), "update-credential": replacement("new"),
	"create-service-account": {"name": "new"}, "update-service-account": {"name": "renamed"},
	"set-service-account-grants": {"grants": []any{object{"write": true}}},
	"create-api-key":             {"name": "new"}, "update-api-key": {"name": "renamed"},
	"authorize-integration-plugin": {"redirect_to": allowedRedirect, "integration_name": "new"},
	"authorize-plugin":             {"redirect_to": allowedRedirect, "integration_name": "new", "provider_name": "google_oauth"},
	"test-postgres-connection":     {"host": "127.0.0.1", "username": "u", "password": canary + "tried", "database": "d"},
	"test-sftp-connection":         {"host": "127.0.0.1", "username": "u", "auth_type": "password", "password": canary + "tried"},
	"set-rotation-policy":          {"max_age_hours": 24},
	"set-oauth-client":             {"client_id": "own-client", "client_secret": canary + "client"},
}

// queries are added to an operation's path, by what stands behind it in the matrix.
func (b *board) query(op operation, behind, resource string) string {
	switch {
	case op.id == "authorize" && behind == "again":
		return "?redirect_to=" + url.QueryEscape(allowedRedirect) + "&credential_id=" + b.credentials[resource]
	case op.id == "authorize":
		return "?redirect_to=" + url.QueryEscape(allowedRedirect)
	case strings.HasPrefix(op.id, "callback-"):
		return "?code=c&state=unknown"
	case behind != "":
		return "?scope=organization"
	}
	return ""
}

// unknownRotation is nobody's.
const unknownRotation = "0199c3a8-0000-7000-8000-00000000ffff"

const allowedRedirect = "https://app.contract.test/connected"

// connectable lets accounts at Google be connected.
func connectable(c *app.Config) {
	c.PublicURL, c.AllowRedirects = "https://strongroom.contract.test", []string{allowedRedirect}
	c.Environment = []string{"STRONGROOM_OAUTH_GOOGLE_CLIENT_ID=the-client", "STRONGROOM_OAUTH_GOOGLE_CLIENT_SECRET=" + canary + "google"}
}

// board is everything that the matrix is about, made anew when a move has changed it.
type board struct {
	*scene
	principals map[string][]who
	// credentials, accounts and keys are ids by resource.
	credentials, accounts, keys map[string]string
	// known is what state returned last.
	known string
}

// board sets a new one up, in two new organizations. The operator's accounts are few and
// the same on every board: all organizations see them.
func (s *scene) board(operators operators) *board {
	s.t.Helper()
	b := &board{scene: s, credentials: map[string]string{}, accounts: map[string]string{"system": operators.account}, keys: map[string]string{"system": operators.key}}
	s.here, s.there = s.organization(), s.organization()
	b.credentials["mine"] = s.store(s.here.owner, sftp("mine", "pw"))
	b.credentials["theirs"] = s.store(s.here.other, sftp("theirs", "pw"))
	b.credentials["foreign"] = s.store(s.there.owner, sftp("foreign", "pw"))
	for resource, organization := range map[string]uuid.UUID{"mine": s.here.id, "foreign": s.there.id} {
		b.accounts[resource], b.keys[resource] = s.accountAndKey(organization)
	}
	late := who{token: sign(s.t, "HS256", s.JWTSecret, merge(s.claims(), object{"exp": 1700000000}))}
	mine := []uuid.UUID{uuid.MustParse(b.credentials["mine"])}
	b.principals = map[string][]who{
		"nobody": {anonymous}, "late": {late}, "admin": {s.here.admin}, "owner": {s.here.owner}, "other": {s.here.other},
		"lesser": {s.user(s.here.id, strongroom.RoleBackoffice), s.user(s.here.id, strongroom.RoleWorker),
			s.user(s.here.id, strongroom.RolePublisher), s.user(s.here.id, strongroom.RoleIntegration)},
		"sa": {s.account(s.here.id)}, "reader": {s.account(s.here.id, strongroom.Grant{CredentialIDs: mine})},
		"writer": {s.account(s.here.id, strongroom.Grant{CredentialIDs: mine, Write: true})},
		"sys":    {{id: operators.caller.id, key: operators.caller.key, names: s.here.id.String()}}, "sys0": {operators.caller},
	}
	b.known = b.state()
	return b
}

// operators is what the operator has: a system account to be acted on, and one that acts.
type operators struct {
	account, key string
	caller       who
}

// accountAndKey makes an account with a key, and returns their ids.
func (s *scene) accountAndKey(organization uuid.UUID) (account, key string) {
	s.t.Helper()
	a, _ := s.ServiceAccount(organization, uuid.NewString())
	ctx, operator := operator(organization)
	keys, err := s.App.Accounts.ListKeys(ctx, operator, a.ID, strongroom.Page{Limit: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	return a.ID.String(), keys[0].ID.String()
}

// path fills an operation's path for a resource.
func (b *board) path(op operation, resource string) string {
	if resource == "-" {
		provider := "google"
		if op.tag == "Credentials" {
			provider = "sftp"
		}
		return strings.NewReplacer("{provider}", provider, "{plugin_name}", "google", "{provider_name}", "google").Replace(op.path)
	}
	return strings.NewReplacer("{provider}", "google", "{credential_id}", b.credentials[resource], "{id}", b.accounts[resource], "{key_id}", b.keys[resource], "{rotation_id}", unknownRotation).Replace(op.path)
}

// state is everything that both organizations and the operator have, ciphertext included,
// but for when it was last used.
func (b *board) state() string {
	b.t.Helper()
	ctx := context.Background()
	page := strongroom.Page{Limit: math.MaxInt32}
	var out strings.Builder
	fail := func(err error) {
		if err != nil {
			b.t.Fatal(err)
		}
	}
	for _, o := range []uuid.UUID{b.here.id, b.there.id} {
		for _, deleted := range []bool{false, true} {
			list, err := b.App.Store.ListCredentials(ctx, o, store.CredentialFilter{Page: page, Deleted: deleted})
			fail(err)
			for _, c := range list {
				c.LastUsedAt = nil // a read that is allowed notes it
				fmt.Fprintln(&out, encode(b.t, c))
				if !deleted {
					sealed, err := b.App.Store.SealedCredential(ctx, o, c.ID)
					fail(err)
					fmt.Fprintf(&out, "%x\n", sealed.Sealed)
				}
			}
		}
		accounts, err := b.App.Store.ListAccounts(ctx, o, page)
		fail(err)
		for _, a := range accounts {
			keys, err := b.App.Store.ListAPIKeys(ctx, o, a.ID, page)
			fail(err)
			fmt.Fprintln(&out, encode(b.t, a), encode(b.t, keys))
		}
	}
	return out.String()
}

func TestWhoMayDoWhat(t *testing.T) { onEither(t, connectable, whoMayDoWhat) }

func whoMayDoWhat(t *testing.T, s *scene) {
	var o operators
	o.account, o.key = s.accountAndKey(uuid.Nil)
	o.caller = s.system("")
	b := s.board(o)
	rows := strings.Split(strings.TrimSpace(matrix), "\n")
	names := strings.Fields(rows[0])[2:]
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		fields := strings.Fields(row)
		id, behind, _ := strings.Cut(fields[0], "?")
		seen[id] = true
		op, ok := s.document.byID(id)
		if !ok {
			t.Errorf("the matrix knows an operation that the document does not: %s", id)
			continue
		}
		t.Run(fields[0]+" "+fields[1], func(t *testing.T) {
			b.t = t
			for i, name := range names {
				for nth := range b.principals[name] {
					if _, refused := cells[fields[2+i]]; !refused && op.method != http.MethodGet {
						b.unchanged()
						b.move(name, b.principals[name][nth], op, fields[1], behind, fields[2+i])
						b = s.on(t).board(o)
						continue
					}
					b.move(name, b.principals[name][nth], op, fields[1], behind, fields[2+i])
				}
			}
			b.unchanged()
		})
	}
	for _, op := range s.document.operations {
		if strings.HasPrefix(op.path, "/api/") && !seen[op.id] {
			t.Errorf("the matrix has no row for %s %s (%s): say who may do that", op.method, op.path, op.id)
		}
	}
}

// unchanged fails where anything is not as it was when it was asked last, although every
// move since then was refused, or a look.
func (b *board) unchanged() {
	b.t.Helper()
	if now := b.state(); now != b.known {
		b.t.Errorf("something has changed, although every move since was refused or a look")
		b.known = now
	}
}

// move makes one request.
func (b *board) move(name string, w who, op operation, resource, behind, cell string) {
	b.t.Helper()
	r := w.sign(apptest.Request{Method: op.method, Path: b.path(op, resource) + b.query(op, behind, resource)})
	if body, ok := bodies[op.id]; ok {
		r.Body = body
	}
	a := b.send(r)
	if code, refused := cells[cell]; refused {
		var e envelope
		a.Into(b.t, &e)
		if got := fmt.Sprint(a.Status, " ", e.Error.Code); got != cell[:3]+" "+code {
			b.t.Errorf("%s is answered %s, want %s %s", name, got, cell[:3], code)
		}
		return
	}
	if fmt.Sprint(a.Status) != cell {
		b.t.Errorf("%s is answered %d, want %s\n%s", name, a.Status, cell, a.Body)
	}
}

// byID returns an operation of the document.
func (d *document) byID(id string) (operation, bool) {
	for _, op := range d.operations {
		if op.id == id {
			return op, true
		}
	}
	return operation{}, false
}
