package backup_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/backup"
	"strongroom/internal/store/postgres/postgrestest"
)

// TestBackupsWhileServersAreWrittenTo: what was acknowledged before a backup began is in it,
// and the audit log in it verifies, whatever was under way.
func TestBackupsWhileServersAreWrittenTo(t *testing.T) {
	both(t, func(t *testing.T, i *installation) {
		const writers, backups = 4, 4
		p := i.start()
		n := newTenant(&p.Client)
		var stopped atomic.Bool
		var all sync.WaitGroup
		stopWriting := sync.OnceFunc(func() {
			stopped.Store(true)
			all.Wait()
		})
		defer stopWriting()
		stored := make(chan struct{}, 1<<16)
		for w := range writers {
			all.Go(func() {
				for k := 0; !stopped.Load(); k++ {
					if err := n.store(&p.Client, fmt.Sprintf("w%d-%d", w, k)); err != nil {
						t.Error(err)
						return
					}
					stored <- struct{}{}
				}
			})
		}
		kept := map[string]map[string]string{}
		to := t.TempDir()
		for range backups {
			for range 50 {
				<-stored
			}
			before := n.acknowledged()
			kept[i.backup(to)] = before
		}
		stopWriting()
		for data, before := range kept {
			wantIn(t, i, data, before)
			wantNoPlaintext(t, data, filepath.Join(to, backup.KeysName))
		}
		n.wantOpen(&p.Client, n.acknowledged())
		stop(p)
	})
}

// wantIn fails the test unless every credential is in the backup, as it was restored.
func wantIn(t *testing.T, i *installation, data string, before map[string]string) {
	t.Helper()
	i.check(data)
	other := i.on(nil)
	report := other.restore(data)
	if report.Records < int64(len(before)) {
		t.Errorf("%d records open, of %d that were acknowledged", report.Records, len(before))
	}
	s, err := app.OpenStore(t.Context(), other.config())
	must(t, err)
	defer s.Close()
	for id := range before {
		if _, err := s.LocateCredential(t.Context(), uuid.MustParse(id)); err != nil {
			t.Fatalf("credential %s was acknowledged before the backup began, and is not in it: %v", id, err)
		}
	}
}

// wantNoPlaintext looks for the secrets in files, as they are and unpacked.
func wantNoPlaintext(t *testing.T, paths ...string) {
	t.Helper()
	secret := []byte(plaintext)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		must(t, err)
		_, packed, _ := bytes.Cut(content, []byte("\n"))
		gz, err := gzip.NewReader(bytes.NewReader(packed))
		must(t, err)
		plain, err := io.ReadAll(gz)
		must(t, err)
		for _, form := range [][]byte{secret, []byte(hex.EncodeToString(secret)), []byte(base64.StdEncoding.EncodeToString(secret[:21]))} {
			if bytes.Contains(content, form) || bytes.Contains(plain, form) {
				t.Errorf("%s holds plaintext", path)
			}
		}
	}
}

// TestFromOneMachineToManyAndBack: credentials open, API keys work, and the log goes on.
func TestFromOneMachineToManyAndBack(t *testing.T) {
	one, to := newInstallation(t, nil), t.TempDir()
	p := one.start()
	n := newTenant(&p.Client)
	store := func(c *apptest.Client, label string) { must(t, n.store(c, label)) }
	for k := range 20 {
		store(&p.Client, fmt.Sprint("one-", k))
	}
	data := one.backup(to)
	stop(p)

	many := one.on(postgrestest.New(t))
	many.restore(data)
	p = many.start()
	q := many.start()
	n.wantOpen(&p.Client, n.acknowledged())
	store(&q.Client, "many")
	n.wantOpen(&p.Client, n.acknowledged())
	data = many.backup(to)
	stop(p)
	stop(q)

	back := one.on(nil)
	report := back.restore(data)
	if !report.Audit.OK() || len(report.Erased) > 0 {
		t.Errorf("restored with %+v", report)
	}
	p = back.start()
	n.wantOpen(&p.Client, n.acknowledged())
	store(&p.Client, "back")
	n.wantOpen(&p.Client, n.acknowledged())
	stop(p)
	if after := back.backup(to); !back.check(after).Audit.OK() {
		t.Error("the log does not verify after two restores")
	}
}
