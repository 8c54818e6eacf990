package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/custody"
	"strongroom/internal/seal"
	"strongroom/secret"
)

// stockPostgres makes organizations with as many credentials each, sealed as the service
// seals them. The first of each is stored by the service; the others are copied in as rows
// like it, for a million would take the service an hour.
func stockPostgres(ctx context.Context, a *app.App, ownerURL string, organizations, each int) (stocked, error) {
	s := stocked{keys: make([]string, organizations), ids: make([]uuid.UUID, organizations*each)}
	homes := make([]uuid.UUID, organizations)
	next := make(chan int, organizations)
	for i := range organizations {
		next <- i
	}
	close(next)
	var workers sync.WaitGroup
	failures := make([]error, 32)
	for w := range failures {
		workers.Go(func() {
			for i := range next {
				first, err := fill(ctx, a, 1, 0)
				if err != nil {
					failures[w] = err
					return
				}
				s.keys[i], s.ids[i*each] = first.keys[0], first.ids[0]
				homes[i] = first.organization
			}
		})
	}
	workers.Wait()
	if err := errors.Join(failures...); err != nil {
		return s, err
	}
	return s, multiply(ctx, a, ownerURL, s, homes)
}

// lastUsed is when a credential was used that is used all the time: as long ago as any other
// time within strongroom.LastUsedPrecision, after which a read notes it again.
var lastUsed = fmt.Sprintf("now() - random() * interval '%d seconds'", int(strongroom.LastUsedPrecision.Seconds()))

// multiply copies the first credential of each organization.
func multiply(ctx context.Context, a *app.App, ownerURL string, s stocked, homes []uuid.UUID) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `CREATE TEMPORARY TABLE sown (id uuid, template uuid, name text, sealed bytea)`); err != nil {
		return err
	}
	rows, failed := sow(ctx, a, s, homes)
	next := pgx.CopyFromFunc(func() ([]any, error) { return <-rows, nil })
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"sown"}, []string{"id", "template", "name", "sealed"}, next); err != nil {
		return err
	}
	if err := failed(); err != nil {
		return err
	}
	found, err := conn.Query(ctx, `SELECT column_name FROM information_schema.columns
		WHERE table_schema = 'strongroom' AND table_name = 'credentials'`)
	if err != nil {
		return err
	}
	columns, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return err
	}
	values := slices.Clone(columns)
	for i, c := range columns {
		switch c {
		case "id", "name", "sealed":
			values[i] = "sown." + c
		case "last_used_at":
			values[i] = lastUsed
		default:
			values[i] = "template." + c
		}
	}
	_, err = conn.Exec(ctx, `INSERT INTO strongroom.credentials (`+strings.Join(columns, ", ")+`) SELECT `+strings.Join(values, ", ")+`
		FROM sown JOIN strongroom.credentials template ON template.id = sown.template`)
	return err
}

// sow seals what is to be copied in, several at once. No more rows come where one fails.
func sow(ctx context.Context, a *app.App, s stocked, homes []uuid.UUID) (rows chan []any, failed func() error) {
	const sealers = 8
	each := len(s.ids) / len(homes)
	rows = make(chan []any, 1024)
	sealer := seal.New(a.Keeper, &remembered{KeyStore: custody.OrganizationKeys(a.Store, a.Audit, time.Now)}, time.Now, nil)
	failures := make([]error, sealers)
	var sealing sync.WaitGroup
	for n := range sealers {
		sealing.Go(func() {
			for i := n; i < len(s.ids) && failures[n] == nil; i += sealers {
				if i%each == 0 {
					continue // it is there
				}
				id, err := uuid.NewV7()
				if err != nil {
					failures[n] = err
					return
				}
				s.ids[i] = id
				sealed, err := sealer.Seal(ctx, seal.Binding{OrganizationID: homes[i/each], RecordID: id, Version: 1}, secret.New(data(i)))
				failures[n] = err
				rows <- []any{[16]byte(id), [16]byte(s.ids[i-i%each]), fmt.Sprintf("load %d", i), sealed}
			}
		})
	}
	go func() {
		sealing.Wait()
		close(rows)
	}()
	return rows, func() error { return errors.Join(failures...) }
}

// remembered asks for the newest key of an organization once, and not for every record:
// nobody makes another meanwhile.
type remembered struct {
	seal.KeyStore
	newest sync.Map
}

// CurrentOrganizationKey implements seal.KeyStore.
func (r *remembered) CurrentOrganizationKey(ctx context.Context, organization uuid.UUID) (strongroom.OrganizationKey, bool, error) {
	if key, ok := r.newest.Load(organization); ok {
		return key.(strongroom.OrganizationKey), true, nil
	}
	key, found, err := r.KeyStore.CurrentOrganizationKey(ctx, organization)
	if err == nil && found {
		r.newest.Store(organization, key)
	}
	return key, found, err
}
