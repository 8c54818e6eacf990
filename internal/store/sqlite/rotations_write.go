package sqlite

import (
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store"
)

const (
	// liveCredential tells whether a rotation's credential is live.
	liveCredential = `EXISTS (SELECT 1 FROM credentials c
		WHERE c.id = rotations.credential_id AND c.organization_id = rotations.organization_id AND c.deleted_at IS NULL)`

	// dueRotations and dueStarts take the moment and the limit.
	dueRotations = `SELECT organization_id, credential_id, id FROM rotations
		WHERE next_at <= ?1 AND ended_at IS NULL AND (claimed_until IS NULL OR claimed_until <= ?1)
			AND (leased_until IS NULL OR leased_until <= ?1) AND ` + liveCredential + `
		ORDER BY next_at LIMIT ?2`
	dueStarts = `SELECT organization_id, id, provider FROM credentials
		WHERE rotate_at <= ?1 AND deleted_at IS NULL AND (rotate_claimed_until IS NULL OR rotate_claimed_until <= ?1)
			AND NOT EXISTS (SELECT 1 FROM rotations r WHERE r.credential_id = credentials.id AND r.ended_at IS NULL)
		ORDER BY rotate_at LIMIT ?2`
)

// SetRotationPolicy implements store.ConnectionsTx.
func (t *tx) SetRotationPolicy(organization, id uuid.UUID, policy strongroom.RotationPolicy, next *time.Time, at time.Time, by uuid.UUID) error {
	return t.runOne(`UPDATE credentials SET rotate_age = ?, rotate_grace = ?, rotate_at = ?, rotate_claimed_until = NULL,
			updated_at = ?, modified_by = ?
		WHERE id = ? AND organization_id = ? AND deleted_at IS NULL`,
		func(p *params) {
			p.policy(policy)
			p.optionalTime(next)
			p.time(at)
			p.uuid(by)
			p.uuid(id)
			p.uuid(organization)
		})
}

// CreateRotation implements store.ConnectionsTx.
func (t *tx) CreateRotation(r store.SealedRotation) error {
	err := t.runOne(`INSERT INTO rotations (`+rotationColumns+`, fence, leased_until, sealed)
		SELECT ?1, organization_id, id, ?2, ?3, ?4, ?5, ?6, ?7, NULL, version, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15
		FROM credentials WHERE id = ?16 AND organization_id = ?17 AND version = ?18 AND deleted_at IS NULL`,
		func(p *params) {
			p.uuid(r.ID)
			p.text(r.Method)
			p.text(string(r.Trigger))
			p.text(string(r.State))
			p.uuid(r.BeganBy)
			p.time(r.BeganAt)
			p.time(r.UpdatedAt)
			p.int(r.PromotedVersion)
			p.int(int64(r.Attempts))
			p.optionalTime(r.NextAt)
			p.text(string(r.Code))
			p.text(r.Message)
			p.int(r.Fence)
			p.optionalTime(r.LeasedUntil)
			p.blob(r.Sealed)
			p.uuid(r.CredentialID)
			p.uuid(r.OrganizationID)
			p.int(r.FromVersion)
		})
	return t.staleIfLive(err, r.OrganizationID, r.CredentialID)
}

// LeaseRotation implements store.ConnectionsTx.
func (t *tx) LeaseRotation(organization, id uuid.UUID, fence int64, now, until time.Time) (int64, error) {
	err := t.runOne(`UPDATE rotations SET fence = fence + 1, leased_until = ?
		WHERE id = ? AND organization_id = ? AND fence = ? AND ended_at IS NULL
			AND (leased_until IS NULL OR leased_until <= ?) AND `+liveCredential,
		func(p *params) { p.time(until); p.uuid(id); p.uuid(organization); p.int(fence); p.time(now) })
	return fence + 1, t.staleIfThere(err, `SELECT count(*) FROM rotations WHERE id = ? AND organization_id = ? AND `+liveCredential,
		func(p *params) { p.uuid(id); p.uuid(organization) })
}

// SaveRotation implements store.ConnectionsTx.
func (t *tx) SaveRotation(organization uuid.UUID, s store.RotationStep) error {
	change := `state = ?, updated_at = ?, ended_at = ?, promoted_version = ?, attempts = ?, next_at = ?, code = ?, message = ?`
	lease := &s.LeasedUntil
	if !s.Rotation.State.Active() {
		change += `, sealed = NULL`
		lease = nil
	}
	if s.Release {
		lease = nil
	}
	if lease == nil {
		change += `, claimed_until = NULL`
	}
	err := t.runOne(`UPDATE rotations SET `+change+`, leased_until = ?
		WHERE id = ? AND organization_id = ? AND fence = ? AND ended_at IS NULL`,
		func(p *params) {
			p.text(string(s.Rotation.State))
			p.time(s.Rotation.UpdatedAt)
			p.optionalTime(s.Rotation.EndedAt)
			p.int(s.Rotation.PromotedVersion)
			p.int(int64(s.Rotation.Attempts))
			p.optionalTime(s.Rotation.NextAt)
			p.text(string(s.Rotation.Code))
			p.text(s.Rotation.Message)
			p.optionalTime(lease)
			p.uuid(s.ID)
			p.uuid(organization)
			p.int(s.Fence)
		})
	if err != nil {
		return t.staleIfThere(err, `SELECT count(*) FROM rotations WHERE id = ? AND organization_id = ?`,
			func(p *params) { p.uuid(s.ID); p.uuid(organization) })
	}
	return t.noteRotation(organization, s)
}

// noteRotation writes what a step means to its credential, deleted or live: a restored
// one must not forget a doubt.
func (t *tx) noteRotation(organization uuid.UUID, s store.RotationStep) error {
	change := `rotation_doubt = ?`
	if s.Schedule != nil {
		change += `, rotated_at = coalesce(?, rotated_at), rotate_at = ?, rotate_claimed_until = NULL`
	}
	return t.runOne(`UPDATE credentials SET `+change+`
		WHERE id = (SELECT credential_id FROM rotations WHERE id = ?) AND organization_id = ?`,
		func(p *params) {
			p.bool(s.InDoubt)
			if s.Schedule != nil {
				p.optionalTime(s.Schedule.Last)
				p.optionalTime(s.Schedule.Next)
			}
			p.uuid(s.ID)
			p.uuid(organization)
		})
}

// ClaimRotations implements store.ConnectionsTx. There is one writer, as for every claim.
func (t *tx) ClaimRotations(now, until time.Time, limit int) ([]store.DueRotation, error) {
	due, err := within(t, func(c *sqlite.Conn) ([]store.DueRotation, error) {
		return many(c, dueRotations, func(p *params) { p.time(now); p.int(int64(limit)) }, func(r *row) store.DueRotation {
			return store.DueRotation{OrganizationID: r.uuid(), CredentialID: r.uuid(), ID: r.uuid()}
		})
	})
	for _, d := range due {
		if err == nil {
			err = t.runOne(`UPDATE rotations SET claimed_until = ? WHERE id = ? AND organization_id = ?`,
				func(p *params) { p.time(until); p.uuid(d.ID); p.uuid(d.OrganizationID) })
		}
	}
	return due, err
}

// ClaimRotationStarts implements store.ConnectionsTx.
func (t *tx) ClaimRotationStarts(now, until time.Time, limit int) ([]store.DueCredential, error) {
	return t.claimCredentials(dueStarts, func(p *params) { p.time(now); p.int(int64(limit)) },
		`UPDATE credentials SET rotate_claimed_until = ? WHERE id = ? AND organization_id = ?`, until)
}
