package backup

import (
	"bufio"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"
	"io"
	"iter"

	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// writer writes one file, frame by frame.
type writer struct {
	gz     *gzip.Writer
	out    *bufio.Writer
	digest hash.Hash
	rows   map[string]int64
	buffer []byte
}

func newWriter(w io.Writer, h Header) (*writer, error) {
	// What takes most of the room is ciphertext, which no level makes smaller.
	gz, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	out := &writer{gz: gz, digest: sha256.New(), rows: map[string]int64{}}
	out.out = bufio.NewWriterSize(io.MultiWriter(gz, out.digest), 1<<16)
	if _, err := io.WriteString(w, firstLine); err != nil {
		return nil, err
	}
	out.digest.Write([]byte(firstLine))
	return out, out.json(frameHeader, h)
}

func (w *writer) json(frame byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.buffer = append(binary.AppendUvarint(append(w.buffer[:0], frame), uint64(len(text))), text...)
	_, err = w.out.Write(w.buffer)
	return err
}

// table writes a table and its rows.
func (w *writer) table(t store.Table, rows iter.Seq2[store.Row, error]) error {
	if err := w.json(frameTable, headerOf(t)); err != nil {
		return err
	}
	count := int64(0)
	for row, err := range rows {
		if err != nil {
			return err
		}
		w.buffer = append(w.buffer[:0], frameRow)
		w.buffer = appendRow(w.buffer, row)
		if _, err := w.out.Write(w.buffer); err != nil {
			return err
		}
		count++
	}
	w.rows[t.Name] = count
	w.buffer = binary.AppendUvarint(append(w.buffer[:0], frameEnd), uint64(count))
	_, err := w.out.Write(w.buffer)
	return err
}

func appendRow(to []byte, row store.Row) []byte {
	for _, v := range row {
		if v == nil {
			to = append(to, 0)
			continue
		}
		to = append(binary.AppendUvarint(to, uint64(len(v))+1), v...)
	}
	return to
}

// end writes the trailer and the signature.
func (w *writer) end(signer audit.Signer) error {
	if err := w.json(frameTrailer, trailer{Rows: w.rows}); err != nil {
		return err
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	digest := [sha256.Size]byte(w.digest.Sum(nil))
	b := append([]byte{frameSignature}, digest[:]...)
	b = append(b, signer.KeyID[:]...)
	b = append(b, ed25519.Sign(signer.Key, signed(digest))...)
	if _, err := w.gz.Write(b); err != nil {
		return err
	}
	return w.gz.Close()
}
