package backup

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// reader reads one file, from its first frame to its last. Its errors are sentences about
// the file.
type reader struct {
	Header Header

	whole  *bufio.Reader // of the file
	in     *bufio.Reader // of what was compressed
	digest hash.Hash
	// seen is what was read and is yet to be hashed.
	seen []byte

	table   store.Table
	rows    map[string]int64
	inTable bool
	row     store.Row
	values  []byte
	ends    []int

	// seal is the last frame's, once it was read.
	seal *signature
}

// signature is the last frame of a file.
type signature struct {
	digest    [sha256.Size]byte
	keyID     uuid.UUID
	signature [ed25519.SignatureSize]byte
}

// gzipHead is how the compression begins: its own checksum does not cover it.
const gzipHead = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"

func newReader(in io.Reader) (*reader, error) {
	r := &reader{whole: bufio.NewReaderSize(in, 1<<16), digest: sha256.New(), rows: map[string]int64{}}
	if err := r.first(); err != nil {
		return nil, err
	}
	if head, err := r.whole.Peek(len(gzipHead)); err == nil && string(head) != gzipHead {
		return nil, errDamaged
	}
	gz, err := gzip.NewReader(r.whole)
	if err != nil {
		return nil, r.explain(err)
	}
	gz.Multistream(false)
	r.in = bufio.NewReaderSize(gz, 1<<16)
	return r, r.header()
}

// header reads the first frame.
func (r *reader) header() error {
	frame, err := r.byte()
	if err != nil {
		return err
	}
	if frame != frameHeader {
		return r.judge(fmt.Errorf("%w: it has no header", errMalformed))
	}
	if err := r.json(&r.Header); err != nil {
		return r.judge(err)
	}
	if r.Header.Generation > store.Generation {
		return r.judge(fmt.Errorf("%w (generation %d, this one knows up to %d)", errNewer, r.Header.Generation, store.Generation))
	}
	return nil
}

// first reads the first line, which is not compressed.
func (r *reader) first() error {
	line, err := r.whole.Peek(maxFirstLine)
	if len(line) == 0 && err != nil {
		return fmt.Errorf("%w (it is empty)", errTruncated)
	}
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end+1]
	}
	switch text := string(line); {
	case text == firstLine:
	case strings.HasPrefix(firstLine, text):
		return errTruncated
	case strings.HasPrefix(text, firstWord) && strings.HasSuffix(text, "\n"):
		return fmt.Errorf("%w (its format is %s, this one knows 1)", errNewer, safe(strings.TrimSpace(text[len(firstWord):])))
	default:
		return errNoBackup
	}
	r.seen = append(r.seen, line...)
	_, err = r.whole.Discard(len(line))
	return err
}

// safe quotes what a file says in a sentence about it.
func safe(text string) string {
	if len(text) > 40 {
		text = text[:40]
	}
	return fmt.Sprintf("%q", text)
}

// explain makes a sentence of an error of the file or its compression.
func (r *reader) explain(err error) error {
	switch err {
	case nil:
		return nil
	case io.EOF, io.ErrUnexpectedEOF:
		return r.at(errTruncated)
	case gzip.ErrChecksum, gzip.ErrHeader:
		return r.at(errDamaged)
	}
	if strings.HasPrefix(err.Error(), "flate:") {
		return r.at(errDamaged)
	}
	return fmt.Errorf("it cannot be read: %w", err)
}

// at says where in the file an error is.
func (r *reader) at(err error) error {
	if !r.inTable {
		return err
	}
	return fmt.Errorf("%w (noticed in table %s, after row %d)", err, r.table.Name, r.rows[r.table.Name])
}

// judge returns why a frame makes no sense: where the compression's own checksum says that
// the file is not as it was written, that is why, and not what the damage looks like.
func (r *reader) judge(err error) error {
	if _, damaged := io.Copy(io.Discard, r.in); damaged != nil {
		return r.explain(damaged)
	}
	return err
}

// note keeps what was read for the digest.
func (r *reader) note(b ...byte) {
	r.seen = append(r.seen, b...)
	if len(r.seen) >= 1<<15 {
		r.hash()
	}
}

func (r *reader) hash() {
	r.digest.Write(r.seen)
	r.seen = r.seen[:0]
}

func (r *reader) byte() (byte, error) {
	b, err := r.in.ReadByte()
	if err != nil {
		return 0, r.explain(err)
	}
	r.note(b)
	return b, nil
}

func (r *reader) uvarint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := r.byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, r.judge(fmt.Errorf("%w: a length has no end", errMalformed))
}

// append reads n bytes behind what is there. What a length promises is not believed before
// it is there.
func (r *reader) append(to []byte, n, limit uint64) ([]byte, error) {
	if n > limit {
		return to, r.judge(fmt.Errorf("%w: a value of %d bytes is longer than any", errMalformed, n))
	}
	for n > 0 {
		start, step := len(to), min(n, 1<<16)
		to = append(to, make([]byte, step)...)
		if _, err := io.ReadFull(r.in, to[start:]); err != nil {
			return to, r.explain(err)
		}
		r.note(to[start:]...)
		n -= step
	}
	return to, nil
}

func (r *reader) json(into any) error {
	n, err := r.uvarint()
	if err != nil {
		return err
	}
	text, err := r.append(nil, n, maxJSON)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: a frame is not the JSON that it should be", errMalformed)
	}
	return nil
}

// next goes on to the next table, past what is left of this one. It returns false behind
// the last one, when the whole file was read and its digest is right.
func (r *reader) next() (more bool, err error) {
	for r.inTable {
		if _, err := r.nextRow(); err != nil {
			return false, err
		}
	}
	if r.seal != nil {
		return false, nil
	}
	frame, err := r.byte()
	if err != nil {
		return false, err
	}
	switch frame {
	case frameTable:
		return true, r.begin()
	case frameTrailer:
		return false, r.end()
	}
	return false, r.judge(fmt.Errorf("%w: a frame is of an unknown kind", errMalformed))
}

func (r *reader) begin() error {
	var h tableHeader
	if err := r.json(&h); err != nil {
		return r.judge(err)
	}
	t, err := h.table()
	if err != nil {
		return r.judge(err)
	}
	if _, twice := r.rows[h.Name]; twice {
		return r.judge(fmt.Errorf("%w: table %s is there twice", errMalformed, safe(h.Name)))
	}
	r.table, r.inTable, r.rows[h.Name] = t, true, 0
	r.row, r.ends = make(store.Row, len(t.Columns)), make([]int, len(t.Columns))
	return nil
}

// nextRow returns the next row of the table, good until the one after it; nil behind the
// last one.
func (r *reader) nextRow() (store.Row, error) {
	frame, err := r.byte()
	if err != nil {
		return nil, err
	}
	switch frame {
	case frameRow:
	case frameEnd:
		count, err := r.uvarint()
		if err != nil {
			return nil, err
		}
		if got := r.rows[r.table.Name]; uint64(got) != count {
			return nil, r.judge(fmt.Errorf("%w: table %s has %d rows and should have %d", errMalformed, r.table.Name, got, count))
		}
		r.inTable = false
		return nil, nil
	default:
		return nil, r.judge(fmt.Errorf("%w: a frame is of an unknown kind", errMalformed))
	}
	r.values = r.values[:0]
	for i := range r.row {
		n, err := r.uvarint()
		if err != nil {
			return nil, err
		}
		r.ends[i] = -1
		if n == 0 {
			continue
		}
		if r.values, err = r.append(r.values, n-1, maxValue); err != nil {
			return nil, err
		}
		r.ends[i] = len(r.values)
	}
	start := 0
	for i, end := range r.ends {
		if end < 0 {
			r.row[i] = nil
			continue
		}
		r.row[i] = r.values[start:end:end]
		start = end
	}
	if err := r.table.Check(r.row); err != nil {
		return nil, r.judge(fmt.Errorf("%w: %w", errMalformed, err))
	}
	r.rows[r.table.Name]++
	return r.row, nil
}

// end reads the trailer and the signature, and makes sure that nothing follows.
func (r *reader) end() error {
	var t trailer
	if err := r.json(&t); err != nil {
		return r.judge(err)
	}
	r.hash()
	digest := [sha256.Size]byte(r.digest.Sum(nil))
	var last [1 + sha256.Size + 16 + ed25519.SignatureSize]byte
	if _, err := io.ReadFull(r.in, last[:]); err != nil {
		return r.explain(err)
	}
	if err := r.over(); err != nil {
		return err
	}
	s := &signature{digest: [sha256.Size]byte(last[1:]), keyID: uuid.UUID(last[33:49]), signature: [ed25519.SignatureSize]byte(last[49:])}
	if last[0] != frameSignature || s.digest != digest {
		return fmt.Errorf("%w (its SHA-256 is another)", errDamaged)
	}
	for name, count := range t.Rows {
		if got, found := r.rows[name]; !found {
			return fmt.Errorf("table %s is missing in it, although it says that it has that: take another copy", safe(name))
		} else if got != count {
			return fmt.Errorf("%w: table %s has %d rows and should have %d", errMalformed, safe(name), got, count)
		}
	}
	if len(t.Rows) != len(r.rows) {
		return fmt.Errorf("%w: it has tables that it does not name", errMalformed)
	}
	r.seal = s
	return nil
}

// over makes sure that nothing follows, and that the checksum of the compression is right.
func (r *reader) over() error {
	switch _, err := r.in.ReadByte(); err {
	case io.EOF:
	case nil:
		return r.judge(fmt.Errorf("%w: something follows its signature", errMalformed))
	default:
		return r.explain(err)
	}
	if _, err := r.whole.ReadByte(); err != io.EOF {
		return fmt.Errorf("%w: something follows its end", errMalformed)
	}
	return nil
}

// verify checks the signature against keys that are trusted.
func (s *signature) verify(keys map[uuid.UUID]ed25519.PublicKey) error {
	public, known := keys[s.keyID]
	switch {
	case !known:
		return fmt.Errorf("it is signed by key %s, which is none of the keys file's: that is older than it, or one of them is not what this installation wrote", s.keyID)
	case !ed25519.Verify(public, signed(s.digest), s.signature[:]):
		return fmt.Errorf("its signature is not that of key %s: it is not what this installation wrote", s.keyID)
	}
	return nil
}
