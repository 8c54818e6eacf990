package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"strongroom/internal/audit"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// sealedTables says of every table with sealed records how they are bound.
var sealedTables = map[string]struct {
	purpose seal.Purpose
	// versioned says that a row's version is its record's; otherwise that is 1.
	versioned bool
}{
	"credentials":   {seal.Credential, true},
	"oauth_clients": {seal.OAuthClient, true},
	"oauth_flows":   {seal.OAuthFlow, false},
	"rotations":     {seal.Rotation, false},
}

// errPrevious is an error of the database that is compared with.
var errPrevious = errors.New("the database cannot be compared with")

// examine reads what is in the data file. Where the database that it is compared with turns
// out to be unreadable, it does so again, without it.
func (c *checked) examine(ctx context.Context) error {
	if c.Previous == nil {
		return c.contents(ctx, nil)
	}
	before := *c.report
	entered := false
	err := c.Previous.Dump(ctx, func(v store.DumpView) error {
		entered = true
		id, _, err := installation(v)
		switch {
		case errors.Is(err, ErrNothing):
			return fmt.Errorf("%w: nothing is in it", errPrevious)
		case err != nil:
			return fmt.Errorf("%w: %w", errPrevious, err)
		case id != c.report.Header.InstallationID:
			return fmt.Errorf("%w: it is another installation's (%s)", errPrevious, id)
		}
		return c.contents(ctx, v)
	})
	if err == nil || ctx.Err() != nil || entered && !errors.Is(err, errPrevious) {
		return err
	}
	*c.report, c.NoPrevious = before, err.Error()
	return c.contents(ctx, nil)
}

// contents opens every sealed record, verifies the audit log, and finds out what has changed
// since; previous may be nil.
func (c *checked) contents(ctx context.Context, previous store.DumpView) error {
	c.consent = map[uuid.UUID]bool{}
	s := newSince(c, previous)
	defer s.close()
	verified := false
	err := c.again(func(r *reader) error {
		switch name := r.table.Name; {
		case name == signingKeys:
			return c.signingKeys(r)
		case name == "organizations":
			return c.organizations(r)
		case name == "audit_checkpoints":
			verified = true
			return c.verifyLog(ctx, r)
		case sealedTables[name].purpose != "" || name == "credentials", name == "api_keys":
			return c.records(ctx, r, s)
		}
		return nil
	})
	if err == nil && !verified {
		err = about(c.Data, fmt.Errorf("%w: its audit log cannot be found", errMalformed))
	}
	c.report.Since = s.changes
	return err
}

// signingKeys makes sure that the keys file has every signing key that the backup knows.
func (c *checked) signingKeys(r *reader) error {
	id, public := r.table.Column("id"), r.table.Column("public")
	if id < 0 || public < 0 || r.table.Columns[id].Kind != store.KindUUID {
		return about(c.Data, fmt.Errorf("%w: its signing keys have no ids", errMalformed))
	}
	for {
		row, err := r.nextRow()
		if err != nil || row == nil {
			return about(c.Data, err)
		}
		if known := store.DecodeUUID(row[id]); !bytes.Equal(c.trusted.Keys[known], row[public]) {
			c.report.problem("the keys file has not got signing key %s, which the backup names: %s", known, c.olderKeys())
		}
	}
}

// organizations finds those that were erased since.
func (c *checked) organizations(r *reader) error {
	t, convert, err := current(r.table)
	if err != nil {
		return about(c.Data, err)
	}
	for {
		row, err := r.nextRow()
		if err != nil || row == nil {
			return about(c.Data, err)
		}
		row = convert(row)
		if id := store.DecodeUUID(row[t.Column("id")]); c.keys.Erased[id] != nil && row[t.Column("erased_at")] == nil {
			c.report.Erased = append(c.report.Erased, id)
		}
	}
}

// olderKeys says what to do about keys that are not in the keys file.
func (c *checked) olderKeys() string {
	if data, keys := c.report.Header.CreatedAt, c.keys.Header.CreatedAt; keys.Before(data) {
		return fmt.Sprintf("it was written at %s, before the backup (%s); name the newest one with --keys", keys.Format(timeFormat), data.Format(timeFormat))
	}
	return "it was written after the backup, so that somebody has deleted that since"
}

const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// records reads a table whose rows are sealed, or may have changed since.
func (c *checked) records(ctx context.Context, r *reader, s *since) error {
	t, convert, err := current(r.table)
	if err != nil {
		return about(c.Data, err)
	}
	o := opener{checked: c, table: t}
	for {
		row, err := r.nextRow()
		if err != nil || row == nil {
			return about(c.Data, err)
		}
		if row = convert(row); t.Column("sealed") >= 0 {
			if err := o.open(ctx, row); err != nil {
				return err
			}
		}
		if err := s.row(t, row); err != nil {
			return fmt.Errorf("%w: %w", errPrevious, err)
		}
	}
}

// opener opens a table's records.
type opener struct {
	*checked
	table store.Table
}

func (o opener) open(ctx context.Context, row store.Row) error {
	sealed := row[o.table.Column("sealed")]
	if len(sealed) == 0 {
		return nil // what has ended is forgotten
	}
	how := sealedTables[o.table.Name]
	b := seal.Binding{
		Purpose: how.purpose, OrganizationID: store.DecodeUUID(row[o.table.Column("organization_id")]),
		RecordID: store.DecodeUUID(row[o.table.Column("id")]), Version: 1,
	}
	if how.versioned {
		b.Version = store.DecodeInt(row[o.table.Column("version")])
	}
	if o.keys.Erased[b.OrganizationID] != nil {
		return nil
	}
	value, err := o.sealer.Open(ctx, b, sealed)
	switch {
	case err == nil:
		value.Destroy()
		o.report.Records++
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case seal.Away(err):
		return fmt.Errorf("the records cannot be checked: %w", err)
	case errors.Is(err, seal.ErrUnknownKey):
		o.unknownKey(b, sealed)
	default:
		o.report.problem("%s %s of organization %s does not open: %v", o.table.Name, b.RecordID, b.OrganizationID, err)
	}
	return nil
}

// unknownKey tells of a record whose key is not in the keys file.
func (o opener) unknownKey(b seal.Binding, sealed []byte) {
	version, _ := seal.KeyVersion(sealed)
	o.report.problem("%s %s needs version %d of the key of organization %s, which the keys file has not got: %s", o.table.Name, b.RecordID, version, b.OrganizationID, o.olderKeys())
}

// verifyLog verifies the audit log, whose tables come last and in its order.
func (c *checked) verifyLog(ctx context.Context, r *reader) error {
	log := &logView{reader: r, chains: c.chains}
	report, err := audit.Verify(ctx, log, c.trusted.verification())
	c.report.Audit = report
	if log.err != nil {
		return about(c.Data, log.err)
	}
	if err != nil {
		return err
	}
	if !report.OK() {
		c.report.problem("the audit log in it is not as it was written (problems: %d): the database was changed before the backup was made", report.ProblemCount)
	}
	return nil
}
