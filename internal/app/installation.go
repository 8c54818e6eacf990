package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/audit"
	"strongroom/internal/rekey"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// checkInstallation refuses a root key other than the one that the database was made
// with; in a new database it writes down which one that is.
func (a *App) checkInstallation(ctx context.Context) error {
	known, err := a.Store.Installation(ctx)
	if errors.Is(err, store.ErrNotFound) {
		known, err = a.install(ctx)
	}
	if err != nil {
		return fmt.Errorf("the database cannot be read: %w", err)
	}
	if err := checkRootKey(a.Keepers, known); err != nil {
		return err
	}
	if known.RootFingerprint != a.Keeper.Fingerprint() {
		a.Log.Info("the next root key is the database's already: set --root-key to it, and --next-root-key to nothing", "fingerprint", known.RootFingerprint)
	}
	return nil
}

// checkRootKey refuses root keys of which none is a database's own.
func checkRootKey(keepers seal.Keepers, known store.Installation) error {
	if _, err := keepers.For(known.RootFingerprint); err != nil {
		return fmt.Errorf("this is not the root key of this database: expected the key with fingerprint %s, found %s; set --root-key to the key that the database was made with, or was given since by strongroom keys rotate-root", known.RootFingerprint, keepers[0].Fingerprint())
	}
	return nil
}

// checkRoot says for /readyz whether this process still has the database's root key: it may
// have been replaced since the start.
func (a *App) checkRoot(ctx context.Context) error {
	known, err := a.Store.Installation(ctx)
	if err != nil {
		return err
	}
	if _, err := a.Keepers.For(known.RootFingerprint); err != nil {
		return fmt.Errorf("the root key was replaced: the database needs the one with fingerprint %s, this process has %s; set --root-key to the new one and restart", known.RootFingerprint, a.Keeper.Fingerprint())
	}
	return nil
}

func (a *App) install(ctx context.Context) (store.Installation, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.Installation{}, err
	}
	installation := store.Installation{ID: id, RootFingerprint: a.Keeper.Fingerprint(), CreatedAt: a.clock.Now()}
	err = a.Store.Write(ctx, func(tx store.Tx) error { return tx.CreateInstallation(installation) })
	if errors.Is(err, store.ErrDuplicate) {
		// Another process that started with this one was first.
		return a.Store.Installation(ctx)
	}
	return installation, err
}

// signer returns the audit signing key of the moment, or makes the first. The keeper is asked
// here for the first time: a root key that only looks like the right one ends the start.
func (a *App) signer(ctx context.Context) (signer audit.Signer, err error) {
	keys, err := a.Store.SigningKeys(ctx)
	if err != nil {
		return audit.Signer{}, fmt.Errorf("the audit signing keys cannot be read: %w", err)
	}
	err = a.whileAway(ctx, func(ctx context.Context) (err error) {
		if current, ok := rekey.CurrentSigningKey(keys); ok {
			signer, err = rekey.OpenSigningKey(ctx, a.Keepers, current)
		} else {
			signer, err = a.newSigner(ctx)
		}
		return err
	})
	return signer, err
}

func (a *App) newSigner(ctx context.Context) (audit.Signer, error) {
	known, err := a.Store.Installation(ctx)
	if err != nil {
		return audit.Signer{}, fmt.Errorf("the database cannot be read: %w", err)
	}
	keeper, err := a.Keepers.For(known.RootFingerprint)
	if err != nil {
		return audit.Signer{}, err
	}
	key, signer, err := rekey.NewSigningKey(ctx, keeper, a.clock)
	if err != nil {
		return audit.Signer{}, err
	}
	if err := a.Store.Write(ctx, func(tx store.Tx) error { return tx.CreateSigningKey(key) }); err != nil {
		return audit.Signer{}, fmt.Errorf("the audit signing key cannot be stored: %w", err)
	}
	return signer, nil
}

// followEvery is how soon a running server signs with a key that was made since: well within
// audit.RetirementGrace.
const followEvery = time.Minute

// followSigners has the audit log signed by the newest key, until the context ends. Where
// that one cannot be opened now, the one so far goes on signing, which verification allows
// for a while.
func (a *App) followSigners(ctx context.Context) {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := a.FollowSigner(ctx); err != nil && ctx.Err() == nil {
				a.Log.Warn("the audit log is still signed by the key so far", "key", a.Audit.SignedBy(), "reason", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// FollowSigner has the audit log signed by the newest key, where that is another than so far.
func (a *App) FollowSigner(ctx context.Context) error {
	keys, err := a.Store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	current, ok := rekey.CurrentSigningKey(keys)
	if !ok || current.ID == a.Audit.SignedBy() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, keyPatience)
	defer cancel()
	signer, err := rekey.OpenSigningKey(ctx, a.Keepers, current)
	if err != nil {
		return err
	}
	if err := a.Audit.SetSigner(signer); err != nil {
		return err
	}
	a.Log.Info("the audit log is signed by a new key", "key", current.ID)
	return nil
}
