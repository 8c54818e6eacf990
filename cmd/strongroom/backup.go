package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"strongroom/internal/app"
	"strongroom/internal/backup"
)

type backupCommand struct {
	To       string `help:"Directory that the backup is written to, under a name with the time." type:"path" placeholder:"DIR"`
	Keys     string `help:"The keys file, which each backup replaces; strongroom.keys in the directory where none is named." type:"path" placeholder:"FILE"`
	KeysOnly bool   `help:"Replace the keys file alone: after an organization was erased or the root key was rotated."`
	JSON     bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (backupCommand) Help() string {
	return `Works while servers run, and takes one consistent state. Both files are needed to restore, and the root key; neither holds a secret in the clear. The keys file has the wrapped keys: keep the newest one alone, so that what was erased stays unreadable. On PostgreSQL the URL names the role that owns the tables, or one that bypasses row-level security and may read them.

` + example("strongroom backup --to /backup --database-url sqlite:/var/lib/strongroom/strongroom.db --root-key file:root.key",
		"strongroom backup --keys-only --keys /backup/strongroom.keys")
}

// Run makes a backup and says what was written.
func (c *backupCommand) Run(ctx context.Context, root *cli, sys system) error {
	o := app.BackupOptions{Directory: c.To, Keys: c.Keys}
	switch {
	case c.KeysOnly && c.To != "" && c.Keys == "":
		o.Keys = filepath.Join(c.To, backup.KeysName)
	case c.To == "" && !c.KeysOnly:
		return sentence("name the directory that the backup is to be written to: --to DIR")
	case c.To == "" && c.Keys == "":
		return sentence("name the keys file that is to be replaced: --keys FILE, or --to DIR")
	case c.Keys == "":
		o.Keys = filepath.Join(c.To, backup.KeysName)
	}
	if c.KeysOnly {
		o.Directory = ""
	}
	done, err := app.Backup(ctx, root.settings(), o)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(sys.stdout, backupJSON{
			File: done.Data, Keys: o.Keys, InstallationID: done.Header.InstallationID.String(), CreatedAt: done.Header.CreatedAt, Rows: done.Rows, Bytes: done.Bytes,
		})
	}
	if done.Data != "" {
		if _, err := fmt.Fprintf(sys.stdout, "Wrote %s (rows: %d, bytes: %d).\n", done.Data, done.Rows, done.Bytes); err != nil {
			return err
		}
	}
	said := "Replaced %s, without which no backup opens.\n"
	if done.KeysKept {
		said = "Left %s as it is: another backup's is newer.\n"
	}
	_, err = fmt.Fprintf(sys.stdout, said, o.Keys)
	return err
}

type backupJSON struct {
	File           string    `json:"file,omitempty"`
	Keys           string    `json:"keys"`
	InstallationID string    `json:"installation_id"`
	CreatedAt      time.Time `json:"created_at"`
	Rows           int64     `json:"rows"`
	Bytes          int64     `json:"bytes"`
}
