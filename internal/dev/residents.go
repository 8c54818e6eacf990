package dev

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/identity"
	"strongroom/secret"
)

const (
	accountName   = "demo-worker"
	tokenLifetime = 30 * 24 * time.Hour
	pageSize      = 1000
)

// User is whom a token is made for.
type User struct {
	ID             uuid.UUID
	OrganizationID uuid.UUID
	Role           strongroom.Role
	// Email may be empty.
	Email string
}

// MintToken makes a user's token that a server over the data directory accepts. The
// lifetime is more than 0.
func MintToken(dir string, u User, lifetime time.Duration) (secret.Value, error) {
	key, err := app.ReadSecretFile(app.JWTSecretPath(dir))
	if err != nil {
		return secret.Value{}, fmt.Errorf("%w; strongroom dev makes one in its directory", err)
	}
	defer key.Destroy()
	now := time.Now()
	return identity.MintUserToken(key, identity.TokenClaims{
		Issuer: app.DevIssuer, Audience: app.DevAudience, UserID: u.ID, OrganizationID: u.OrganizationID,
		Role: u.Role, Email: u.Email, IssuedAt: now, ExpiresAt: now.Add(lifetime),
	})
}

// residents returns who lives in an installation. Their ids follow from the
// installation's, so that nothing but the database is needed to find them again.
func residents(installation uuid.UUID) (admin, member User) {
	id := func(of string) uuid.UUID { return uuid.NewSHA1(installation, []byte("strongroom/dev/"+of)) }
	organization := id("organization")
	return User{ID: id("admin"), OrganizationID: organization, Role: strongroom.RoleOrgAdmin, Email: "admin@example.com"},
		User{ID: id("member"), OrganizationID: organization, Role: strongroom.RoleAppUser, Email: "member@example.com"}
}

// settle finds or makes everybody, and makes their tokens.
func (t *tour) settle(ctx context.Context) error {
	installation, err := t.app.Store.Installation(ctx)
	if err != nil {
		return fmt.Errorf("the database cannot be read: %w", err)
	}
	admin, member := residents(installation.ID)
	t.state = state{URL: t.url, OrganizationID: admin.OrganizationID, AdminID: admin.ID, UserID: member.ID}
	if t.state.AdminToken, err = t.token(admin); err != nil {
		return err
	}
	if t.state.UserToken, err = t.token(member); err != nil {
		return err
	}
	operator := strongroom.Operator(admin.OrganizationID, ulid.Make().String())
	account, err := t.account(ctx, operator)
	if err != nil {
		return err
	}
	t.state.ServiceAccountID = account.ID
	t.state.Key, err = t.key(ctx, operator, account)
	return err
}

func (t *tour) token(u User) (api.SecretString, error) {
	token, err := MintToken(t.home.dir, u, tokenLifetime)
	if err != nil {
		return "", err
	}
	defer token.Destroy()
	return api.SecretString(token.Reveal()), nil
}

// account returns the service account, found by its name, or made.
func (t *tour) account(ctx context.Context, operator strongroom.Caller) (strongroom.ServiceAccount, error) {
	for offset := 0; ; offset += pageSize {
		page, err := t.app.Accounts.List(ctx, operator, strongroom.Page{Limit: pageSize, Offset: offset})
		if err != nil {
			return strongroom.ServiceAccount{}, err
		}
		for _, a := range page {
			if a.Name == accountName && !a.System() {
				return t.active(ctx, operator, a)
			}
		}
		if len(page) < pageSize {
			break
		}
	}
	about := "Fetches credentials in strongroom dev"
	return t.app.Accounts.Create(ctx, operator, strongroom.NewServiceAccount{Name: accountName, Description: &about})
}

// active activates an account that somebody deactivated while trying things.
func (t *tour) active(ctx context.Context, operator strongroom.Caller, a strongroom.ServiceAccount) (strongroom.ServiceAccount, error) {
	if a.Status == strongroom.ServiceAccountActive {
		return a, nil
	}
	t.notes = append(t.notes, "The service account was inactive and is active again.")
	return t.app.Accounts.SetStatus(ctx, operator, a.ID, strongroom.ServiceAccountActive)
}

// key returns the account's key out of dev.json where that one is still good, or
// another.
func (t *tour) key(ctx context.Context, operator strongroom.Caller, account strongroom.ServiceAccount) (api.SecretString, error) {
	known, err := t.home.knownKey()
	if err != nil {
		return "", err
	}
	if hash, err := identity.HashAPIKey(string(known)); err == nil {
		holder, err := t.app.Store.KeyByHash(ctx, hash)
		if err == nil && holder.Account.ID == account.ID && (holder.Key.ExpiresAt == nil || time.Now().Before(*holder.Key.ExpiresAt)) {
			return known, nil
		}
	}
	issued, err := t.app.Accounts.CreateKey(ctx, operator, account.ID, strongroom.NewAPIKey{Name: "dev"})
	if err != nil {
		return "", err
	}
	defer issued.Token.Destroy()
	return api.SecretString(issued.Token.Reveal()), nil
}
