package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"strongroom"
	"strongroom/internal/store"
)

const (
	countHealth = `SELECT provider, status, health_state, count(*) FROM credentials WHERE deleted_at IS NULL
		GROUP BY provider, status, health_state ORDER BY provider, status, health_state`

	// dueChecks takes the moment, the limit and the providers that are left out, as JSON.
	dueChecks = `SELECT organization_id, id, provider FROM credentials
		WHERE check_at <= ?1 AND deleted_at IS NULL AND (check_claimed_until IS NULL OR check_claimed_until <= ?1)
			AND provider NOT IN (SELECT value FROM json_each(?3))
		ORDER BY check_at LIMIT ?2`
)

// health binds what scanHealth reads.
func (p *params) health(h strongroom.Health) {
	p.text(string(h.State))
	p.optionalTime(h.NextAt)
	p.int(int64(h.Failures))
	p.int(int64(h.Refusals))
	p.text(h.KnownHost)
}

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
	return readLong(ctx, db, "list_checks", func(c *sqlite.Conn) ([]strongroom.Check, error) {
		_, err := one(c, `SELECT version FROM credentials WHERE id = ? AND organization_id = ? AND deleted_at IS NULL`,
			func(p *params) { p.uuid(credential); p.uuid(organization) }, (*row).int)
		if err != nil {
			return nil, err
		}
		return many(c, `SELECT body FROM credential_checks WHERE credential_id = ? AND organization_id = ?
			ORDER BY sequence DESC LIMIT ? OFFSET ?`,
			func(p *params) {
				p.uuid(credential)
				p.uuid(organization)
				p.int(int64(page.Limit))
				p.int(int64(page.Offset))
			}, scanCheck)
	})
}

// CountHealth implements store.Checks.
func (db *DB) CountHealth(ctx context.Context) ([]strongroom.HealthCount, error) {
	return readLong(ctx, db, "count_health", func(c *sqlite.Conn) ([]strongroom.HealthCount, error) {
		return many(c, countHealth, func(*params) {}, func(r *row) strongroom.HealthCount {
			return strongroom.HealthCount{
				Provider: r.text(), Status: strongroom.CredentialStatus(r.text()),
				Health: strongroom.HealthState(r.text()), Count: int(r.int()),
			}
		})
	})
}

// SaveCheck implements store.ConnectionsTx.
func (t *tx) SaveCheck(organization uuid.UUID, e store.CheckEnd) error {
	body, err := json.Marshal(e.Check)
	if err != nil {
		return err
	}
	err = t.runOne(`UPDATE credentials SET last_checked_at = ?, last_check = ?, health_state = ?, check_at = ?,
			check_failures = ?, check_refusals = ?, known_host = ?, check_claimed_until = NULL
		WHERE id = ? AND organization_id = ? AND version = ? AND deleted_at IS NULL`,
		func(p *params) {
			p.time(e.Check.At)
			p.json(body)
			p.health(e.Health)
			p.uuid(e.ID)
			p.uuid(organization)
			p.int(e.Check.Version)
		})
	if err != nil {
		return t.staleIfLive(err, organization, e.ID)
	}
	return t.remember(organization, e, body)
}

// remember adds a test to its credential's history. Only the oldest ever go, so that the
// numbers of those that are kept have no gaps.
func (t *tx) remember(organization uuid.UUID, e store.CheckEnd, body []byte) error {
	_, err := t.run(`INSERT INTO credential_checks (organization_id, credential_id, sequence, at, body)
		SELECT ?1, ?2, coalesce(max(sequence), 0) + 1, ?3, ?4 FROM credential_checks WHERE credential_id = ?2 AND organization_id = ?1`,
		func(p *params) { p.uuid(organization); p.uuid(e.ID); p.time(e.Check.At); p.json(body) })
	if err != nil {
		return err
	}
	_, err = t.run(`DELETE FROM credential_checks WHERE credential_id = ?1 AND organization_id = ?2
		AND sequence <= (SELECT max(sequence) FROM credential_checks WHERE credential_id = ?1 AND organization_id = ?2) - ?3`,
		func(p *params) { p.uuid(e.ID); p.uuid(organization); p.int(int64(e.Keep)) })
	return err
}

// Health implements store.ConnectionsTx. There is one writer, which is who asks.
func (t *tx) Health(organization, id uuid.UUID) (strongroom.Health, error) {
	return within(t, func(c *sqlite.Conn) (strongroom.Health, error) {
		return one(c, `SELECT health_state, check_at, check_failures, check_refusals, known_host FROM credentials
			WHERE id = ? AND organization_id = ? AND deleted_at IS NULL`,
			func(p *params) { p.uuid(id); p.uuid(organization) }, scanHealth)
	})
}

// SetHealth implements store.ConnectionsTx.
func (t *tx) SetHealth(organization, id uuid.UUID, version int64, h strongroom.Health) error {
	err := t.runOne(`UPDATE credentials SET health_state = ?, check_at = ?, check_failures = ?, check_refusals = ?, known_host = ?,
			check_claimed_until = NULL
		WHERE id = ? AND organization_id = ? AND version = ? AND deleted_at IS NULL`,
		func(p *params) { p.health(h); p.uuid(id); p.uuid(organization); p.int(version) })
	return t.staleIfLive(err, organization, id)
}

// ClaimChecks implements store.ConnectionsTx.
func (t *tx) ClaimChecks(now, until time.Time, limit int, except []string) ([]store.DueCredential, error) {
	// Without a list, null would stand in its place, from which nothing differs.
	providers, err := json.Marshal(append([]string{}, except...))
	if err != nil {
		return nil, err
	}
	return t.claimCredentials(dueChecks, func(p *params) { p.time(now); p.int(int64(limit)); p.json(providers) },
		`UPDATE credentials SET check_claimed_until = ? WHERE id = ? AND organization_id = ?`, until)
}

// claimCredentials runs the claim on each that it found due. There is one writer, so that
// what was found due is still unclaimed when it is claimed.
func (t *tx) claimCredentials(due string, bind func(*params), claim string, until time.Time) ([]store.DueCredential, error) {
	found, err := within(t, func(c *sqlite.Conn) ([]store.DueCredential, error) {
		return many(c, due, bind, func(r *row) store.DueCredential {
			return store.DueCredential{OrganizationID: r.uuid(), ID: r.uuid(), Provider: r.text()}
		})
	})
	for _, d := range found {
		if err == nil {
			err = t.runOne(claim, func(p *params) { p.time(until); p.uuid(d.ID); p.uuid(d.OrganizationID) })
		}
	}
	return found, err
}
