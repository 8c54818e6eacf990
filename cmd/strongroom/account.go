package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/store"
)

type serviceAccountCommand struct {
	Create     createAccountCommand `cmd:"" help:"Create an account and its first API key."`
	List       listAccountsCommand  `cmd:"" help:"List an organization's accounts and the system ones."`
	Grants     grantsCommand        `cmd:"" help:"Show or replace an account's grants."`
	Key        keyCommand           `cmd:"" help:"Make another API key for an account."`
	Activate   activateCommand      `cmd:"" help:"Accept an account's keys again."`
	Deactivate deactivateCommand    `cmd:"" help:"Refuse an account's keys until it is activated again."`
	Delete     deleteAccountCommand `cmd:"" help:"Delete an account and its keys for good."`
}

// Help implements kong.HelpProvider.
func (serviceAccountCommand) Help() string {
	return "Organizations' admins make and manage their accounts over HTTP; system accounts are made here alone.\n\n" +
		example("strongroom service-account create worker --system --data .strongroom")
}

// scope says whose an account is.
type scope struct {
	Organization uuid.UUID `help:"The organization whose account it is." placeholder:"UUID"`
	System       bool      `help:"It is a system account: the operator's own, good for every organization."`
}

// Validate is kong's hook once the values are known.
func (s scope) Validate() error {
	if s.System == (s.Organization != uuid.Nil) {
		return sentence("say whose account it is: --organization UUID, or --system")
	}
	return nil
}

func (s scope) caller() strongroom.Caller { return operator(s.Organization) }

// maxName and maxDescription are the HTTP API's limits, in characters.
const (
	maxName        = 255
	maxDescription = 2000
)

// checkTexts holds a name and a description to the HTTP API's limits.
func checkTexts(name, description string) error {
	if strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > maxName {
		return fmt.Errorf("a name has 1 to %d characters and more than white space", maxName)
	}
	if utf8.RuneCountInString(description) > maxDescription {
		return fmt.Errorf("a description has at most %d characters", maxDescription)
	}
	return nil
}

type createAccountCommand struct {
	Name string `arg:"" help:"The account's name, unique in the organization."`
	scope
	Description string        `help:"What the account is for."`
	Expires     time.Duration `help:"How long the key is good for; none: for ever." placeholder:"DURATION"`
	grantFlags
	JSON bool `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (createAccountCommand) Help() string {
	return `Prints the key's token, this once, on stdout. With no grant flag the account may read every credential of the organization and write none.

` + example("strongroom service-account create nightly-sync --data .strongroom \\",
		"    --organization 0199c3a8-0000-7000-8000-000000000001 --provider sftp --network 10.0.0.0/8",
		"strongroom service-account create worker --system --expires 720h")
}

// Run creates the account and its key.
func (c *createAccountCommand) Run(ctx context.Context, root *cli, sys system) error {
	if err := checkTexts(c.Name, c.Description); err != nil {
		return err
	}
	expires, err := expiry(c.Expires)
	if err != nil {
		return err
	}
	return root.act(ctx, "service-account create", func(a *app.App) error {
		account, err := a.Accounts.Create(ctx, c.caller(), strongroom.NewServiceAccount{
			Name: c.Name, Description: optional(c.Description), Grants: c.grants(), System: c.System,
		})
		if err != nil {
			return err
		}
		return issueKey(ctx, a, c.caller(), account, strongroom.NewAPIKey{Name: account.Name, ExpiresAt: expires}, sys, c.JSON)
	})
}

type keyCommand struct {
	ID uuid.UUID `arg:"" help:"The account."`
	scope
	Name        string        `help:"The key's name." default:"command line" placeholder:"NAME"`
	Description string        `help:"What the key is for."`
	Expires     time.Duration `help:"How long the key is good for; none: for ever." placeholder:"DURATION"`
	JSON        bool          `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (keyCommand) Help() string {
	return "Prints the key's token, this once, on stdout. The account's other keys go on working.\n\n" +
		example("strongroom service-account key 0199c3a8-0000-7000-8000-000000000003 --system --expires 720h")
}

// Run makes the key.
func (c *keyCommand) Run(ctx context.Context, root *cli, sys system) error {
	if err := checkTexts(c.Name, c.Description); err != nil {
		return err
	}
	expires, err := expiry(c.Expires)
	if err != nil {
		return err
	}
	return root.act(ctx, "service-account key", func(a *app.App) error {
		account, err := a.Accounts.Get(ctx, c.caller(), c.ID)
		if err != nil {
			return err
		}
		n := strongroom.NewAPIKey{Name: c.Name, Description: optional(c.Description), ExpiresAt: expires}
		return issueKey(ctx, a, c.caller(), account, n, sys, c.JSON)
	})
}

// issueKey makes a key and shows its token.
func issueKey(ctx context.Context, a *app.App, caller strongroom.Caller, account strongroom.ServiceAccount, n strongroom.NewAPIKey, sys system, asJSON bool) error {
	issued, err := a.Accounts.CreateKey(ctx, caller, account.ID, n)
	if err != nil {
		return err
	}
	defer issued.Token.Destroy()
	if asJSON {
		return printJSON(sys.stdout, issuedKeyJSON{accountOf(account), keyOf(issued.APIKey), string(issued.Token.Reveal())})
	}
	if _, err := fmt.Fprintf(sys.stdout, "%s\n", issued.Token.Reveal()); err != nil {
		return err
	}
	good := "does not expire"
	if issued.ExpiresAt != nil {
		good = "expires " + issued.ExpiresAt.Format(time.RFC3339)
	}
	_, err = fmt.Fprintf(sys.stderr, "API key %s of service account %s (%s). It %s and is shown this once: keep it now.\n",
		issued.ID, account.ID, printable(account.Name), good)
	return err
}

// expiry returns when something ends that is good for so long; nil: never.
func expiry(d time.Duration) (*time.Time, error) {
	if d == 0 {
		return nil, nil
	}
	if d < 0 {
		return nil, errors.New("--expires must be more than 0")
	}
	at := strongroom.Timestamp(time.Now().Add(d))
	return &at, nil
}

// optional returns nil for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

type listAccountsCommand struct {
	Organization uuid.UUID `help:"The organization; none: the system accounts alone." placeholder:"UUID"`
	JSON         bool      `help:"Print one JSON object a line." name:"json"`
}

// Help implements kong.HelpProvider.
func (listAccountsCommand) Help() string {
	return example("strongroom service-account list --organization 0199c3a8-0000-7000-8000-000000000001")
}

// Run prints the accounts, oldest first.
func (c *listAccountsCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.look(ctx, func(s store.Store) error {
		accounts, err := whole(func(page strongroom.Page) ([]strongroom.ServiceAccount, error) {
			return s.ListAccounts(ctx, c.Organization, page)
		})
		if err != nil {
			return store.Explain(err, "Service account")
		}
		return printList(sys.stdout, c.JSON, accounts, accountOf,
			[]string{"ID", "NAME", "STATUS", "SCOPE", "GRANTS", "CREATED"}, accountRow)
	})
}

type activateCommand struct{ statusCommand }

// Help implements kong.HelpProvider.
func (activateCommand) Help() string {
	return example("strongroom service-account activate 0199c3a8-0000-7000-8000-000000000003 --system")
}

// Run activates the account.
func (c *activateCommand) Run(ctx context.Context, root *cli, sys system) error {
	return c.set(ctx, root, sys, strongroom.ServiceAccountActive)
}

type deactivateCommand struct{ statusCommand }

// Help implements kong.HelpProvider.
func (deactivateCommand) Help() string {
	return example("strongroom service-account deactivate 0199c3a8-0000-7000-8000-000000000003 --system")
}

// Run deactivates the account.
func (c *deactivateCommand) Run(ctx context.Context, root *cli, sys system) error {
	return c.set(ctx, root, sys, strongroom.ServiceAccountInactive)
}

// statusCommand is what both of them take.
type statusCommand struct {
	ID uuid.UUID `arg:"" help:"The account."`
	scope
}

func (c *statusCommand) set(ctx context.Context, root *cli, sys system, status strongroom.ServiceAccountStatus) error {
	return root.act(ctx, "service-account status", func(a *app.App) error {
		account, err := a.Accounts.SetStatus(ctx, c.caller(), c.ID, status)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.stderr, "Service account %s (%s) is %s.\n", account.ID, printable(account.Name), account.Status)
		return err
	})
}

type deleteAccountCommand struct {
	ID uuid.UUID `arg:"" help:"The account."`
	scope
}

// Help implements kong.HelpProvider.
func (deleteAccountCommand) Help() string {
	return "The audit log keeps what the account did.\n\n" +
		example("strongroom service-account delete 0199c3a8-0000-7000-8000-000000000003 --system")
}

// Run deletes the account.
func (c *deleteAccountCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.act(ctx, "service-account delete", func(a *app.App) error {
		if err := a.Accounts.Delete(ctx, c.caller(), c.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintf(sys.stderr, "Service account %s is deleted and its keys with it.\n", c.ID)
		return err
	})
}
