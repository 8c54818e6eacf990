package backup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	driver "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

var (
	operator   = strongroom.Operator(uuid.Nil, "01K8KABR6S16YETA2SZPVBS9SP")
	testSigner = audit.Signer{KeyID: uuid.UUID{1}, Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
)

func TestAGoodBackup(t *testing.T) {
	s := newScene(t)
	s.furnish()
	s.credential(s.newOrganization())
	data := s.backup()
	for _, path := range []string{data, s.keys()} {
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
	if filepath.Base(data) != "strongroom-20310314T150000.000Z.backup" {
		t.Errorf("it is called %s", data)
	}
	r := s.check(data)
	if !r.OK() || r.OrganizationKeys != 2 || r.Records != 5 || r.Audit.Events < 3 || !r.Audit.OK() || r.Since.Compared || r.Since.Why != "there is none" {
		t.Errorf("found %+v", r)
	}
	if r.Header.InstallationID != s.installation || !r.Header.CreatedAt.Equal(began) || r.Header.MadeBy != "test" {
		t.Errorf("it says %+v", r.Header)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, "*.tmp"))
	if must(t, err); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestADataFileHoldsNoWrappedKey(t *testing.T) {
	s := newScene(t)
	s.furnish()
	key, err := s.db.CurrentOrganizationKey(t.Context(), s.organization)
	must(t, err)
	signing, err := s.db.SigningKeys(t.Context())
	must(t, err)
	data := s.rewrite(s.backup(), rewrite{}) // which leaves it as it is
	plain := decompress(t, data)
	for _, wrapped := range [][]byte{key.Wrapped, signing[0].WrappedPrivate} {
		if bytes.Contains(plain, wrapped) {
			t.Error("the data file holds a wrapped key")
		}
		if !bytes.Contains(decompress(t, s.keys()), wrapped) {
			t.Error("the keys file lacks a wrapped key")
		}
	}
	if !bytes.Contains(plain, signing[0].Public) || bytes.Contains(plain, []byte("plain-to-see")) {
		t.Error("the data file lacks a public key, or holds plaintext")
	}
}

func decompress(t *testing.T, path string) []byte {
	t.Helper()
	r, err := newReader(bytes.NewReader(contentOf(t, path)))
	must(t, err)
	var out bytes.Buffer
	_, err = r.in.WriteTo(&out)
	must(t, err)
	return out.Bytes()
}

func TestTheWrongFilesAndKeys(t *testing.T) {
	s, other := newScene(t), newScene(t)
	s.furnish()
	other.furnish()
	sister := newSceneOf(t, s.keeper) // another installation under the same root key
	sister.furnish()
	data, foreign := s.backup(), other.backup()
	sister.backup()
	for name, test := range map[string]struct {
		edit  func(o *Options)
		words string
	}{
		"another root key":            {func(o *Options) { o.Root = seal.Keepers{other.keeper} }, "expected the key with fingerprint " + s.keeper.Fingerprint() + ", found " + other.keeper.Fingerprint()},
		"another installation's data": {func(o *Options) { o.Data = foreign }, "is of another installation"},
		"another installation's keys": {func(o *Options) { o.Keys = sister.keys() }, "is of another installation"},
		"no keys":                     {func(o *Options) { o.Keys += ".gone" }, "is missing, without which nothing in a backup opens"},
		"no data":                     {func(o *Options) { o.Data += ".gone" }, "no such file"},
		"the keys in the data's place": {func(o *Options) { o.Data = o.Keys },
			"it is no backup but a keys file"},
		"the data in the keys' place": {func(o *Options) { o.Keys = o.Data }, "it is no keys file"},
		"a directory":                 {func(o *Options) { o.Data = s.dir }, "cannot be"},
		"truncated keys": {func(o *Options) { o.Keys = s.file("short.keys", contentOf(t, s.keys())[:200]) },
			"short.keys cannot be used: it ends too early"},
	} {
		t.Run(name, func(t *testing.T) {
			o := s.options(data)
			test.edit(&o)
			_, err := Check(t.Context(), o)
			wantRefused(t, err, test.words)
		})
	}
}

// TestAForgedBackup is what somebody makes who can write to where backups are kept, and has
// neither the root key nor the signing key.
func TestAForgedBackup(t *testing.T) {
	s := newScene(t)
	s.furnish()
	data := s.backup()
	slipIn := rewrite{table: func(t store.Table, rows []store.Row) (store.Table, []store.Row) {
		if t.Name == "api_keys" {
			rows[0][t.Column("hash")] = bytes.Repeat([]byte{7}, 32)
		}
		return t, rows
	}}
	genuine := s.signer
	s.signer.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
	_, err := Check(t.Context(), s.options(s.rewrite(data, slipIn)))
	wantRefused(t, err, "it is not what this installation wrote")
	s.signer.KeyID = uuid.New()
	_, err = Check(t.Context(), s.options(s.rewrite(data, slipIn)))
	wantRefused(t, err, "which is none of the keys file's")
	o := s.options(data)
	o.Keys = s.rewrite(s.keys(), rewrite{})
	_, err = Check(t.Context(), o)
	wantRefused(t, err, "it is signed by key")
	s.signer = genuine

	// Exchanged after it was found to be genuine.
	o = s.options(s.file("exchanged.backup", contentOf(t, data)))
	forged := contentOf(t, s.rewrite(data, slipIn))
	o.Trust = func(ctx context.Context, keys []store.SigningKey) (Trusted, error) {
		must(t, os.WriteFile(o.Data, forged, 0o600))
		return s.trust(ctx, keys)
	}
	_, err = Check(t.Context(), o)
	wantRefused(t, err, "it was changed while it was read")
}

// edit changes the database behind everybody's back.
func (s *scene) edit(statement string, args ...any) {
	s.Helper()
	c, err := driver.OpenConn(filepath.Join(s.dir, "live.db"), driver.OpenReadWrite)
	must(s.T, err)
	err = sqlitex.ExecuteTransient(c, statement, &sqlitex.ExecOptions{Args: args})
	must(s.T, errors.Join(err, c.Close()))
}

func TestWhatDoesNotOpenIsNamed(t *testing.T) {
	s := newScene(t)
	moved, good := s.credential(s.organization), s.credential(s.organization)
	s.edit("UPDATE credentials SET sealed = (SELECT sealed FROM credentials WHERE id = ?) WHERE id = ?", good.ID[:], moved.ID[:])
	r := s.check(s.backup())
	if r.OK() || r.ProblemCount != 1 || !strings.Contains(r.Problems[0], "credentials "+moved.ID.String()+" of organization "+s.organization.String()+" does not open") || r.Records != 1 {
		t.Errorf("found %+v", r)
	}
	_, err := Restore(t.Context(), s.options(s.backupAgain()), s.open("new.db"), operator)
	wantRefused(t, err, "nothing was restored, because the backup is not as it should be (problems: 1)")
}

// backupAgain makes another backup, a second later.
func (s *scene) backupAgain() string {
	s.Helper()
	s.now = s.now.Add(time.Second)
	done, err := Create(s.Context(), s.create())
	must(s.T, err)
	return done.Data
}

func TestAnEditedLogIsNoticed(t *testing.T) {
	s := newScene(t)
	s.furnish()
	s.edit("DROP TRIGGER audit_events_never_change")
	s.edit(`UPDATE audit_events SET body = replace(body, '"allowed"', '"denied"') WHERE sequence = 2`)
	r := s.check(s.backup())
	if r.OK() || r.Audit.OK() || !strings.Contains(r.Problems[0], "the audit log in it is not as it was written") {
		t.Errorf("found %+v", r)
	}
}

func TestTheKeysFileMustBeAsNewAsTheBackup(t *testing.T) {
	s := newScene(t)
	s.furnish()
	s.backup()
	older := s.file("older.keys", contentOf(t, s.keys()))
	s.credential(s.newOrganization())
	data := s.backupAgain()
	o := s.options(data)
	o.Keys = older
	r, err := Check(t.Context(), o)
	must(t, err)
	if r.OK() || !strings.Contains(r.Problems[0], "needs version 1 of the key of organization") || !strings.Contains(r.Problems[0], "before the backup") {
		t.Errorf("found %+v", r)
	}
	// The other way round is how it should be.
	first := filepath.Join(s.dir, "strongroom-20310314T150000.000Z.backup")
	if r := s.check(first); !r.OK() || r.OrganizationKeys != 2 {
		t.Errorf("found %+v", r)
	}
}

// TestAnErasedOrganizationStaysErased, in older backups too, once the keys file was replaced.
func TestAnErasedOrganizationStaysErased(t *testing.T) {
	s := newScene(t)
	s.furnish()
	gone := s.newOrganization()
	c := s.credential(gone)
	data := s.backup()
	s.now = s.now.Add(time.Minute)
	must(t, s.db.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.EraseOrganization(gone, s.now)
		return err
	}))
	o := s.create()
	o.Directory = ""
	done, err := Create(t.Context(), o)
	if must(t, err); done.Data != "" {
		t.Errorf("wrote %s", done.Data)
	}
	r := s.check(data)
	if !r.OK() || len(r.Erased) != 1 || r.Erased[0] != gone {
		t.Fatalf("found %+v", r)
	}
	into := s.open("new.db")
	_, err = Restore(t.Context(), s.options(data), into, operator)
	must(t, err)
	if _, err := into.LocateCredential(t.Context(), c.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the erased organization's credential: %v", err)
	}
	if o, err := into.Organization(t.Context(), gone); err != nil || o.ErasedAt == nil {
		t.Errorf("it may be used again: %+v, %v", o, err)
	}
	if list, err := into.ListCredentials(t.Context(), s.organization, store.CredentialFilter{Page: strongroom.Page{Limit: 9}}); err != nil || len(list) != 1 {
		t.Errorf("the other organization's: %v, %v", list, err)
	}
}

func TestTheKeysFileIsNotReplacedByChance(t *testing.T) {
	s, other := newScene(t), newScene(t)
	other.backup()
	s.now = began
	o := s.create()
	o.Keys = other.keys()
	_, err := Create(t.Context(), o)
	wantRefused(t, err, "is the keys file of another installation")
	o.Keys = s.file("notes.txt", []byte("do not lose this"))
	_, err = Create(t.Context(), o)
	wantRefused(t, err, "the keys file is not replaced")
	if found := contentOf(t, o.Keys); string(found) != "do not lose this" {
		t.Errorf("it holds %q", found)
	}
	o.Keys = s.keys()
	_, err = Create(t.Context(), o)
	must(t, err)

	// Of two backups at once, the later one's stays.
	newest := contentOf(t, s.keys())
	o.Directory = t.TempDir()
	early := true
	o.Clock = func() time.Time { // begun before the other, and written after it
		if early {
			early = false
			return began.Add(-time.Second)
		}
		return began.Add(time.Second)
	}
	done, err := Create(t.Context(), o)
	if must(t, err); !done.KeysKept || !bytes.Equal(contentOf(t, s.keys()), newest) {
		t.Error("a newer keys file was replaced")
	}
	// One of the future would stay for ever.
	o.Clock = func() time.Time { return began.Add(-time.Hour) }
	_, err = Create(t.Context(), o)
	wantRefused(t, err, "which has not come yet: set the clocks")
	o.Clock = s.clock
	// One that only claims to be newer does not.
	genuine := s.signer
	s.signer = testSigner
	must(t, os.Rename(s.rewrite(s.keys(), rewrite{header: func(h *Header) { h.CreatedAt = began.Add(24 * time.Hour) }}), s.keys()))
	s.signer, o.Directory = genuine, t.TempDir()
	if done, err = Create(t.Context(), o); err != nil || done.KeysKept {
		t.Errorf("a forged keys file stayed: %v", err)
	}
}

func TestNothingToBackUp(t *testing.T) {
	s := newScene(t)
	o := s.create()
	o.From = s.open("empty.db")
	_, err := Create(t.Context(), o)
	wantRefused(t, err, "there is nothing to back up")
	o = s.create()
	o.Directory = filepath.Join(s.dir, "not there")
	_, err = Create(t.Context(), o)
	wantRefused(t, err, "a file cannot be made in "+o.Directory+": no such file or directory")
}
