package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func scanHealth(r *row) strongroom.Health {
	return strongroom.Health{
		State: strongroom.HealthState(r.text()), NextAt: r.optionalTime(),
		Failures: int(r.int()), Refusals: int(r.int()), KnownHost: r.text(),
	}
}

func scanCheck(r *row) (c strongroom.Check) {
	r.fail(json.Unmarshal(r.json(), &c))
	return c
}

// ListChecks implements store.Checks.
func (db *DB) ListChecks(ctx context.Context, organization, credential uuid.UUID, page strongroom.Page) ([]strongroom.Check, error) {
	if _, err := db.Credential(ctx, organization, credential); err != nil {
		return nil, err
	}
	answer, err := db.list(ctx, "list_checks", enter(organization), sql(`SELECT body FROM strongroom.credential_checks
		WHERE credential_id = $1 AND organization_id = $2
		ORDER BY sequence DESC LIMIT $3 OFFSET $4`, credential, organization, page.Limit, page.Offset))
	if err != nil {
		return nil, err
	}
	return many(answer, scanCheck)
}

// CountHealth implements store.Checks.
func (db *DB) CountHealth(ctx context.Context) ([]strongroom.HealthCount, error) {
	answer, err := db.list(ctx, "count_health", sql(`SELECT provider, status, health_state, live FROM strongroom.count_health()`))
	if err != nil {
		return nil, err
	}
	return many(answer, func(r *row) strongroom.HealthCount {
		return strongroom.HealthCount{
			Provider: r.text(), Status: strongroom.CredentialStatus(r.text()),
			Health: strongroom.HealthState(r.text()), Count: int(r.int()),
		}
	})
}

// SaveCheck implements store.ConnectionsTx.
func (t *tx) SaveCheck(organization uuid.UUID, e store.CheckEnd) error {
	body, err := json.Marshal(e.Check)
	if err != nil {
		return err
	}
	h := e.Health
	err = t.change(organization, sql(`UPDATE strongroom.credentials SET last_checked_at = $1, last_check = $2, health_state = $3, check_at = $4,
			check_failures = $5, check_refusals = $6, known_host = $7, check_claimed_until = NULL
		WHERE id = $8 AND organization_id = $9 AND version = $10 AND deleted_at IS NULL`,
		e.Check.At, encodedJSON(body), string(h.State), h.NextAt, h.Failures, h.Refusals, h.KnownHost, e.ID, organization, e.Check.Version))
	if err != nil {
		return t.staleIfLive(err, organization, e.ID)
	}
	return t.remember(organization, e, body)
}

// remember adds a test to its credential's history. Only the oldest ever go, so that the
// numbers of those that are kept have no gaps. Whoever does holds the credential's row.
func (t *tx) remember(organization uuid.UUID, e store.CheckEnd, body []byte) error {
	_, err := t.in(organization, sql(`INSERT INTO strongroom.credential_checks (organization_id, credential_id, sequence, at, body)
		SELECT $1, $2, coalesce(max(sequence), 0) + 1, $3, $4 FROM strongroom.credential_checks WHERE credential_id = $2 AND organization_id = $1`,
		organization, e.ID, e.Check.At, encodedJSON(body)))
	if err != nil {
		return err
	}
	_, err = t.in(organization, sql(`DELETE FROM strongroom.credential_checks WHERE credential_id = $1 AND organization_id = $2
		AND sequence <= (SELECT max(sequence) FROM strongroom.credential_checks WHERE credential_id = $1 AND organization_id = $2) - $3`,
		e.ID, organization, e.Keep))
	return err
}

// Health implements store.ConnectionsTx.
func (t *tx) Health(organization, id uuid.UUID) (found strongroom.Health, err error) {
	answer, err := t.in(organization, sql(`SELECT health_state, check_at, check_failures, check_refusals, known_host FROM strongroom.credentials
		WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE`, id, organization))
	if err != nil {
		return found, err
	}
	return one(answer, scanHealth)
}

// SetHealth implements store.ConnectionsTx.
func (t *tx) SetHealth(organization, id uuid.UUID, version int64, h strongroom.Health) error {
	err := t.change(organization, sql(`UPDATE strongroom.credentials SET health_state = $1, check_at = $2, check_failures = $3,
			check_refusals = $4, known_host = $5, check_claimed_until = NULL
		WHERE id = $6 AND organization_id = $7 AND version = $8 AND deleted_at IS NULL`,
		string(h.State), h.NextAt, h.Failures, h.Refusals, h.KnownHost, id, organization, version))
	return t.staleIfLive(err, organization, id)
}

// ClaimChecks implements store.ConnectionsTx.
func (t *tx) ClaimChecks(now, until time.Time, limit int, except []string) ([]store.DueCredential, error) {
	return t.claim(sql(`SELECT organization_id, id, provider FROM strongroom.claim_checks($1, $2, $3, $4)`, now, until, limit, except))
}

func (t *tx) claim(s statement) ([]store.DueCredential, error) {
	answer, err := t.run(s)
	if err != nil {
		return nil, err
	}
	return many(answer, func(r *row) store.DueCredential {
		return store.DueCredential{OrganizationID: r.uuid(), ID: r.uuid(), Provider: r.text()}
	})
}
