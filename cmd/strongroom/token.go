package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/dev"
)

type tokenCommand struct {
	Organization uuid.UUID     `help:"The user's organization." required:"" placeholder:"UUID"`
	User         uuid.UUID     `help:"The user." required:"" placeholder:"UUID"`
	Role         string        `help:"The user's role: org_admin, app_user, backoffice, worker, publisher or integration." required:"" enum:"org_admin,app_user,backoffice,worker,publisher,integration" placeholder:"ROLE"`
	Email        string        `help:"The user's e-mail address."`
	Expires      time.Duration `help:"How long the token is good for." default:"1h" placeholder:"DURATION"`
}

// Help implements kong.HelpProvider.
func (tokenCommand) Help() string {
	return `Signs with the secret in --data (.strongroom where none is given), which a server over that directory trusts. Production's tokens come from your own issuer.

` + example("strongroom token --data .strongroom --organization 0199c3a8-0000-7000-8000-000000000001 \\",
		"    --user 0199c3a8-0000-7000-8000-000000000002 --role app_user --expires 1h")
}

// Run prints the token.
func (t *tokenCommand) Run(root *cli, sys system) error {
	if t.Expires <= 0 {
		return errors.New("--expires must be more than 0")
	}
	token, err := dev.MintToken(cmp.Or(root.Config.Data, dev.Directory), dev.User{
		ID: t.User, OrganizationID: t.Organization, Role: strongroom.Role(t.Role), Email: t.Email,
	}, t.Expires)
	if err != nil {
		return err
	}
	defer token.Destroy()
	_, err = fmt.Fprintf(sys.stdout, "%s\n", token.Reveal())
	return err
}
