package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/app"
	"strongroom/internal/rekey"
)

type rotateRootCommand struct {
	To string `help:"The new root key, as --root-key names one." required:"" placeholder:"URL"`
}

// Help implements kong.HelpProvider.
func (rotateRootCommand) Help() string {
	return `Has the new root key wrap every organization's key and every audit signing key, all of them or none, and makes it the database's. Servers may run: start them with --next-root-key first, and none of them notices; without that, each has to be started anew with the new key, and says so on /readyz until then. Running it again does no harm.

` + example("strongroom keys generate --out new.key", "strongroom keys rotate-root --to file:new.key --root-key file:root.key --database-url sqlite:strongroom.db")
}

// Run replaces the root key.
func (c *rotateRootCommand) Run(ctx context.Context, root *cli, sys system) error {
	// The new key is a root key of this process from the start: if the database has it
	// already, the command finds that out.
	root.Config.NextRootKey = c.To
	return root.act(ctx, "keys rotate-root", func(a *app.App) error {
		if len(a.Keepers) < 2 {
			return errors.New("--to names the root key that --root-key names: make another with strongroom keys generate --out new.key")
		}
		meter := newMeter(sys.stderr, "keys rewrapped")
		moved, err := a.Keys.RotateRoot(ctx, operator(uuid.Nil), a.Keepers[0], a.Keepers[1], meter.tell)
		meter.end()
		if moved.To == "" {
			return err
		}
		_, printed := fmt.Fprintf(sys.stdout, `The root key is replaced: %d organization keys and %d signing keys are wrapped by the new one.
  was  %s
  is   %s
Now set --root-key to %s for every server and command, and restart the servers.
Make a new keys file for the backups (strongroom backup --keys-only). Keep the old root key as
long as a backup may be needed that only it opens; then destroy it.
`, moved.Organizations, moved.Signing, moved.From, moved.To, c.To)
		return errors.Join(printed, remain(sys.stdout, moved.Remains), err)
	})
}

// remain prints what is left to the operator, if anything is.
func remain(w io.Writer, remains string) error {
	if remains == "" {
		return nil
	}
	_, err := fmt.Fprintf(w, "Left to do: %s.\n", remains)
	return err
}

type rotateOrganizationCommand struct {
	ID        uuid.UUID     `arg:"" optional:"" help:"The organization."`
	All       bool          `help:"Every organization whose newest key is older than --older-than, or whose rotation is unfinished."`
	OlderThan time.Duration `help:"With --all: how old the newest key of an organization must be." default:"24h"`
}

// Help implements kong.HelpProvider.
func (rotateOrganizationCommand) Help() string {
	return `Makes a new key for the organization and re-seals everything under it, while servers read and write. Killed, it goes on where it was when it is run again: whatever is sealed under another than a key that is less than a day old is re-sealed under that one, and no further key is made. Old keys are kept. Ends with status 1 where something does not open, and names it.

` + example("strongroom keys rotate-organization 0199c3a8-0000-7000-8000-000000000001", "strongroom keys rotate-organization --all --older-than 2160h")
}

// Validate is kong's hook.
func (c *rotateOrganizationCommand) Validate() error {
	switch {
	case c.All == (c.ID != uuid.Nil):
		return errors.New("name an organization, or give --all")
	case c.OlderThan < 0:
		return errors.New("--older-than must be 0 or more")
	}
	return nil
}

// Run rotates the key of one organization, or of all.
func (c *rotateOrganizationCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.act(ctx, "keys rotate-organization", func(a *app.App) error {
		if !c.All {
			return rotateOrganization(ctx, a, sys, c.ID)
		}
		return c.all(ctx, a, sys)
	})
}

// all goes on with the next organization where a record of one does not open.
func (c *rotateOrganizationCommand) all(ctx context.Context, a *app.App, sys system) error {
	status, err := rekey.Look(ctx, a.Store, uuid.Nil)
	if err != nil {
		return err
	}
	rotated, left, broken := 0, 0, 0
	for _, o := range status.Organizations {
		if !c.wants(o, time.Now()) {
			left++
			continue
		}
		switch err := rotateOrganization(ctx, a, sys, o.ID); {
		case errors.Is(err, rekey.ErrBroken):
			broken++
		case err != nil:
			return err
		}
		rotated++
	}
	if _, err := fmt.Fprintf(sys.stdout, "Organizations gone through: %d; left, because they are erased, have no key, or one that is young enough: %d.\n", rotated, left); err != nil {
		return err
	}
	if broken > 0 {
		return fmt.Errorf("in %d organizations records do not open; they are named above", broken)
	}
	return nil
}

// wants tells whether there is something to do for an organization.
func (c *rotateOrganizationCommand) wants(o rekey.OrganizationStatus, now time.Time) bool {
	if o.ErasedAt != nil || len(o.Keys) == 0 {
		return false
	}
	return o.Older()+o.Lost > 0 || now.Sub(o.Keys[len(o.Keys)-1].CreatedAt) >= c.OlderThan
}

func rotateOrganization(ctx context.Context, a *app.App, sys system, id uuid.UUID) error {
	meter := newMeter(sys.stderr, "records re-sealed")
	done, err := a.Keys.RotateOrganization(ctx, operator(id), meter.tell)
	meter.end()
	for _, b := range done.Broken {
		if _, err := fmt.Fprintf(sys.stdout, "%s: %s %s: %s\n", id, b.Kind, b.ID, printable(b.Reason.Error())); err != nil {
			return err
		}
	}
	how := "a new key"
	switch {
	case err != nil && !errors.Is(err, rekey.ErrBroken):
		return err
	case done.Version == 0:
		_, err := fmt.Fprintf(sys.stdout, "%s: it has no key yet, and nothing that is sealed.\n", id)
		return err
	case done.Resumed:
		how = "a rotation that was unfinished"
	}
	_, printed := fmt.Fprintf(sys.stdout, "%s: key version %d (%s); records re-sealed: %d, records that do not open: %d.\n", id, done.Version, how, done.Resealed, len(done.Broken))
	return errors.Join(printed, err)
}

type rotateSigningCommand struct{}

// Help implements kong.HelpProvider.
func (rotateSigningCommand) Help() string {
	return `Makes a new key that signs the audit log and retires the one so far; what that has signed goes on to verify. Running servers sign with the new one within a minute. What a retired key signs an hour later is a problem that strongroom audit verify reports.

` + example("strongroom keys rotate-signing")
}

// Run replaces the key.
func (rotateSigningCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.act(ctx, "keys rotate-signing", func(a *app.App) error {
		made, err := a.Keys.RotateSigning(ctx, operator(uuid.Nil), a.Keepers)
		if err != nil {
			return err
		}
		// The last checkpoint of this process is the new key's first, and names every chain.
		if err := a.Audit.SetSigner(made.Signer); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.stdout, "The audit log is signed by a new key: %s. Keys retired: %d.\n", made.Key.ID, made.Retired)
		return err
	})
}

// meterEvery is how often progress is shown, at most.
const meterEvery = time.Second

// meter shows progress: on a terminal on one line, and otherwise now and then on a line each.
type meter struct {
	w        io.Writer
	what     string
	terminal bool
	last     time.Time
	shown    bool
}

func newMeter(w io.Writer, what string) *meter {
	m := &meter{w: w, what: what, last: time.Now()}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		m.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return m
}

// tell implements rekey.Progress.
func (m *meter) tell(done, total int) {
	if now := time.Now(); now.Sub(m.last) >= meterEvery {
		m.last, m.shown = now, true
		end := "\n"
		if m.terminal {
			end = "\r"
		}
		_, _ = fmt.Fprintf(m.w, "%s: %d of %d%s", m.what, done, total, end)
	}
}

// end leaves the line that progress is shown on.
func (m *meter) end() {
	if m.shown && m.terminal {
		_, _ = fmt.Fprintln(m.w)
	}
}
