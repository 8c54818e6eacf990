package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// bare is the least that a program could do in the place of a secrets read: net/http, one
// indexed SQLite read, one AES-GCM open, and one line of a hash-chained log that
// concurrent requests make durable together. It knows nobody, decides nothing and counts
// nothing. What the service costs is set against it in the same run, so that the
// machine's speed and its other work cancel out.
type bare struct {
	readers chan *sqlite.Conn
	aead    cipher.AEAD
	lines   chan line
}

type line struct {
	text []byte
	kept chan error
}

// bareReaders is how many connections read, as many as the service has on two cores.
const bareReaders = 4

// stockBare makes bare's database: as many rows, of as many bytes, under the same ids.
func stockBare(dir string, stock stocked) (err error) {
	conn, err := sqlite.OpenConn(filepath.Join(dir, "bare.db"), sqlite.OpenReadWrite|sqlite.OpenCreate|sqlite.OpenWAL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := sqlitex.ExecuteTransient(conn, "CREATE TABLE sealed (id TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT, WITHOUT ROWID", nil); err != nil {
		return err
	}
	aead, err := bareAEAD()
	if err != nil {
		return err
	}
	defer sqlitex.Transaction(conn)(&err)
	for i, id := range stock.ids {
		err := sqlitex.Execute(conn, "INSERT INTO sealed VALUES (?, ?)", &sqlitex.ExecOptions{Args: []any{id.String(), aead.Seal(nil, nil, data(i), nil)}})
		if err != nil {
			return err
		}
	}
	return nil
}

// bareAEAD returns a cipher under a key that protects nothing.
func bareAEAD() (cipher.AEAD, error) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// serveBare serves until the process is asked to stop.
func serveBare(ctx context.Context, dir, address string) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	aead, err := bareAEAD()
	if err != nil {
		return err
	}
	b := &bare{readers: make(chan *sqlite.Conn, bareReaders), aead: aead, lines: make(chan line, 1024)}
	for range bareReaders {
		conn, err := sqlite.OpenConn(filepath.Join(dir, "bare.db"), sqlite.OpenReadWrite|sqlite.OpenWAL)
		if err != nil {
			return err
		}
		b.readers <- conn
	}
	log, err := os.Create(filepath.Join(dir, "bare.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	go b.keep(log)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /api/integrations/credentials/{id}/credentials", b.read)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (b *bare) read(w http.ResponseWriter, r *http.Request) {
	sealed, err := b.load(r.PathValue("id"))
	if err == nil {
		sealed, err = b.aead.Open(sealed[:0], nil, sealed, nil)
	}
	if err == nil {
		l := line{text: fmt.Appendf(nil, `{"time":%q,"action":"credential.read","outcome":"allowed","address":%q,"credential_id":%q,"filler":%q}`,
			time.Now().Format(time.RFC3339Nano), r.RemoteAddr, r.PathValue("id"), strings.Repeat("x", 200)), kept: make(chan error, 1)}
		b.lines <- l
		err = <-l.kept
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(sealed)
}

func (b *bare) load(id string) (sealed []byte, err error) {
	conn := <-b.readers
	defer func() { b.readers <- conn }()
	stmt, err := conn.Prepare("SELECT data FROM sealed WHERE id = ?")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stmt.Reset()) }()
	stmt.BindText(1, id)
	if found, err := stmt.Step(); err != nil || !found {
		return nil, errors.Join(err, errors.New("there is no such row"))
	}
	sealed = make([]byte, stmt.ColumnLen(0))
	stmt.ColumnBytes(0, sealed)
	return sealed, nil
}

// keep writes lines, each with the hash of all before it; those that wait share a sync.
func (b *bare) keep(log *os.File) {
	chain := make([]byte, sha256.Size)
	_, _ = rand.Read(chain)
	for first := range b.lines {
		batch := []line{first}
	drain:
		for len(batch) < cap(b.lines) {
			select {
			case l := <-b.lines:
				batch = append(batch, l)
			default:
				break drain
			}
		}
		var out []byte
		for _, l := range batch {
			hash := sha256.Sum256(append(chain, l.text...))
			chain = hash[:]
			out = fmt.Appendf(out, "%s %x\n", l.text, chain)
		}
		_, err := log.Write(out)
		err = errors.Join(err, log.Sync())
		for _, l := range batch {
			l.kept <- err
		}
	}
}
