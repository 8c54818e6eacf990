package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/store"
)

type organizationCommand struct {
	List  listOrganizationsCommand `cmd:"" help:"List the organizations that something was made for."`
	Erase eraseCommand             `cmd:"" help:"Destroy an organization's keys and everything that it has, for good."`
}

// Help implements kong.HelpProvider.
func (organizationCommand) Help() string {
	return example("strongroom organization erase 0199c3a8-0000-7000-8000-000000000001")
}

type listOrganizationsCommand struct {
	JSON bool `help:"Print one JSON object a line." name:"json"`
}

// Help implements kong.HelpProvider.
func (listOrganizationsCommand) Help() string { return example("strongroom organization list") }

type organizationJSON struct {
	ID        uuid.UUID  `json:"id"`
	CreatedAt time.Time  `json:"created_at"`
	ErasedAt  *time.Time `json:"erased_at"`
}

// Run prints the organizations.
func (c *listOrganizationsCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.look(ctx, func(s store.Store) error {
		all, err := s.Organizations(ctx)
		if err != nil {
			return store.Explain(err, "Organization")
		}
		return printList(sys.stdout, c.JSON, all, func(o store.Organization) organizationJSON { return organizationJSON(o) },
			[]string{"ID", "KNOWN SINCE", "ERASED"}, func(o store.Organization) []string {
				erased := "-"
				if o.ErasedAt != nil {
					erased = o.ErasedAt.Format(time.RFC3339)
				}
				return []string{o.ID.String(), o.CreatedAt.Format(time.RFC3339), erased}
			})
	})
}

type eraseCommand struct {
	ID      uuid.UUID `arg:"" help:"The organization."`
	Confirm string    `help:"The organization's id once more, instead of typing it when asked: for scripts." placeholder:"UUID"`
}

// Help implements kong.HelpProvider.
func (eraseCommand) Help() string {
	return `Destroys every version of the organization's key and deletes its credentials (deleted ones too), OAuth clients, service accounts and API keys. What its keys sealed can never be read again: from the next request on by no server, and by no backup once strongroom backup, or strongroom backup --keys-only, has replaced the keys file. The audit log keeps its events, which hold no secrets. There is no way back. Run again after it was interrupted, it finishes.

` + example("strongroom organization erase 0199c3a8-0000-7000-8000-000000000001", "strongroom organization erase $ID --confirm $ID")
}

// Run erases the organization, once that is confirmed.
func (c *eraseCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.act(ctx, "organization erase", func(a *app.App) error {
		o, err := a.Store.Organization(ctx, c.ID)
		if err != nil {
			return store.Explain(err, "Organization")
		}
		if err := c.confirm(sys, o); err != nil {
			return err
		}
		done, err := a.Keys.Erase(ctx, operator(c.ID))
		if err != nil {
			return err
		}
		if done.Before {
			_, err = fmt.Fprintln(sys.stdout, "The organization had been erased before; the database's files are scrubbed once more.")
		} else {
			_, err = fmt.Fprintf(sys.stdout, "The organization is erased. Destroyed: keys %d, credentials %d, OAuth clients %d, service accounts %d, API keys %d.\n",
				done.Keys, done.Credentials, done.OAuthClients, done.Accounts, done.APIKeys)
		}
		if err != nil {
			return err
		}
		if err := remain(sys.stdout, done.Remains); err != nil {
			return err
		}
		_, err = fmt.Fprintln(sys.stdout, "Backups open it until their keys file is replaced: run strongroom backup --keys-only, and destroy older keys files.")
		return err
	})
}

// confirm refuses unless the organization's id was given twice.
func (c *eraseCommand) confirm(sys system, o store.Organization) error {
	typed := c.Confirm
	if typed == "" {
		_, err := fmt.Fprintf(sys.stderr, "This destroys everything of organization %s, known since %s, for good.\nType its id to go on: ", o.ID, strongroom.Timestamp(o.CreatedAt).Format(time.RFC3339))
		if err != nil {
			return err
		}
		typed, err = bufio.NewReader(io.LimitReader(sys.stdin, 1024)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("the confirmation cannot be read: %w", err)
		}
		if !strings.HasSuffix(typed, "\n") {
			_, _ = fmt.Fprintln(sys.stderr)
		}
	}
	if !strings.EqualFold(strings.TrimSpace(typed), o.ID.String()) {
		return errors.New("this is not the organization's id, so nothing was erased: type it in full, or give it once more with --confirm")
	}
	return nil
}
