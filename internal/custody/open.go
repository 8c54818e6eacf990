package custody

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/oauth"
	"strongroom/internal/policy"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

// Open implements strongroom.CredentialService: the one door. What it returns is on
// record already; what could not be recorded is destroyed and not returned.
func (s *Service) Open(ctx context.Context, caller strongroom.Caller, id uuid.UUID, ifNoneMatch []string) (strongroom.Opened, error) {
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionCredentialRead)
	event.CredentialID = id

	credential, opened, err := s.open(ctx, caller, id, ifNoneMatch, now)
	if credential.ID != uuid.Nil {
		event.Version, event.Provider = credential.Version, credential.Provider
	}
	if err != nil {
		return strongroom.Opened{}, s.refuse(ctx, event, err)
	}
	if opened.NotModified {
		event.Note = "not_modified"
	}
	if err := s.recordRead(ctx, event, credential, now); err != nil {
		opened.Data.Destroy()
		return strongroom.Opened{}, s.unrecorded(event, err)
	}
	s.Observe(event.Action, event.Outcome, "")
	return opened, nil
}

// open decides, loads and decrypts, and records nothing. The credential is returned
// with a refusal too, once it is known to be the caller's organization's.
func (s *Service) open(ctx context.Context, caller strongroom.Caller, id uuid.UUID, ifNoneMatch []string, now time.Time) (strongroom.Credential, strongroom.Opened, error) {
	if err := policy.Decide(caller, policy.OpenCredential, nil, now); err != nil {
		return strongroom.Credential{}, strongroom.Opened{}, err
	}
	sealed, err := s.fresh(ctx, caller, policy.OpenCredential, id, now)
	c := sealed.Credential
	if err != nil {
		return c, strongroom.Opened{}, err
	}
	whole := policy.MaySeeRefreshToken(caller, c, now)
	etag := entityTag(c.Version, whole)
	if slices.Contains(ifNoneMatch, etag) || slices.Contains(ifNoneMatch, "*") {
		return c, strongroom.Opened{ETag: etag, NotModified: true}, nil
	}
	data, err := s.openSealed(ctx, sealed)
	if err != nil {
		return c, strongroom.Opened{}, err
	}
	if !whole {
		if data, err = withoutRefreshToken(data); err != nil {
			return c, strongroom.Opened{}, err
		}
	}
	return c, strongroom.Opened{ETag: etag, Data: data}, nil
}

// fresh loads the credential, and has a stale token renewed, and a rotation that is in doubt
// settled, first. It reads and decides anew after it has waited: what was true before may
// not be any more.
func (s *Service) fresh(ctx context.Context, caller strongroom.Caller, action policy.Action, id uuid.UUID, now time.Time) (store.SealedCredential, error) {
	for waited, settled := false, action == policy.RotateCredential; ; now = s.Clock.Now() {
		sealed, err := s.sealed(ctx, caller.OrganizationID, id)
		if err != nil {
			return store.SealedCredential{}, store.Explain(err, "Credential")
		}
		if err := policy.Decide(caller, action, &sealed.Credential, now); err != nil {
			return sealed, err
		}
		if sealed.Rotation.InDoubt && !settled {
			s.awaitSettlement(ctx, sealed.Credential)
			settled = true
			continue
		}
		switch step, refusal := oauth.Plan(now, sealed.Credential, waited); step {
		case oauth.Serve:
			return sealed, nil
		case oauth.Refuse:
			return sealed, refusal
		}
		s.awaitRenewal(ctx, sealed.Credential, now)
		waited = true
	}
}

// openSealed decrypts a credential's data. Its errors are *strongroom.Error.
func (s *Service) openSealed(ctx context.Context, c store.SealedCredential) (secret.Value, error) {
	data, err := s.Sealer.Open(ctx, seal.Binding{OrganizationID: c.OrganizationID, RecordID: c.ID, Version: c.Version}, c.Sealed)
	if err != nil {
		return secret.Value{}, ExplainSeal(fmt.Errorf("open credential %s, version %d: %w", c.ID, c.Version, err))
	}
	return data, nil
}

// recordRead makes the event durable, and notes the use on the credential where the
// last note is older than LastUsedPrecision.
func (s *Service) recordRead(ctx context.Context, event strongroom.Event, c strongroom.Credential, now time.Time) error {
	if c.LastUsedAt != nil && now.Sub(*c.LastUsedAt) < strongroom.LastUsedPrecision {
		return s.Audit.Record(ctx, event)
	}
	return s.recordUse(ctx, event, c.OrganizationID, c.ID, now)
}

// recordUse is apart because what it lends to its function would take memory on every read.
func (s *Service) recordUse(ctx context.Context, event strongroom.Event, organization, id uuid.UUID, now time.Time) error {
	return s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{event}, tx.TouchCredential(organization, id, now)
	})
}

// entityTag names the version and which view of it the caller gets.
func entityTag(version int64, whole bool) string {
	if whole {
		return fmt.Sprintf("v%d", version)
	}
	return fmt.Sprintf("v%d-without-refresh-token", version)
}

// refreshTokenMember is what OAuth calls it (RFC 6749, section 5.1).
const refreshTokenMember = "refresh_token"

// withoutRefreshToken takes the OAuth refresh token out of the data, and destroys the
// original.
func withoutRefreshToken(data secret.Value) (secret.Value, error) {
	plain := data.Reveal()
	if !bytes.Contains(plain, []byte(refreshTokenMember)) && !bytes.Contains(plain, []byte(`\u`)) {
		return data, nil
	}
	defer data.Destroy()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(plain, &members); err != nil {
		return secret.Value{}, strongroom.Errorf(strongroom.CodeInternal, "This record does not open; the operator's log says why").
			Because(fmt.Errorf("decrypted data is no JSON object"))
	}
	delete(members, refreshTokenMember)
	kept, err := json.Marshal(members)
	if err != nil {
		return secret.Value{}, strongroom.Errorf(strongroom.CodeInternal, "This record does not open; the operator's log says why").
			Because(fmt.Errorf("decrypted data cannot be encoded"))
	}
	return secret.New(kept), nil
}
