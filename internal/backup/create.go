package backup

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// CreateOptions say what to back up, and whereto.
type CreateOptions struct {
	From store.Dumper
	// Directory gets the data file; empty: the keys file alone is written.
	Directory string
	// Keys is the keys file.
	Keys   string
	Signer audit.Signer
	Clock  strongroom.Clock
	// MadeBy is the version of strongroom.
	MadeBy string
}

// Created is what was written.
type Created struct {
	Header Header
	// Data is the data file; empty: none was asked for.
	Data  string
	Bytes int64
	Rows  int64
	// KeysKept says that the keys file was left, because another backup's is newer.
	KeysKept bool
}

// ErrNothing: the database has not been set up.
var ErrNothing = errors.New("there is nothing to back up: the database was never used by a server")

// Create writes the keys file and then the data file, each whole or not at all, out of one
// view of the database. In this order, no data file is ever newer than its keys.
func Create(ctx context.Context, o CreateOptions) (Created, error) {
	done := Created{Header: Header{Generation: store.Generation, CreatedAt: o.Clock.Now(), MadeBy: o.MadeBy}}
	err := o.From.Dump(ctx, func(v store.DumpView) error {
		if err := identify(v, &done.Header); err != nil {
			return err
		}
		if err := o.writeKeys(v, &done); err != nil || o.Directory == "" {
			return err
		}
		return o.writeData(ctx, v, &done)
	})
	return done, err
}

// identify fills in whose backup it is.
func identify(v store.DumpView, h *Header) error {
	id, fingerprint, err := installation(v)
	h.InstallationID, h.RootFingerprint = id, fingerprint
	return err
}

// installation reads whose database it is; ErrNothing.
func installation(v store.DumpView) (id uuid.UUID, fingerprint string, err error) {
	err = ErrNothing
	for row, failed := range v.Rows(store.TableNamed("installation").Only("id", "root_fingerprint")) {
		if failed != nil {
			return id, "", failed
		}
		id, fingerprint, err = store.DecodeUUID(row[0]), string(row[1]), nil
	}
	return id, fingerprint, err
}

// writeKeys replaces the keys file, unless the one that is there is newer.
func (o CreateOptions) writeKeys(v store.DumpView, done *Created) error {
	h := done.Header
	h.Content = Keys
	trusted := map[uuid.UUID]ed25519.PublicKey{o.Signer.KeyID: o.Signer.Key.Public().(ed25519.PublicKey)}
	may, err := replaceable(o.Keys, h, o.Clock.Now(), trusted)
	if err != nil {
		return err
	}
	if done.KeysKept = !may; done.KeysKept {
		return nil
	}
	return writeWhole(o.Keys, true, func(f *os.File) error {
		w, err := newWriter(f, h)
		if err != nil {
			return err
		}
		for _, t := range store.Tables {
			if !t.Keys && !t.Shared {
				continue
			}
			if err := w.table(t, v.Rows(t)); err != nil {
				return fmt.Errorf("the keys file cannot be written: %w", cause(err))
			}
		}
		return w.end(o.Signer)
	})
}

// writeData writes the data file, named after the time.
func (o CreateOptions) writeData(ctx context.Context, v store.DumpView, done *Created) error {
	done.Header.Content = Data
	path := filepath.Join(o.Directory, namePrefix+done.Header.CreatedAt.Format(nameTime)+nameSuffix)
	err := writeWhole(path, false, func(f *os.File) error {
		if err := writeTables(ctx, f, v, done.Header, o.Signer, &done.Rows); err != nil {
			return fmt.Errorf("the backup cannot be written: %w", cause(err))
		}
		info, err := f.Stat()
		if err == nil {
			done.Bytes = info.Size()
		}
		return err
	})
	done.Data = path
	return err
}

// writeTables writes a data file. Of the signing keys it has the public halves, so that it
// shows which keys file goes with it; wrapped keys are in that alone.
func writeTables(ctx context.Context, to io.Writer, v store.DumpView, h Header, signer audit.Signer, count *int64) error {
	w, err := newWriter(to, h)
	if err != nil {
		return err
	}
	for _, t := range store.Tables {
		switch {
		case t.Name == signingKeys:
			t = t.Only("id", "public", "created_at")
		case t.Keys:
			continue
		}
		if err := w.table(t, counted(ctx, v.Rows(t), count)); err != nil {
			return err
		}
	}
	return w.end(signer)
}

const signingKeys = "signing_keys"

// counted counts rows, and ends with the context.
func counted(ctx context.Context, rows iter.Seq2[store.Row, error], count *int64) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for row, err := range rows {
			if err == nil {
				err = ctx.Err()
			}
			*count++
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}
