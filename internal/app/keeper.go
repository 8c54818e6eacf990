package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"strongroom/internal/seal"
	"strongroom/internal/seal/keyservice"
)

// How a key service that is away is waited for.
const (
	// keyPatience is how long a command waits: whoever typed it is waiting too.
	keyPatience   = 5 * time.Second
	firstKeyPause = 500 * time.Millisecond
	lastKeyPause  = 30 * time.Second
)

func (a *App) openKeeper(ctx context.Context) error {
	keeper, err := openKeeper(ctx, a.Config.RootKey, a.Log, a.patience)
	if err != nil {
		return err
	}
	a.Keeper = keeper
	a.addKeeper(keeper)
	if a.Config.NextRootKey == "" {
		return nil
	}
	next, err := openKeeper(ctx, a.Config.NextRootKey, a.Log, a.patience)
	if err != nil {
		return fmt.Errorf("the next root key: %w", err)
	}
	a.addKeeper(next)
	return nil
}

// addKeeper has the keeper closed with the service. One that is there already adds nothing.
func (a *App) addKeeper(keeper seal.Keeper) {
	a.onClose(func(context.Context) error { return keeper.Close() })
	if _, err := a.Keepers.For(keeper.Fingerprint()); err == nil {
		return
	}
	a.Keepers = append(a.Keepers, keeper)
	if remote, ok := keeper.(*seal.Remote); ok {
		a.Log.Info("the root key is in a key service", "key", remote.Name(), "fingerprint", remote.Fingerprint())
	}
}

// openKeepers opens the root keys of a configuration for a command: the one, and the next
// where there is one. close is for use whatever comes of it.
func openKeepers(ctx context.Context, c Config) (keepers seal.Keepers, close func() error, err error) {
	close = func() (err error) {
		for _, k := range keepers {
			err = errors.Join(err, k.Close())
		}
		return err
	}
	for _, where := range []string{c.RootKey, c.NextRootKey} {
		if where == "" && keepers != nil {
			continue
		}
		keeper, err := openKeeper(ctx, where, nil, keyPatience)
		if err != nil {
			return keepers, close, err
		}
		keepers = append(keepers, keeper)
	}
	return keepers, close, nil
}

// openKeeper opens the keeper at the location; log may be nil.
func openKeeper(ctx context.Context, where string, log *slog.Logger, patience time.Duration) (keeper seal.Keeper, err error) {
	err = whileAway(ctx, log, patience, func(ctx context.Context) (err error) {
		keeper, err = keyservice.Open(ctx, where, keyservice.Options{})
		return err
	})
	return keeper, err
}

// whileAway does what asks the keeper, as the App's own patience says.
func (a *App) whileAway(ctx context.Context, ask func(context.Context) error) error {
	return whileAway(ctx, a.Log, a.patience, ask)
}

// whileAway does what asks a keeper, again and again while the key service is away, and
// says so: until the context ends or, where patience is not 0, that has passed. Any other
// error, a refusal above all, is returned at once.
func whileAway(ctx context.Context, log *slog.Logger, patience time.Duration, ask func(context.Context) error) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if patience > 0 {
		limited, cancel = context.WithTimeout(ctx, patience)
	}
	defer cancel()
	var away error
	for pause := firstKeyPause; ; pause = min(2*pause, lastKeyPause) {
		err := ask(limited)
		if seal.Away(err) {
			away = err
		} else if err == nil || limited.Err() == nil {
			return err
		}
		if limited.Err() == nil && log != nil {
			log.Warn("waiting for the key service, without which nothing can be opened", "reason", away, "again", pause.String())
		}
		select {
		case <-limited.Done():
			return gaveUp(ctx, away)
		// Half of it is chance, so that many processes do not ask in step.
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
	}
}

// gaveUp is the error of a wait that ended: the caller's own, or why the service was away.
func gaveUp(ctx context.Context, away error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case away == nil:
		return fmt.Errorf("%w: the key service does not answer within %s", seal.ErrKeeper, keyPatience)
	}
	return away
}
