package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// barePostgres is the least that a program could do in the place of a secrets read on
// PostgreSQL: net/http, one SELECT by a primary key, one INSERT that concurrent requests
// share, and nothing besides. Its driver keeps its statements prepared, which a service that
// is to work behind any pooler cannot.
type barePostgres struct {
	pool   *pgxpool.Pool
	events chan event
}

type event struct {
	id   uuid.UUID
	body string
	kept chan error
}

// bareSchema is the schema of what the bare program reads and writes.
const bareSchema = `CREATE SCHEMA bare;
	CREATE TABLE bare.sealed (id uuid PRIMARY KEY, data bytea NOT NULL);
	CREATE TABLE bare.events (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, credential_id uuid NOT NULL, body text NOT NULL);
	ALTER TABLE bare.sealed ALTER COLUMN data SET STORAGE EXTERNAL;
	INSERT INTO bare.sealed (id, data) SELECT id, sealed FROM strongroom.credentials;
	GRANT USAGE ON SCHEMA bare TO PUBLIC;
	GRANT SELECT ON bare.sealed TO PUBLIC;
	GRANT INSERT ON bare.events TO PUBLIC`

// serveBarePostgres serves until the process is asked to stop.
func serveBarePostgres(ctx context.Context, databaseURL, address string) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	b := &barePostgres{pool: pool, events: make(chan event, 1024)}
	go b.keep(context.WithoutCancel(ctx))
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

func (b *barePostgres) read(w http.ResponseWriter, r *http.Request) {
	id, err := uuid.Parse(r.PathValue("id"))
	var data []byte
	if err == nil {
		err = b.pool.QueryRow(r.Context(), "SELECT data FROM bare.sealed WHERE id = $1", id).Scan(&data)
	}
	if err == nil {
		e := event{id: id, kept: make(chan error, 1), body: fmt.Sprintf(
			`{"time":%q,"action":"credential.read","outcome":"allowed","address":%q,"credential_id":%q,"filler":%q}`,
			time.Now().Format(time.RFC3339Nano), r.RemoteAddr, id, strings.Repeat("x", 200))}
		b.events <- e
		err = <-e.kept
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}

// keep inserts events; those that wait share a statement, and with it a commit.
func (b *barePostgres) keep(ctx context.Context) {
	for first := range b.events {
		batch := []event{first}
	drain:
		for len(batch) < cap(b.events) {
			select {
			case e := <-b.events:
				batch = append(batch, e)
			default:
				break drain
			}
		}
		ids, bodies := make([]uuid.UUID, len(batch)), make([]string, len(batch))
		for i, e := range batch {
			ids[i], bodies[i] = e.id, e.body
		}
		_, err := b.pool.Exec(ctx, "INSERT INTO bare.events (credential_id, body) SELECT * FROM unnest($1::uuid[], $2::text[])", ids, bodies)
		for _, e := range batch {
			e.kept <- err
		}
	}
}
