package postgres

import (
	"context"

	"github.com/google/uuid"

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

func scanSchedule(r *row) strongroom.RotationSchedule {
	return strongroom.RotationSchedule{
		RotationPolicy: strongroom.RotationPolicy{MaxAge: r.duration(), Grace: r.duration()},
		NextAt:         r.optionalTime(), LastAt: r.optionalTime(), InDoubt: r.bool(),
	}
}

// Rotation implements store.Rotations.
func (db *DB) Rotation(ctx context.Context, organization, id uuid.UUID) (found store.SealedRotation, err error) {
	answer, err := db.lookUp(ctx, "rotation", enter(organization),
		sql(`SELECT `+rotationColumns+`, fence, leased_until, sealed FROM strongroom.rotations
			WHERE id = $1 AND organization_id = $2`, id, organization))
	if err != nil {
		return found, err
	}
	return one(answer, scanSealedRotation)
}

// ActiveRotation implements store.Rotations.
func (db *DB) ActiveRotation(ctx context.Context, organization, credential uuid.UUID) (found store.SealedRotation, err error) {
	answer, err := db.lookUp(ctx, "active_rotation", enter(organization),
		sql(`SELECT `+rotationColumns+`, fence, leased_until, sealed FROM strongroom.rotations
			WHERE credential_id = $1 AND organization_id = $2 AND ended_at IS NULL`, credential, organization))
	if err != nil {
		return found, err
	}
	return one(answer, scanSealedRotation)
}

// ListRotations implements store.Rotations.
func (db *DB) ListRotations(ctx context.Context, f store.RotationFilter) ([]strongroom.Rotation, error) {
	var credential *uuid.UUID
	if f.CredentialID != uuid.Nil {
		credential = &f.CredentialID
	}
	var state *string
	if f.State != "" {
		state = (*string)(&f.State)
	}
	from, args := `strongroom.all_rotations($1, $2, $3, $4)`, []any{credential, state, f.Limit, f.Offset}
	if f.OrganizationID != uuid.Nil {
		from = `strongroom.rotations WHERE organization_id = $5 AND ($1 IS NULL OR credential_id = $1) AND ($2 IS NULL OR state = $2)
			ORDER BY id DESC LIMIT $3 OFFSET $4`
		args = append(args, f.OrganizationID)
	}
	answer, err := db.list(ctx, "list_rotations", enter(f.OrganizationID), sql(`SELECT `+rotationColumns+` FROM `+from, args...))
	if err != nil {
		return nil, err
	}
	return many(answer, scanRotation)
}
