package postgres

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/google/uuid"

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
	answer, err := db.list(ctx, "list_events", enter(organization), sql(`SELECT `+recordColumns+` FROM strongroom.audit_events
		WHERE organization_id = $1 AND cursor < $2
		  AND ($3 IS NULL OR at >= $3) AND ($4 IS NULL OR at < $4)
		  AND ($5 = '' OR action = $5) AND ($6 = '' OR outcome = $6)
		  AND ($7 IS NULL OR credential_id = $7) AND ($8 IS NULL OR principal_id = $8)
		ORDER BY cursor DESC LIMIT $9`,
		organization, cmp.Or(q.Before, math.MaxInt64), q.Since, q.Until, string(q.Action), string(q.Outcome),
		given(q.CredentialID), given(q.PrincipalID), q.Limit))
	if err != nil {
		return nil, err
	}
	return many(answer, scanRecord)
}

// given is nil for the nil UUID.
func given(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// AppendAudit implements store.Tx. It is sent with what comes after it, and with the commit
// where nothing does, which then says what it came to.
func (t *tx) AppendAudit(records []store.AuditRecord, head store.AuditHead) error {
	if err := t.usable(); err != nil {
		return err
	}
	t.queue = append(t.queue, appendAudit(records, head))
	t.doubtful = true
	return nil
}

// The call that appends, and the one that notes uses as well.
const (
	callAppendAudit         = `SELECT strongroom.append_audit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`
	callAppendAuditWithUses = `SELECT strongroom.append_audit_with_uses($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`
)

// appendAudit makes one statement of all records and the head. They get their cursors in
// their order.
func appendAudit(records []store.AuditRecord, head store.AuditHead) statement {
	n := len(records)
	sequences, organizations := make([]int64, n), make([]uuid.UUID, n)
	times, hashes := make([]time.Time, n), make([][]byte, n)
	bodies, actions, outcomes := make([]string, n), make([]string, n), make([]string, n)
	credentials, principals := make([]*uuid.UUID, n), make([]*uuid.UUID, n)
	for i := range records {
		r := &records[i]
		sequences[i], times[i], organizations[i] = r.Sequence, r.At, r.OrganizationID
		hashes[i], bodies[i], actions[i], outcomes[i] = r.Hash[:], string(r.Body), r.Index.Action, r.Index.Outcome
		credentials[i], principals[i] = given(r.Index.CredentialID), given(r.Index.PrincipalID)
	}
	return sql(callAppendAudit,
		head.Chain, sequences, times, organizations, hashes, bodies, actions, outcomes, credentials, principals,
		head.Sequence, head.Hash, head.KeyID, head.Signature, head.UpdatedAt)
}

// AuditHead implements store.Tx.
func (t *tx) AuditHead(chain uuid.UUID) (found store.AuditHead, err error) {
	answer, err := t.run(sql(`SELECT `+headColumns+` FROM strongroom.audit_heads WHERE chain = $1`, chain))
	if err != nil {
		return found, err
	}
	return one(answer, scanHead)
}

// UncheckpointedHeads implements store.Tx.
func (t *tx) UncheckpointedHeads() ([]store.AuditHead, error) {
	answer, err := t.run(sql(`SELECT ` + headColumns + ` FROM strongroom.audit_heads WHERE NOT checkpointed ORDER BY chain`))
	if err != nil {
		return nil, err
	}
	t.named, err = many(answer, scanHead)
	return t.named, err
}

// LastCheckpoint implements store.Tx.
func (t *tx) LastCheckpoint() (found store.AuditCheckpoint, err error) {
	answer, err := t.run(sql(`SELECT ` + checkpointColumns + ` FROM strongroom.audit_checkpoints ORDER BY sequence DESC LIMIT 1`))
	if err != nil {
		return found, err
	}
	return one(answer, scanCheckpoint)
}

// AppendCheckpoint implements store.Tx. Of the heads it marks those that have not
// moved on meanwhile, in this transaction or another.
func (t *tx) AppendCheckpoint(c store.AuditCheckpoint) error {
	_, err := t.run(sql(`INSERT INTO strongroom.audit_checkpoints (`+checkpointColumns+`) VALUES ($1, $2, $3, $4, $5)`,
		c.Sequence, c.Body, c.KeyID, c.Signature, c.CreatedAt))
	if err != nil {
		return err
	}
	chains, sequences := make([]uuid.UUID, len(t.named)), make([]int64, len(t.named))
	for i, head := range t.named {
		chains[i], sequences[i] = head.Chain, head.Sequence
	}
	_, err = t.run(sql(`UPDATE strongroom.audit_heads h SET checkpointed = true FROM unnest($1, $2) AS named (chain, sequence)
		WHERE h.chain = named.chain AND h.sequence = named.sequence`, chains, sequences))
	return err
}
