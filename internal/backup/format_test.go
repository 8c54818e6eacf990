package backup

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"strongroom/internal/store"
)

// readAll reads a file to its end, and returns how many rows it has.
func readAll(content []byte) (rows int64, err error) {
	r, err := newReader(bytes.NewReader(content))
	if err != nil {
		return 0, err
	}
	return drain(r)
}

func drain(r *reader) (rows int64, err error) {
	for {
		var more bool
		if more, err = r.next(); err != nil || !more {
			break
		}
		for err == nil {
			var row store.Row
			if row, err = r.nextRow(); row == nil {
				break
			}
			rows++
		}
		if err != nil {
			break
		}
	}
	return rows, err
}

// rewrite writes a file anew, frame by frame, with changes: header may change what it says,
// table which rows a table has, or leave it out (nil). signer signs it.
type rewrite struct {
	header func(*Header)
	table  func(t store.Table, rows []store.Row) (store.Table, []store.Row)
}

func (s *scene) rewrite(data string, w rewrite) string {
	s.Helper()
	r, err := newReader(bytes.NewReader(contentOf(s.T, data)))
	must(s.T, err)
	if w.header != nil {
		w.header(&r.Header)
	}
	var out bytes.Buffer
	to, err := newWriter(&out, r.Header)
	must(s.T, err)
	for {
		more, err := r.next()
		must(s.T, err)
		if !more {
			break
		}
		t, rows := r.table, []store.Row{}
		for {
			row, err := r.nextRow()
			must(s.T, err)
			if row == nil {
				break
			}
			rows = append(rows, row.Clone())
		}
		if w.table != nil {
			t, rows = w.table(t, rows)
		}
		if rows != nil {
			must(s.T, to.table(t, each(rows)))
		}
	}
	must(s.T, to.end(s.signer))
	return s.file(fmt.Sprintf("rewritten-%d.backup", rand.Uint64()), out.Bytes())
}

func TestATruncatedFileIsSaidToBe(t *testing.T) {
	s := newScene(t)
	s.furnish()
	data := s.backup()
	for _, path := range []string{data, s.keys()} {
		content := contentOf(t, path)
		for n := range content {
			if _, err := readAll(content[:n]); !errors.Is(err, errTruncated) {
				t.Fatalf("%d bytes of %d: %v", n, len(content), err)
			}
		}
		if _, err := readAll(content); err != nil {
			t.Fatalf("the whole file: %v", err)
		}
	}
	_, err := Check(t.Context(), s.options(s.file("short.backup", contentOf(t, data)[:900])))
	wantRefused(t, err, "ends too early, so that a part of it is missing: take another copy")
}

// TestEveryFlippedBitIsNoticed that changes anything, though not every one looks like damage:
// one in the first line makes it no backup, one in a length the rest of the file too short.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	s := newScene(t)
	s.furnish()
	data := s.backup()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, path := range []string{data, s.keys()} {
		content := contentOf(t, path)
		damaged, same := 0, 0
		for i := range content {
			bits := []int{random.IntN(8)}
			if i < 64 {
				bits = []int{0, 1, 2, 3, 4, 5, 6, 7}
			}
			for _, bit := range bits {
				flipped := slices.Clone(content)
				flipped[i] ^= 1 << bit
				_, err := readAll(flipped)
				if err == nil {
					same++ // the compression can say the same in other ways: the digest was right
					continue
				}
				if errors.Is(err, errMalformed) && i >= len(firstLine) {
					t.Fatalf("bit %d of byte %d is flipped, and taken for another form: %v", bit, i, err)
				}
				if errors.Is(err, errDamaged) {
					damaged++
				}
			}
		}
		if damaged < len(content)/2 || same > len(content)/50 {
			t.Errorf("of %d flips, %d are said to be damage, and %d change nothing", len(content), damaged, same)
		}
	}
	content := contentOf(t, data)
	content[len(content)/2] ^= 4
	_, err := Check(t.Context(), s.options(s.file("flipped.backup", content)))
	wantRefused(t, err, "it is damaged, as by a failing disk")
}

func TestWhatIsNoBackupIsSaidToBe(t *testing.T) {
	s := newScene(t)
	data := s.backup()
	for name, test := range map[string]struct {
		content []byte
		words   string
	}{
		"something else":       {bytes.Repeat([]byte("SQLite format 3\x00"), 100), "it is no backup of strongroom's"},
		"a newer format":       {append([]byte("strongroom-backup/2\n"), contentOf(t, data)[len(firstLine):]...), `it was written by a newer strongroom: restore it with that one (its format is "2"`},
		"something behind it":  {append(contentOf(t, data), 0), "something follows its end"},
		"two files in one":     {append(contentOf(t, data), contentOf(t, data)...), "something follows its end"},
		"compressed otherwise": {recompress(t, contentOf(t, data)), "it is damaged"},
		"nothing":              {nil, "it is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Check(t.Context(), s.options(s.file("other.backup", test.content)))
			wantRefused(t, err, test.words)
		})
	}
}

func recompress(t *testing.T, content []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(content[len(firstLine):]))
	must(t, err)
	out := bytes.NewBufferString(firstLine)
	w := gzip.NewWriter(out)
	w.Name = "elsewhere"
	_, err = io.Copy(w, r)
	must(t, errors.Join(err, w.Close()))
	return out.Bytes()
}

// TestAFileThatIsNotOfThisBinary is signed as it should be: an older or newer one wrote it.
func TestAFileThatIsNotOfThisBinary(t *testing.T) {
	s := newScene(t)
	s.furnish()
	data := s.backup()
	of := func(name string, change func(store.Table, []store.Row) (store.Table, []store.Row)) func(store.Table, []store.Row) (store.Table, []store.Row) {
		return func(t store.Table, rows []store.Row) (store.Table, []store.Row) {
			if t.Name == name {
				return change(t, rows)
			}
			return t, rows
		}
	}
	column := func(c store.Column) func(t store.Table, rows []store.Row) (store.Table, []store.Row) {
		return func(t store.Table, rows []store.Row) (store.Table, []store.Row) {
			t.Columns = append(slices.Clone(t.Columns), c)
			for i := range rows {
				rows[i] = append(rows[i], nil)
			}
			return t, rows
		}
	}
	for name, test := range map[string]struct {
		rewrite rewrite
		words   string
	}{
		"a missing table": {rewrite{table: of("api_keys", func(t store.Table, _ []store.Row) (store.Table, []store.Row) { return t, nil })},
			"table api_keys is missing in it: it is no whole backup"},
		"no public keys": {rewrite{table: of(signingKeys, func(t store.Table, _ []store.Row) (store.Table, []store.Row) { return t, nil })},
			"table signing_keys is missing in it"},
		"a table of the future": {rewrite{table: of("rotations", func(t store.Table, rows []store.Row) (store.Table, []store.Row) { t.Name = "surprises"; return t, rows })},
			"written by a newer strongroom: restore it with that one (table \"surprises\" is not known)"},
		"a column of the future": {rewrite{table: of("organizations", column(store.Column{Name: "colour", Kind: store.KindText, Null: true}))},
			"written by a newer strongroom: restore it with that one (column organizations.\"colour\" is not known)"},
		"a kind of the future": {rewrite{table: of("organizations", column(store.Column{Name: "colour", Kind: "colour", Null: true}))},
			"column organizations.colour is of kind \"colour\""},
		"a generation of the future": {rewrite{header: func(h *Header) { h.Generation = store.Generation + 1 }}, "written by a newer strongroom"},
		"keys among the data": {rewrite{table: of("rotations", func(t store.Table, rows []store.Row) (store.Table, []store.Row) {
			return store.TableNamed("organization_keys"), []store.Row{}
		})}, "table organization_keys does not belong into it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Check(t.Context(), s.options(s.rewrite(data, test.rewrite)))
			wantRefused(t, err, test.words)
		})
	}
}

// TestAnOlderBackupIsRestored: what a later migration has added is then as that says of older
// rows.
func TestAnOlderBackupIsRestored(t *testing.T) {
	s := newScene(t)
	s.furnish()
	older := s.rewrite(s.backup(), rewrite{table: func(t store.Table, rows []store.Row) (store.Table, []store.Row) {
		if t.Name != "credentials" {
			return t, rows
		}
		part := t
		part.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(c store.Column) bool {
			return slices.Contains([]string{"rotated_at", "rotation_doubt", "known_host", "check_failures"}, c.Name)
		})
		for i, row := range rows {
			var kept store.Row
			for _, c := range part.Columns {
				kept = append(kept, row[t.Column(c.Name)])
			}
			rows[i] = kept
		}
		return part, rows
	}})
	into := s.open("restored.db")
	if _, err := Restore(t.Context(), s.options(older), into, operator); err != nil {
		t.Fatal(err)
	}
	must(t, into.Dump(t.Context(), func(v store.DumpView) error {
		for row, err := range v.Rows(store.TableNamed("credentials").Only("rotated_at", "rotation_doubt", "known_host", "check_failures")) {
			must(t, err)
			if row[0] != nil || row[1][0] != 0 || len(row[2]) != 0 || store.DecodeInt(row[3]) != 0 {
				t.Errorf("restored as %q", row)
			}
		}
		return nil
	}))
}

// TestEverySealedTableIsOpened: a table with sealed records that a check would pass over.
func TestEverySealedTableIsOpened(t *testing.T) {
	for _, table := range store.Tables {
		if _, known := sealedTables[table.Name]; known != (table.Column("sealed") >= 0) {
			t.Errorf("%s: sealed records %v, opened %v", table.Name, !known, known)
		}
	}
}

func FuzzReader(f *testing.F) {
	var whole bytes.Buffer
	w, err := newWriter(&whole, Header{Content: Data, Generation: store.Generation})
	if err != nil {
		f.Fatal(err)
	}
	organizations := store.TableNamed("organizations")
	rows := []store.Row{{make([]byte, 16), store.EncodeInt(7)}}
	if err := errors.Join(w.table(organizations, each(rows)), w.end(testSigner)); err != nil {
		f.Fatal(err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(whole.Bytes()[len(firstLine):]))
	if err != nil {
		f.Fatal(err)
	}
	content, err := io.ReadAll(plain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add(content[:len(content)-20])
	f.Add([]byte("H\x02{}T\x02{}"))
	f.Add([]byte("H\x02{}Z\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add([]byte("H\x02{}T\x2c{\"name\":\"a\",\"columns\":[\"a bytes?\",\"b int\"]}R\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, content []byte) {
		r := &reader{
			whole: bufio.NewReader(strings.NewReader("")), in: bufio.NewReader(bytes.NewReader(content)), digest: sha256.New(), rows: map[string]int64{},
		}
		err := r.header()
		if err == nil {
			_, err = drain(r)
		}
		wantSentence(t, err)
	})
}

// FuzzFile is the same with the compression, which the file's bytes go through first.
func FuzzFile(f *testing.F) {
	var whole bytes.Buffer
	w, err := newWriter(&whole, Header{Content: Keys, Generation: store.Generation})
	if err = errors.Join(err, w.end(testSigner)); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add([]byte(firstLine + gzipHead))
	f.Add([]byte("strongroom-backup/9\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		_, err := readAll(content)
		wantSentence(t, err)
	})
}

func wantSentence(t *testing.T, err error) {
	t.Helper()
	if err != nil && strings.ContainsAny(err.Error(), "\n\x00\x1b") {
		t.Errorf("no sentence: %q", err)
	}
}
