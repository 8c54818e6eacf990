package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/app"
	"strongroom/internal/backup"
)

type restoreCommand struct {
	File     string `arg:"" help:"The backup: a file that ends in .backup." type:"path"`
	Keys     string `help:"The keys file; strongroom.keys beside the backup where none is named." type:"path" placeholder:"FILE"`
	Check    bool   `help:"Check alone: read everything, write nothing."`
	Previous string `help:"The database that the restored one takes the place of, as --database-url names one, to find out what has changed since the backup; --check looks at the configured one." placeholder:"URL"`
}

// Help implements kong.HelpProvider.
func (restoreCommand) Help() string {
	return `A check says whether the backup is whole and genuine, whether the root key opens every record in it, whether the audit log in it verifies, and what has changed since: above all which accounts may have to be connected again, because their refresh token was replaced. Ends with status 0 where it can be restored, with 1 and a line for each problem otherwise. Without --check the same is done first; then everything is written to a new SQLite file, or to a PostgreSQL database with nothing in it but the schema, or nothing is. On PostgreSQL the URL names the role that owns the tables.

` + example("strongroom restore --check /backup/strongroom-20300102T030405.000Z.backup --root-key file:root.key",
		"strongroom restore /backup/strongroom-20300102T030405.000Z.backup --root-key file:root.key --database-url sqlite:/var/lib/strongroom/strongroom.db")
}

// Run checks a backup, and restores it.
func (c *restoreCommand) Run(ctx context.Context, root *cli, sys system) error {
	o := app.RestoreOptions{Data: c.File, Keys: c.Keys, Previous: c.Previous, Caller: operator(uuid.Nil)}
	act := app.RestoreBackup
	if c.Check {
		act = app.CheckBackup
	}
	report, err := act(ctx, root.settings(), o)
	if report != nil {
		if said := (checkPrinter{w: sys.stdout}).print(report); said != nil {
			return errors.Join(err, said)
		}
	}
	switch {
	case err != nil:
		return err
	case !report.OK():
		return fmt.Errorf("the backup is not as it should be (problems: %d)", report.ProblemCount)
	case c.Check:
		_, err = fmt.Fprintln(sys.stdout, "It can be restored.")
	default:
		_, err = fmt.Fprintln(sys.stdout, "It was restored, and reads as it was written. Start the servers, and make a new backup.")
	}
	return err
}

// checkPrinter prints a report; err is the first error of any write.
type checkPrinter struct {
	w   io.Writer
	err error
}

func (p *checkPrinter) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p checkPrinter) print(r *backup.Report) error {
	p.line("Backup of installation %s, begun %s by strongroom %s.", r.Header.InstallationID, r.Header.CreatedAt.Format(time.RFC3339), printable(r.Header.MadeBy))
	p.line("Keys file of %s, for the root key %s.", r.Keys.CreatedAt.Format(time.RFC3339), printable(r.Keys.RootFingerprint))
	for _, t := range r.Tables {
		p.line("  %-18s %d", t.Name, t.Rows)
	}
	p.line("It is whole, and signed by this installation (SHA-256 %s).", r.Digest)
	p.line("The root key opens %d organization keys, and they open %d sealed records.", r.OrganizationKeys, r.Records)
	if r.Audit.OK() {
		p.line("The audit log in it is whole (events: %d, chains: %d, checkpoints: %d).", r.Audit.Events, r.Audit.Chains, r.Audit.Checkpoints)
	}
	for _, id := range r.Erased {
		p.line("erased: organization %s was erased after the backup; of it only the audit log is restored", id)
	}
	p.since(r.Since)
	for _, text := range r.Problems {
		p.line("problem: %s", printable(text))
	}
	if p.err == nil && !r.Audit.OK() {
		p.err = printProblems(p.w, r.Audit)
	}
	return p.err
}

// since prints what has changed; none of it is a failure.
func (p *checkPrinter) since(c backup.Changes) {
	if !c.Compared {
		p.line("What has changed since cannot be known in full: %s.", printable(c.Why))
	}
	for _, each := range []struct {
		count int
		list  []backup.Changed
		label string
		what  string
	}{
		{c.ConsentCount, c.Consent, "may need consent", "Accounts that may have to be connected again, because their refresh token may have been replaced since"},
		{c.ReplacedCount, c.Replaced, "replaced", "Credentials whose secret was replaced or rotated since; the backup has the old one"},
		{c.RevivedCount, c.Revived, "deleted", "Credentials and API keys that were deleted since, and would be back"},
	} {
		if each.count > 0 {
			p.line("%s: %d", each.what, each.count)
		}
		for _, what := range each.list {
			p.line("%s: %s", each.label, printable(describeChanged(what)))
		}
		if more := each.count - len(each.list); more > 0 {
			p.line("%s: and %d more", each.label, more)
		}
	}
	if c.ConsentCount == 0 {
		p.line("No account is known to need to be connected again.")
	}
}

func describeChanged(c backup.Changed) string {
	kind := map[string]string{"credentials": "credential", "api_keys": "API key"}[c.Table]
	text := fmt.Sprintf("%s %s (%s)", kind, c.ID, cmp.Or(c.Name, "without a name"))
	if c.Provider != "" {
		text += " at " + c.Provider
	}
	if c.Owner != uuid.Nil {
		text += " of organization " + c.Owner.String()
	}
	if c.At != nil {
		text += ", renewed " + c.At.Format(time.RFC3339)
	}
	return text
}
