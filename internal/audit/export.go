package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"strongroom/internal/store"
)

// Export writes every event of one unchanging view of the log, oldest first, one line
// of JSON each:
//
//	{"cursor":7,"chain":"…","sequence":3,"hash":"hex","event":{…}}
//
// The event stands there byte for byte, as it was hashed. A body that is no JSON of
// one line, which only tampering makes, is exported as "body" in base64, with "event"
// null.
func Export(ctx context.Context, s store.Audit, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	err := s.AuditSnapshot(ctx, func(view store.AuditView) error {
		var text []byte
		for r, err := range view.Records() {
			if err != nil {
				return err
			}
			text = appendRecord(text[:0], r)
			if _, err := out.Write(text); err != nil {
				return err
			}
		}
		return out.Flush()
	})
	if err != nil {
		return fmt.Errorf("audit: export: %w", err)
	}
	return nil
}

func appendRecord(b []byte, r store.AuditRecord) []byte {
	b = append(b, `{"cursor":`...)
	b = strconv.AppendInt(b, r.Cursor, 10)
	b = append(b, `,"chain":"`...)
	b = append(b, r.Chain.String()...)
	b = append(b, `","sequence":`...)
	b = strconv.AppendInt(b, r.Sequence, 10)
	b = append(b, `,"hash":"`...)
	b = hex.AppendEncode(b, r.Hash[:])
	if json.Valid(r.Body) && !bytes.ContainsAny(r.Body, "\r\n") {
		b = append(b, `","event":`...)
		b = append(b, r.Body...)
		return append(b, "}\n"...)
	}
	b = append(b, `","event":null,"body":"`...)
	b = base64.StdEncoding.AppendEncode(b, r.Body)
	return append(b, "\"}\n"...)
}
