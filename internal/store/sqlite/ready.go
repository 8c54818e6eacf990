package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"strongroom/internal/store"
)

// room is how many bytes must be free for Ready.
const room = 64 << 10

// errGrown takes back what canGrow wrote.
var errGrown = errors.New("the database can grow")

// Ready implements store.Store. It takes three questions to know that the next write
// will succeed, and none leaves anything larger than it was:
//
//   - Is there room on the disk? A commit alone does not tell: it may overwrite a part
//     of the log that has its blocks already. So a small file is written beside the
//     database, synced and removed.
//   - May the database grow? Pages are asked for, and given back by a savepoint.
//   - Does a commit reach the disk? One row is changed and committed.
func (db *DB) Ready(ctx context.Context) (err error) {
	if db.observe != nil {
		defer db.observed("ready", time.Now(), &err)
	}
	if db.readOnly {
		return errReadOnly
	}
	if err := db.file.intact(); err != nil {
		return err
	}
	if err := probeRoom(db.file.path); err != nil {
		return fmt.Errorf("%w: beside the database there is no room or no permission to write: %w", store.ErrUnavailable, err)
	}
	return db.write(ctx, func(t *tx) error {
		if err := t.Nested(t.grow); !errors.Is(err, errGrown) {
			return err
		}
		_, err := t.run("UPDATE readiness SET tick = 1 - tick", nil)
		return err
	})
}

// grow makes the database take more pages, and returns errGrown so that it gives
// them back.
func (t *tx) grow() error {
	_, err := t.run("UPDATE readiness SET filler = zeroblob(?)", func(p *params) { p.int(room) })
	if err != nil {
		return err
	}
	return errGrown
}

// probeRoom writes, syncs and removes a file beside the path. Its content is random:
// zeros may take no room on a file system that compresses.
func probeRoom(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-room-*")
	if err != nil {
		return err
	}
	content := make([]byte, room)
	_, _ = rand.Read(content) // never fails (crypto/rand)
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
