package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/seal"
	"strongroom/secret"
)

// stocked is what there is to read: the key of a service account of each organization, and
// the ids of passwords, organization by organization, and of OAuth tokens that are fresh.
type stocked struct {
	// organization is the last one.
	organization uuid.UUID
	keys         []string
	ids, tokens  []uuid.UUID
}

// key returns the one that opens the credential at i.
func (s stocked) key(i int) string { return s.keys[i*len(s.keys)/len(s.ids)] }

// onlyTokens is the stock of which tokens are read.
func (s stocked) onlyTokens() stocked { return stocked{keys: s.keys, ids: s.tokens} }

// store makes a data directory with n credentials in it.
func store(ctx context.Context, dir string, n int) (stocked, error) {
	a, err := openApp(ctx, dir)
	if err != nil {
		return stocked{}, err
	}
	s, err := fill(ctx, a, n, n)
	return s, errors.Join(err, a.Close(ctx))
}

// openApp opens the service over a data directory that it furnishes with keys first; flags
// say what is to be otherwise.
func openApp(ctx context.Context, dir string, flags ...string) (*app.App, error) {
	root, err := seal.GenerateRootKey()
	if err != nil {
		return nil, err
	}
	jwtSecret := strings.Repeat("load-", 8)
	err = errors.Join(os.WriteFile(app.RootKeyPath(dir), root.Reveal(), 0o600), os.WriteFile(app.JWTSecretPath(dir), []byte(jwtSecret), 0o600))
	if err != nil {
		return nil, err
	}
	var config app.Config
	parser, err := kong.New(&config)
	if err != nil {
		return nil, err
	}
	if _, err := parser.Parse(append([]string{"--data", dir, "--credentials-per-provider", "0", "--credentials-per-user", "0"}, flags...)); err != nil {
		return nil, err
	}
	return app.Open(ctx, config.WithDefaults(), "load", slog.New(slog.NewJSONHandler(io.Discard, nil)))
}

// fill stores passwords and tokens.
func fill(ctx context.Context, a *app.App, passwords, tokens int) (stocked, error) {
	organization, user := uuid.New(), uuid.New()
	person := strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindUser, ID: user, OrganizationID: organization, Role: strongroom.RoleAppUser}}
	all := make([]uuid.UUID, passwords+tokens)
	s := stocked{organization: organization, ids: all[:passwords], tokens: all[passwords:]}
	next := make(chan int)
	failures := make(chan error, 64)
	var workers sync.WaitGroup
	for range cap(failures) {
		workers.Go(func() {
			for i := range next {
				n := strongroom.NewCredential{Name: fmt.Sprintf("load %d", i), Provider: "sftp", Type: "user_password", Data: secret.New(data(i))}
				if i >= passwords {
					n.Provider, n.Type, n.Data = "google", "oauth2", secret.New(token(i))
				}
				c, err := a.Credentials.Create(ctx, person, n)
				if err != nil {
					failures <- err
					return
				}
				all[i] = c.ID
			}
		})
	}
feed:
	for i := range all {
		select {
		case next <- i:
		case err := <-failures:
			close(next)
			return s, err
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	workers.Wait()
	operator := strongroom.Operator(organization, "")
	account, err := a.Accounts.Create(ctx, operator, strongroom.NewServiceAccount{Name: "load"})
	if err != nil {
		return s, err
	}
	issued, err := a.Accounts.CreateKey(ctx, operator, account.ID, strongroom.NewAPIKey{Name: "load"})
	s.keys = []string{string(issued.Token.Reveal())}
	return s, err
}

// data is about 300 bytes of what an SFTP credential holds.
func data(i int) []byte {
	return fmt.Appendf(nil, `{"host":"files-%06d.example.com","port":22,"username":"drop-%06d","password":"%s","test_path":"/in/%06d"}`,
		i, i, strings.Repeat("p4ssw0rd", 23), i)
}

// token is as long as what data makes, and holds OAuth tokens that last.
func token(i int) []byte {
	const form = `{"access_token":"%s","token_type":"Bearer","expires_at":"2100-01-01T00:00:00Z","scope":"openid email","refresh_token":"%s"}`
	filled := len(data(i)) - len(form) + 2*len("%s")
	text := fmt.Sprintf("%06d", i) + strings.Repeat("t0k3n", filled/5+1)
	return fmt.Appendf(nil, form, text[:filled-60], text[:60])
}
