package sqlite

import (
	"context"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store"
)

const rotationColumns = `id, organization_id, credential_id, method, trigger, state, began_by, began_at, updated_at, ended_at,
	from_version, promoted_version, attempts, next_at, code, message`

func scanRotation(r *row) strongroom.Rotation {
	return strongroom.Rotation{
		ID: r.uuid(), OrganizationID: r.uuid(), CredentialID: r.uuid(), Method: r.text(),
		Trigger: strongroom.RotationTrigger(r.text()), State: strongroom.RotationState(r.text()),
		BeganBy: r.uuid(), BeganAt: r.time(), UpdatedAt: r.time(), EndedAt: r.optionalTime(),
		FromVersion: r.int(), PromotedVersion: r.int(), Attempts: int(r.int()), NextAt: r.optionalTime(),
		Code: strongroom.CheckCode(r.text()), Message: r.text(),
	}
}

func scanSealedRotation(r *row) store.SealedRotation {
	return store.SealedRotation{Rotation: scanRotation(r), Fence: r.int(), LeasedUntil: r.optionalTime(), Sealed: r.blob()}
}

// schedule binds what scanSchedule reads.
func (p *params) schedule(s strongroom.RotationSchedule) {
	p.policy(s.RotationPolicy)
	p.optionalTime(s.NextAt)
	p.optionalTime(s.LastAt)
	p.bool(s.InDoubt)
}

func (p *params) policy(policy strongroom.RotationPolicy) {
	p.int(policy.MaxAge.Microseconds())
	p.int(policy.Grace.Microseconds())
}

func (p *params) bool(b bool) {
	if b {
		p.int(1)
		return
	}
	p.int(0)
}

func scanSchedule(r *row) strongroom.RotationSchedule {
	return strongroom.RotationSchedule{
		RotationPolicy: strongroom.RotationPolicy{MaxAge: r.duration(), Grace: r.duration()},
		NextAt:         r.optionalTime(), LastAt: r.optionalTime(), InDoubt: r.int() != 0,
	}
}

func (r *row) duration() time.Duration { return time.Duration(r.int()) * time.Microsecond }

// Rotation implements store.Rotations.
func (db *DB) Rotation(ctx context.Context, organization, id uuid.UUID) (store.SealedRotation, error) {
	return read(ctx, db, "rotation", func(c *sqlite.Conn) (store.SealedRotation, error) {
		return one(c, `SELECT `+rotationColumns+`, fence, leased_until, sealed FROM rotations
			WHERE id = ? AND organization_id = ?`,
			func(p *params) { p.uuid(id); p.uuid(organization) }, scanSealedRotation)
	})
}

// ActiveRotation implements store.Rotations.
func (db *DB) ActiveRotation(ctx context.Context, organization, credential uuid.UUID) (store.SealedRotation, error) {
	return read(ctx, db, "active_rotation", func(c *sqlite.Conn) (store.SealedRotation, error) {
		return one(c, `SELECT `+rotationColumns+`, fence, leased_until, sealed FROM rotations
			WHERE credential_id = ? AND organization_id = ? AND ended_at IS NULL`,
			func(p *params) { p.uuid(credential); p.uuid(organization) }, scanSealedRotation)
	})
}

// ListRotations implements store.Rotations.
func (db *DB) ListRotations(ctx context.Context, f store.RotationFilter) ([]strongroom.Rotation, error) {
	query, bind := rotationList(f)
	return readLong(ctx, db, "list_rotations", func(c *sqlite.Conn) ([]strongroom.Rotation, error) {
		return many(c, query, bind, scanRotation)
	})
}

// rotationList makes one of few texts, which let SQLite choose the index that fits.
func rotationList(f store.RotationFilter) (query string, bind func(*params)) {
	query = `SELECT ` + rotationColumns + ` FROM rotations WHERE TRUE`
	if f.OrganizationID != uuid.Nil {
		query += ` AND organization_id = ?`
	}
	if f.CredentialID != uuid.Nil {
		query += ` AND credential_id = ?`
	}
	if f.State != "" {
		query += ` AND state = ?`
	}
	return query + ` ORDER BY id DESC LIMIT ? OFFSET ?`, func(p *params) {
		if f.OrganizationID != uuid.Nil {
			p.uuid(f.OrganizationID)
		}
		if f.CredentialID != uuid.Nil {
			p.uuid(f.CredentialID)
		}
		if f.State != "" {
			p.text(string(f.State))
		}
		p.int(int64(f.Limit))
		p.int(int64(f.Offset))
	}
}
