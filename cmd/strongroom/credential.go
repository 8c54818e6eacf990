package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/store"
)

type credentialCommand struct {
	List    listCredentialsCommand   `cmd:"" help:"List an organization's credentials."`
	Show    showCredentialCommand    `cmd:"" help:"Show what is known of one credential, deleted or not."`
	Restore restoreCredentialCommand `cmd:"" help:"Bring a deleted credential back."`
	Test    testCredentialCommand    `cmd:"" help:"Test whether a credential opens what it is for." config:"Storage,Outbound"`
	Rotate  rotateCredentialCommand  `cmd:"" help:"Change a password or key at the far end." config:"Storage,Outbound"`
}

// Help implements kong.HelpProvider.
func (credentialCommand) Help() string {
	return example("strongroom credential restore 0199c3a8-0000-7000-8000-000000000004 --data .strongroom")
}

type listCredentialsCommand struct {
	Organization uuid.UUID `help:"The organization." required:"" placeholder:"UUID"`
	Deleted      bool      `help:"The deleted ones instead of the live ones."`
	JSON         bool      `help:"Print one JSON object a line." name:"json"`
}

// Help implements kong.HelpProvider.
func (listCredentialsCommand) Help() string {
	return example("strongroom credential list --organization 0199c3a8-0000-7000-8000-000000000001 --deleted")
}

// Run prints the credentials, newest first.
func (c *listCredentialsCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.look(ctx, func(s store.Store) error {
		list, err := whole(func(page strongroom.Page) ([]strongroom.Credential, error) {
			return s.ListCredentials(ctx, c.Organization, store.CredentialFilter{Page: page, Deleted: c.Deleted})
		})
		if err != nil {
			return store.Explain(err, "Credential")
		}
		return printCredentials(sys, c.JSON, list...)
	})
}

type showCredentialCommand struct {
	ID   uuid.UUID `arg:"" help:"The credential."`
	JSON bool      `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (showCredentialCommand) Help() string {
	return example("strongroom credential show 0199c3a8-0000-7000-8000-000000000004 --json")
}

// Run prints the credential.
func (c *showCredentialCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.look(ctx, func(s store.Store) error {
		found, err := s.LocateCredential(ctx, c.ID)
		if err != nil {
			return store.Explain(err, "Credential")
		}
		return printCredentials(sys, c.JSON, found)
	})
}

type restoreCredentialCommand struct {
	ID   uuid.UUID `arg:"" help:"The credential."`
	JSON bool      `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (restoreCredentialCommand) Help() string {
	return "It comes back as it was, under its id, within the organization's and the user's limits.\n\n" +
		example("strongroom credential restore 0199c3a8-0000-7000-8000-000000000004")
}

// Run restores the credential.
func (c *restoreCredentialCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.act(ctx, "credential restore", func(a *app.App) error {
		found, err := a.Store.LocateCredential(ctx, c.ID)
		if err != nil {
			return store.Explain(err, "Credential")
		}
		if found.DeletedAt == nil {
			return fmt.Errorf("credential %s is not deleted: there is nothing to restore", c.ID)
		}
		restored, err := a.Credentials.Restore(ctx, operator(found.OrganizationID), c.ID)
		if err != nil {
			return err
		}
		return printCredentials(sys, c.JSON, restored)
	})
}

func printCredentials(sys system, asJSON bool, list ...strongroom.Credential) error {
	return printList(sys.stdout, asJSON, list, credentialOf,
		[]string{"ID", "NAME", "PROVIDER", "TYPE", "OWNER", "STATUS", "VERSION", "CREATED", "DELETED"}, credentialRow)
}
