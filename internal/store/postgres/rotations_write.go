package postgres

import (
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// liveCredential tells whether a rotation's credential is live.
const liveCredential = `EXISTS (SELECT FROM strongroom.credentials c
	WHERE c.id = rotations.credential_id AND c.organization_id = rotations.organization_id AND c.deleted_at IS NULL)`

// SetRotationPolicy implements store.ConnectionsTx.
func (t *tx) SetRotationPolicy(organization, id uuid.UUID, policy strongroom.RotationPolicy, next *time.Time, at time.Time, by uuid.UUID) error {
	return t.change(organization, sql(`UPDATE strongroom.credentials SET rotate_age = $1, rotate_grace = $2, rotate_at = $3,
			rotate_claimed_until = NULL, updated_at = $4, modified_by = $5
		WHERE id = $6 AND organization_id = $7 AND deleted_at IS NULL`,
		policy.MaxAge.Microseconds(), policy.Grace.Microseconds(), next, at, by, id, organization))
}

// CreateRotation implements store.ConnectionsTx. It holds the credential, so that its
// version stays what it is.
func (t *tx) CreateRotation(r store.SealedRotation) error {
	err := t.change(r.OrganizationID, sql(`INSERT INTO strongroom.rotations (`+rotationColumns+`, fence, leased_until, sealed)
		SELECT $1, c.organization_id, c.id, $2, $3, $4, $5, $6, $7, NULL, c.version, $8, $9, $10, $11, $12, $13, $14, $15
		FROM strongroom.credentials c WHERE c.id = $16 AND c.organization_id = $17 AND c.version = $18 AND c.deleted_at IS NULL
		FOR NO KEY UPDATE`,
		r.ID, r.Method, string(r.Trigger), string(r.State), r.BeganBy, r.BeganAt, r.UpdatedAt, r.PromotedVersion, r.Attempts, r.NextAt,
		string(r.Code), r.Message, r.Fence, r.LeasedUntil, r.Sealed, r.CredentialID, r.OrganizationID, r.FromVersion))
	return t.staleIfLive(err, r.OrganizationID, r.CredentialID)
}

// LeaseRotation implements store.ConnectionsTx.
func (t *tx) LeaseRotation(organization, id uuid.UUID, fence int64, now, until time.Time) (int64, error) {
	err := t.change(organization, sql(`UPDATE strongroom.rotations SET fence = fence + 1, leased_until = $1
		WHERE id = $2 AND organization_id = $3 AND fence = $4 AND ended_at IS NULL
			AND (leased_until IS NULL OR leased_until <= $5) AND `+liveCredential, until, id, organization, fence, now))
	return fence + 1, t.staleIfThere(err, organization,
		sql(`SELECT FROM strongroom.rotations WHERE id = $1 AND organization_id = $2 AND `+liveCredential, id, organization))
}

// SaveRotation implements store.ConnectionsTx.
func (t *tx) SaveRotation(organization uuid.UUID, s store.RotationStep) error {
	change, lease := ``, &s.LeasedUntil
	if !s.Rotation.State.Active() {
		change = `, sealed = NULL`
		lease = nil
	}
	if s.Release {
		lease = nil
	}
	if lease == nil {
		change += `, claimed_until = NULL`
	}
	r := s.Rotation
	err := t.change(organization, sql(`UPDATE strongroom.rotations SET state = $1, updated_at = $2, ended_at = $3, promoted_version = $4, attempts = $5,
			next_at = $6, code = $7, message = $8, leased_until = $9`+change+`
		WHERE id = $10 AND organization_id = $11 AND fence = $12 AND ended_at IS NULL`,
		string(r.State), r.UpdatedAt, r.EndedAt, r.PromotedVersion, r.Attempts, r.NextAt, string(r.Code), r.Message, lease, s.ID, organization, s.Fence))
	if err != nil {
		return t.staleIfThere(err, organization, sql(`SELECT FROM strongroom.rotations WHERE id = $1 AND organization_id = $2`, s.ID, organization))
	}
	return t.noteRotation(organization, s)
}

// noteRotation writes what a step means to its credential, deleted or live: a restored
// one must not forget a doubt.
func (t *tx) noteRotation(organization uuid.UUID, s store.RotationStep) error {
	change, args := ``, []any{s.InDoubt, s.ID, organization}
	if s.Schedule != nil {
		change = `, rotated_at = coalesce($4, rotated_at), rotate_at = $5, rotate_claimed_until = NULL`
		args = append(args, s.Schedule.Last, s.Schedule.Next)
	}
	return t.change(organization, sql(`UPDATE strongroom.credentials SET rotation_doubt = $1`+change+`
		WHERE id = (SELECT credential_id FROM strongroom.rotations WHERE id = $2 AND organization_id = $3) AND organization_id = $3`, args...))
}

// ClaimRotations implements store.ConnectionsTx.
func (t *tx) ClaimRotations(now, until time.Time, limit int) ([]store.DueRotation, error) {
	answer, err := t.run(sql(`SELECT organization_id, credential_id, id FROM strongroom.claim_rotations($1, $2, $3)`, now, until, limit))
	if err != nil {
		return nil, err
	}
	return many(answer, func(r *row) store.DueRotation {
		return store.DueRotation{OrganizationID: r.uuid(), CredentialID: r.uuid(), ID: r.uuid()}
	})
}

// ClaimRotationStarts implements store.ConnectionsTx.
func (t *tx) ClaimRotationStarts(now, until time.Time, limit int) ([]store.DueCredential, error) {
	return t.claim(sql(`SELECT organization_id, id, provider FROM strongroom.claim_rotation_starts($1, $2, $3)`, now, until, limit))
}
