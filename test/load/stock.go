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

// stocked is what there is to read: one service account's key, and the ids of passwords
// and of OAuth tokens that are fresh.
type stocked struct {
	key         string
	ids, tokens []uuid.UUID
}

// onlyTokens is the stock of which tokens are read.
func (s stocked) onlyTokens() stocked { return stocked{key: s.key, ids: s.tokens} }

// store makes a data directory with n credentials in it.
func store(ctx context.Context, dir string, n int) (stocked, error) {
	root, err := seal.GenerateRootKey()
	if err != nil {
		return stocked{}, err
	}
	jwtSecret := strings.Repeat("load-", 8)
	err = errors.Join(os.WriteFile(app.RootKeyPath(dir), root.Reveal(), 0o600), os.WriteFile(app.JWTSecretPath(dir), []byte(jwtSecret), 0o600))
	if err != nil {
		return stocked{}, err
	}
	var config app.Config
	parser, err := kong.New(&config)
	if err != nil {
		return stocked{}, err
	}
	if _, err := parser.Parse([]string{"--data", dir, "--credentials-per-provider", "0", "--credentials-per-user", "0"}); err != nil {
		return stocked{}, err
	}
	a, err := app.Open(ctx, config.WithDefaults(), "load", slog.New(slog.NewJSONHandler(io.Discard, nil)))
	if err != nil {
		return stocked{}, err
	}
	s, err := fill(ctx, a, n, n)
	return s, errors.Join(err, a.Close(ctx))
}

// fill stores passwords and tokens.
func fill(ctx context.Context, a *app.App, passwords, tokens int) (stocked, error) {
	organization, user := uuid.New(), uuid.New()
	person := strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindUser, ID: user, OrganizationID: organization, Role: strongroom.RoleAppUser}}
	all := make([]uuid.UUID, passwords+tokens)
	s := stocked{ids: all[:passwords], tokens: all[passwords:]}
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
	s.key = string(issued.Token.Reveal())
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
