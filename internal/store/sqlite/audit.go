package sqlite

import (
	"cmp"
	"context"
	"math"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store"
)

const (
	recordColumns     = `cursor, chain, sequence, at, organization_id, hash, body`
	headColumns       = `chain, sequence, hash, key_id, signature, updated_at`
	checkpointColumns = `sequence, body, key_id, signature, created_at`
)

func scanRecord(r *row) store.AuditRecord {
	return store.AuditRecord{
		Cursor: r.int(), Chain: r.uuid(), Sequence: r.int(), At: r.time(),
		OrganizationID: r.uuid(), Hash: r.hash(), Body: r.blob(),
	}
}

func scanHead(r *row) store.AuditHead {
	return store.AuditHead{
		Chain: r.uuid(), Sequence: r.int(), Hash: r.hash(), KeyID: r.uuid(), Signature: r.blob(), UpdatedAt: r.time(),
	}
}

func scanCheckpoint(r *row) store.AuditCheckpoint {
	return store.AuditCheckpoint{
		Sequence: r.int(), Body: r.blob(), KeyID: r.uuid(), Signature: r.blob(), CreatedAt: r.time(),
	}
}

// ListEvents implements store.Audit. The organization's index gives its records in
// order of cursor; what else is asked for is looked up in each.
//
// This is a long scan where few of many match; it ends with the context.
func (db *DB) ListEvents(ctx context.Context, organization uuid.UUID, q strongroom.EventQuery) ([]store.AuditRecord, error) {
	return readLong(ctx, db, "list_events", func(c *sqlite.Conn) ([]store.AuditRecord, error) {
		return many(c, `SELECT `+recordColumns+` FROM audit_events
			WHERE organization_id = ?1 AND cursor < ?2
			  AND (?3 IS NULL OR at >= ?3) AND (?4 IS NULL OR at < ?4)
			  AND (?5 IS NULL OR body ->> '$.action' = ?5)
			  AND (?6 IS NULL OR body ->> '$.outcome' = ?6)
			  AND (?7 IS NULL OR body ->> '$.credential_id' = ?7)
			  AND (?8 IS NULL OR body ->> '$.principal_id' = ?8)
			ORDER BY cursor DESC LIMIT ?9`,
			func(p *params) {
				p.uuid(organization)
				p.int(cmp.Or(q.Before, math.MaxInt64))
				p.optionalTime(q.Since)
				p.optionalTime(q.Until)
				p.filter(string(q.Action))
				p.filter(string(q.Outcome))
				p.filterUUID(q.CredentialID)
				p.filterUUID(q.PrincipalID)
				p.int(int64(q.Limit))
			}, scanRecord)
	})
}

// filter binds null, which does not filter, for the empty string.
func (p *params) filter(s string) {
	if s == "" {
		p.null()
		return
	}
	p.text(s)
}

// filterUUID binds null, which does not filter, for the nil UUID.
func (p *params) filterUUID(id uuid.UUID) {
	if id == uuid.Nil {
		p.null()
		return
	}
	p.text(id.String())
}

// AppendAudit implements store.Tx.
func (t *tx) AppendAudit(records []store.AuditRecord, head store.AuditHead) error {
	for i := range records {
		if err := t.appendRecord(&records[i]); err != nil {
			return err
		}
	}
	_, err := t.run(`INSERT INTO audit_heads (`+headColumns+`, checkpointed) VALUES (?, ?, ?, ?, ?, ?, 0)
		ON CONFLICT (chain) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, key_id = excluded.key_id,
			signature = excluded.signature, updated_at = excluded.updated_at, checkpointed = 0`,
		func(p *params) {
			p.uuid(head.Chain)
			p.int(head.Sequence)
			p.blob(head.Hash[:])
			p.uuid(head.KeyID)
			p.blob(head.Signature)
			p.time(head.UpdatedAt)
		})
	return err
}

func (t *tx) appendRecord(r *store.AuditRecord) error {
	_, err := t.run(`INSERT INTO audit_events (chain, sequence, at, organization_id, hash, body) VALUES (?, ?, ?, ?, ?, ?)`,
		func(p *params) {
			p.uuid(r.Chain)
			p.int(r.Sequence)
			p.time(r.At)
			p.uuid(r.OrganizationID)
			p.blob(r.Hash[:])
			p.text(string(r.Body))
		})
	return err
}

// AuditHead implements store.Tx.
func (t *tx) AuditHead(chain uuid.UUID) (store.AuditHead, error) {
	return within(t, func(c *sqlite.Conn) (store.AuditHead, error) {
		return one(c, `SELECT `+headColumns+` FROM audit_heads WHERE chain = ?`,
			func(p *params) { p.uuid(chain) }, scanHead)
	})
}

// UncheckpointedHeads implements store.Tx.
func (t *tx) UncheckpointedHeads() ([]store.AuditHead, error) {
	heads, err := within(t, func(c *sqlite.Conn) ([]store.AuditHead, error) {
		return many(c, `SELECT `+headColumns+` FROM audit_heads WHERE checkpointed = 0 ORDER BY chain`,
			func(*params) {}, scanHead)
	})
	t.named = heads
	return heads, err
}

// LastCheckpoint implements store.Tx.
func (t *tx) LastCheckpoint() (store.AuditCheckpoint, error) {
	return within(t, func(c *sqlite.Conn) (store.AuditCheckpoint, error) {
		return one(c, `SELECT `+checkpointColumns+` FROM audit_checkpoints ORDER BY sequence DESC LIMIT 1`,
			func(*params) {}, scanCheckpoint)
	})
}

// AppendCheckpoint implements store.Tx. Of the heads it marks those that have not
// moved on within this transaction.
func (t *tx) AppendCheckpoint(c store.AuditCheckpoint) error {
	_, err := t.run(`INSERT INTO audit_checkpoints (`+checkpointColumns+`) VALUES (?, ?, ?, ?, ?)`,
		func(p *params) {
			p.int(c.Sequence)
			p.blob(c.Body)
			p.uuid(c.KeyID)
			p.blob(c.Signature)
			p.time(c.CreatedAt)
		})
	if err != nil {
		return err
	}
	for _, head := range t.named {
		_, err := t.run(`UPDATE audit_heads SET checkpointed = 1 WHERE chain = ? AND sequence = ?`,
			func(p *params) { p.uuid(head.Chain); p.int(head.Sequence) })
		if err != nil {
			return err
		}
	}
	return nil
}
