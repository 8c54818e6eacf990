package backup

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

const (
	// firstWord begins the first line of every file, whatever its format.
	firstWord = "strongroom-backup/"
	firstLine = firstWord + "1\n"
	// maxFirstLine bounds the first line of any format, in bytes.
	maxFirstLine = 64

	labelSignature = "strongroom/backup/v1\x00"
)

// The letters that frames begin with.
const (
	frameHeader    = 'H'
	frameTable     = 'T'
	frameRow       = 'R'
	frameEnd       = 'E'
	frameTrailer   = 'Z'
	frameSignature = 'S'
)

// Bounds on what a file may ask a reader to keep.
const (
	maxJSON    = 1 << 20
	maxColumns = 1000
	// maxValue is above the longest checkpoint that the audit log takes.
	maxValue = 64 << 20
)

// Content says which of the two files one is.
type Content string

// The two files.
const (
	Data Content = "data"
	Keys Content = "keys"
)

// Header is what a file says of itself.
type Header struct {
	Content Content `json:"content"`
	// Generation is store.Generation of the binary that wrote it.
	Generation     int       `json:"generation"`
	InstallationID uuid.UUID `json:"installation_id"`
	// RootFingerprint names the root key of the time.
	RootFingerprint string `json:"root_fingerprint"`
	// CreatedAt is when the backup began: what was acknowledged before is in it.
	CreatedAt time.Time `json:"created_at"`
	// MadeBy is the version of strongroom.
	MadeBy string `json:"made_by"`
}

// tableHeader begins a table.
type tableHeader struct {
	Name string `json:"name"`
	// Columns are "name kind", with a question mark where they may be null.
	Columns []string `json:"columns"`
}

type trailer struct {
	Rows map[string]int64 `json:"rows"`
}

// The sentences about a file that is not what it should be. Each wraps one of these.
var (
	errNoBackup  = errors.New("it is no backup of strongroom's")
	errTruncated = errors.New("it ends too early, so that a part of it is missing: take another copy")
	errDamaged   = errors.New("it is damaged, as by a failing disk or a transfer that was not binary: take another copy")
	errNewer     = errors.New("it was written by a newer strongroom: restore it with that one")
	errMalformed = errors.New("it is not as strongroom writes backups")
)

func headerOf(t store.Table) tableHeader {
	h := tableHeader{Name: t.Name}
	for _, c := range t.Columns {
		text := c.Name + " " + string(c.Kind)
		if c.Null {
			text += "?"
		}
		h.Columns = append(h.Columns, text)
	}
	return h
}

// table is the table that a header begins.
func (h tableHeader) table() (store.Table, error) {
	t := store.Table{Name: h.Name}
	if len(h.Columns) == 0 || len(h.Columns) > maxColumns {
		return t, fmt.Errorf("%w: table %q has %d columns", errMalformed, h.Name, len(h.Columns))
	}
	for _, text := range h.Columns {
		name, kind, _ := strings.Cut(text, " ")
		kind, null := strings.CutSuffix(kind, "?")
		c := store.Column{Name: name, Kind: store.Kind(kind), Null: null}
		switch c.Kind {
		case store.KindUUID, store.KindInt, store.KindBool, store.KindTime, store.KindText, store.KindBytes:
		default:
			return t, fmt.Errorf("%w (column %s.%s is of kind %q)", errNewer, h.Name, name, kind)
		}
		if t.Column(name) >= 0 {
			return t, fmt.Errorf("%w: table %q has column %q twice", errMalformed, h.Name, name)
		}
		t.Columns = append(t.Columns, c)
	}
	return t, nil
}

// signed is what a file's signature covers.
func signed(digest [sha256.Size]byte) []byte { return append([]byte(labelSignature), digest[:]...) }
