package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"strongroom/internal/app"
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
	each := len(s.ids) / len(homes)
	sow := func(i int) ([]any, error) {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		s.ids[i] = id
		sealed, err := a.Credentials.Sealer.Seal(ctx, seal.Binding{OrganizationID: homes[i/each], RecordID: id, Version: 1}, secret.New(data(i)))
		return []any{[16]byte(id), [16]byte(s.ids[i-i%each]), fmt.Sprintf("load %d", i), sealed}, err
	}
	i := -1
	rows := pgx.CopyFromFunc(func() ([]any, error) {
		if i++; i%each == 0 {
			i++ // the first is there
		}
		if i >= len(s.ids) {
			return nil, nil
		}
		return sow(i)
	})
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"sown"}, []string{"id", "template", "name", "sealed"}, rows); err != nil {
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
		if slices.Contains([]string{"id", "name", "sealed"}, c) {
			values[i] = "sown." + c
		} else {
			values[i] = "template." + c
		}
	}
	for _, statement := range []string{
		`INSERT INTO strongroom.credentials (` + strings.Join(columns, ", ") + `) SELECT ` + strings.Join(values, ", ") + `
			FROM sown JOIN strongroom.credentials template ON template.id = sown.template`,
		`VACUUM (ANALYZE) strongroom.credentials`,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
