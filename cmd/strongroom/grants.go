package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/store"
)

// grantFlags describe one grant.
type grantFlags struct {
	Provider      []string       `help:"Narrow the account to credentials of these providers." placeholder:"NAME" group:"Grant"`
	Credential    []uuid.UUID    `help:"Narrow the account to these credentials; with --provider too, to what either names." placeholder:"UUID" group:"Grant"`
	Network       []netip.Prefix `help:"Networks that the account must call from." placeholder:"CIDR" group:"Grant"`
	RefreshTokens bool           `help:"Reads show OAuth refresh tokens." group:"Grant"`
	Write         bool           `help:"The account may replace secret data." group:"Grant"`
	Until         *time.Time     `help:"When the grant ends; none: never." placeholder:"TIME" group:"Grant"`
}

// grants returns the one grant that the flags describe, none without flags.
func (f grantFlags) grants() []strongroom.Grant {
	if len(f.Provider)+len(f.Credential)+len(f.Network) == 0 && !f.RefreshTokens && !f.Write && f.Until == nil {
		return nil
	}
	return []strongroom.Grant{{
		CredentialIDs: f.Credential, Providers: f.Provider, RefreshTokens: f.RefreshTokens,
		Write: f.Write, Networks: f.Network, ExpiresAt: f.Until,
	}}
}

type grantsCommand struct {
	ID uuid.UUID `arg:"" help:"The account."`
	scope
	grantFlags
	Clear bool `help:"Lift every restriction: the account may then read every credential and write none."`
	JSON  bool `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (grantsCommand) Help() string {
	return `Without grant flags the account's grants are shown. Otherwise the one grant that the flags describe replaces all of them.

` + example("strongroom service-account grants 0199c3a8-0000-7000-8000-000000000003 --system",
		"strongroom service-account grants 0199c3a8-0000-7000-8000-000000000003 --system --provider sftp --write")
}

// Run shows or replaces the grants.
func (c *grantsCommand) Run(ctx context.Context, root *cli, sys system) error {
	grants := c.grants()
	if c.Clear && grants != nil {
		return errors.New("--clear goes with no other grant flag")
	}
	if grants == nil && !c.Clear {
		return root.look(ctx, func(s store.Store) error {
			account, err := s.Account(ctx, c.Organization, c.ID)
			if err != nil {
				return store.Explain(err, "Service account")
			}
			return printGrants(sys, account, c.JSON)
		})
	}
	return root.act(ctx, "service-account grants", func(a *app.App) error {
		account, err := a.Accounts.SetGrants(ctx, c.caller(), c.ID, grants)
		if err != nil {
			return err
		}
		return printGrants(sys, account, c.JSON)
	})
}

func printGrants(sys system, account strongroom.ServiceAccount, asJSON bool) error {
	if asJSON {
		return printJSON(sys.stdout, accountOf(account))
	}
	if len(account.Grants) == 0 {
		_, err := fmt.Fprintln(sys.stdout, "No grants: the account may read every credential of the organization and write none.")
		return err
	}
	return printTable(sys.stdout, []string{"CREDENTIALS", "PROVIDERS", "NETWORKS", "REFRESH TOKENS", "WRITE", "UNTIL"}, account.Grants, grantRow)
}

func grantRow(g strongroom.Grant) []string {
	yes := map[bool]string{true: "yes", false: "no"}
	credentials, providers := joined(g.CredentialIDs), strings.Join(g.Providers, ",")
	if credentials == "" && providers == "" {
		credentials = "all"
	}
	networks := joined(g.Networks)
	if networks == "" {
		networks = "anywhere"
	}
	until := "-"
	if g.ExpiresAt != nil {
		until = g.ExpiresAt.Format(time.RFC3339)
	}
	return []string{credentials, providers, networks, yes[g.RefreshTokens], yes[g.Write], until}
}

func joined[T fmt.Stringer](items []T) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.String()
	}
	return strings.Join(texts, ",")
}
