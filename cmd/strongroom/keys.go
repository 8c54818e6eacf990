package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"strongroom/internal/seal"
	"strongroom/secret"
)

type keysCommand struct {
	Generate           generateCommand           `cmd:"" help:"Make a new root key." config:""`
	Status             keyStatusCommand          `cmd:"" help:"Say which keys seal how much, and how old they are." config:"Storage"`
	RotateRoot         rotateRootCommand         `cmd:"" help:"Replace the root key." config:"Storage"`
	RotateOrganization rotateOrganizationCommand `cmd:"" help:"Make a new key for an organization, and re-seal everything under it." config:"Storage"`
	RotateSigning      rotateSigningCommand      `cmd:"" help:"Make a new key that signs the audit log." config:"Storage"`
}

// Help implements kong.HelpProvider.
func (keysCommand) Help() string { return example("strongroom keys generate --out root.key") }

type generateCommand struct {
	Out string `help:"Write the key to this new file, for its owner alone to read, instead of to stdout." type:"path" placeholder:"FILE"`
}

// Help implements kong.HelpProvider.
func (generateCommand) Help() string {
	return `Whoever has the root key and the database has every secret; whoever loses it has none. Keep a copy away from the database.

` + example("umask 077; strongroom keys generate > root.key", "strongroom keys generate --out root.key")
}

// Run makes a key and writes it.
func (g *generateCommand) Run(ctx context.Context, sys system) error {
	key, err := seal.GenerateRootKey()
	if err != nil {
		return err
	}
	defer key.Destroy()
	if g.Out == "" {
		_, err := sys.stdout.Write(key.Reveal())
		return err
	}
	if err := writeNewKey(g.Out, key); err != nil {
		return err
	}
	keeper, err := seal.OpenKeeper(ctx, "file:"+g.Out)
	if err != nil {
		return err
	}
	defer keeper.Close()
	_, err = fmt.Fprintf(sys.stderr, "Wrote %s, fingerprint %s. Keep a copy away from the database.\n", g.Out, keeper.Fingerprint())
	return err
}

// writeNewKey never writes over a file: that one may hold the only copy of a key.
func writeNewKey(path string, key secret.Value) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already, and a key is never written over another: name a new file", path)
	}
	if err != nil {
		return fmt.Errorf("the key cannot be written: %w", err)
	}
	_, err = f.Write(key.Reveal())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("the key cannot be written: %w", err), os.Remove(path))
	}
	return nil
}
