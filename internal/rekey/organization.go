package rekey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/internal/store/stored"
)

// purposes are what each kind of record is sealed for.
var purposes = map[store.SealedKind]seal.Purpose{
	store.SealedCredentials:  seal.Credential,
	store.SealedOAuthClients: seal.OAuthClient,
	store.SealedOAuthFlows:   seal.OAuthFlow,
	store.SealedRotations:    seal.Rotation,
}

// Unfinished is how long a rotation is taken for unfinished: as long as something is sealed
// under another key than one that young, running it again goes on with that one.
const Unfinished = 24 * time.Hour

// Broken is a record that does not open.
type Broken struct {
	Kind   store.SealedKind
	ID     uuid.UUID
	Reason error
}

// Rotated is what became of an organization's key.
type Rotated struct {
	// Version is the key that everything is sealed under; 0: the organization has no key, and
	// nothing that is sealed.
	Version int64
	// Resumed says that the key was there already.
	Resumed bool
	// Resealed counts records, each time that one was.
	Resealed int
	// Broken are those that do not open. They are as they were, under the keys they had.
	Broken []Broken
}

// ErrBroken says that not everything could be re-sealed.
var ErrBroken = errors.New("records do not open, and were left as they are")

// errOvertaken says that somebody else has made a newer key.
var errOvertaken = strongroom.Errorf(strongroom.CodeConflict, "Another rotation has made a newer key meanwhile; run this again to look whether everything is sealed under it")

// RotateOrganization makes a new key for the caller's organization and has everything sealed
// under it, while others read and write. A rotation that was killed is gone on with.
func (s *Service) RotateOrganization(ctx context.Context, caller strongroom.Caller, progress Progress) (Rotated, error) {
	if err := mayRekey(caller); err != nil {
		return Rotated{}, err
	}
	organization, err := s.Store.Organization(ctx, caller.OrganizationID)
	switch {
	case err != nil:
		return Rotated{}, store.Explain(err, "Organization")
	case organization.ErasedAt != nil:
		return Rotated{}, strongroom.Erased()
	}
	current, err := s.Store.CurrentOrganizationKey(ctx, caller.OrganizationID)
	if errors.Is(err, store.ErrNotFound) {
		return Rotated{}, nil
	}
	if err != nil {
		return Rotated{}, fmt.Errorf("the organization's key cannot be read: %w", err)
	}
	all, others, err := s.count(ctx, caller.OrganizationID, current.Version)
	if err != nil {
		return Rotated{}, err
	}
	if others > 0 && s.Clock.Now().Sub(current.CreatedAt) < Unfinished {
		done, err := s.rotate(ctx, caller, Rotated{Version: current.Version, Resumed: true}, others, progress)
		if done.Resealed > 0 || err != nil && !errors.Is(err, ErrBroken) {
			return done, err
		}
		// What is under others does not open, so that nothing was left to go on with.
	}
	return s.rotate(ctx, caller, Rotated{Version: current.Version + 1}, all, progress)
}

// rotate makes the version where it is not there already, has everything sealed under it, and
// puts both ends on record.
func (s *Service) rotate(ctx context.Context, caller strongroom.Caller, done Rotated, total int, progress Progress) (Rotated, error) {
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionOrganizationKeyRotate)
	event.Version = done.Version
	var err error
	if done.Resumed {
		event.Note = "resumed"
		err = s.Audit.Record(ctx, event)
	} else {
		event.Note = "begun"
		err = s.makeKey(ctx, caller, event)
	}
	if err != nil {
		return Rotated{}, err
	}
	err = s.resealAll(ctx, caller.OrganizationID, &done, total, progress)
	if err == nil && len(done.Broken) > 0 {
		err = ErrBroken
	}
	event.Time, event.Note = strongroom.Timestamp(s.Clock.Now()), fmt.Sprintf("records re-sealed: %d", done.Resealed)
	if n := len(done.Broken); n > 0 {
		event.Note += fmt.Sprintf(", not to be opened: %d", n)
	}
	if err != nil {
		return done, s.failed(ctx, event, err)
	}
	return done, s.Audit.Record(ctx, event)
}

// count returns how many records there are, and how many under others than the version.
func (s *Service) count(ctx context.Context, organization uuid.UUID, version int64) (all, others int, err error) {
	counts, err := s.Store.CountSealed(ctx, organization)
	if err != nil {
		return 0, 0, fmt.Errorf("what is sealed cannot be counted: %w", err)
	}
	for _, c := range counts {
		all += c.Count
		if c.KeyVersion != version {
			others += c.Count
		}
	}
	return all, others, nil
}

// makeKey stores a new version together with its events.
func (s *Service) makeKey(ctx context.Context, caller strongroom.Caller, begun strongroom.Event) error {
	key, err := s.Sealer.NewOrganizationKey(ctx, caller.OrganizationID, begun.Version)
	if err != nil {
		return s.failed(ctx, begun, err)
	}
	made := strongroom.NewEvent(begun.Time, caller, strongroom.ActionOrganizationKeyCreate)
	made.Version = begun.Version
	err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{begun, made}, tx.CreateOrganizationKey(key)
	})
	switch {
	case errors.Is(err, store.ErrDuplicate):
		err = errOvertaken
	case errors.Is(err, store.ErrErased):
		err = strongroom.Erased()
	}
	if err != nil {
		return s.failed(ctx, begun, err)
	}
	return nil
}

// passes bounds how often everything is gone through: what is written meanwhile is sealed
// under the newest key, so that a second look finds only what began before there was one.
const passes = 10

func (s *Service) resealAll(ctx context.Context, organization uuid.UUID, done *Rotated, total int, progress Progress) error {
	for range passes {
		before := done.Resealed
		done.Broken = nil
		for _, kind := range store.SealedKinds {
			if err := s.resealKind(ctx, organization, kind, done, total, progress); err != nil {
				return err
			}
		}
		if done.Resealed == before {
			return nil
		}
	}
	return errors.New("others keep writing under older keys: run this again, once no server is left that was started before")
}

// resealKind goes through an organization's records of one kind once.
func (s *Service) resealKind(ctx context.Context, organization uuid.UUID, kind store.SealedKind, done *Rotated, total int, progress Progress) error {
	query := store.SealedQuery{Kind: kind, ButVersion: done.Version, Limit: s.Batch}
	for {
		records, err := s.Store.SealedRecords(ctx, organization, query)
		if err != nil {
			return fmt.Errorf("what is sealed cannot be read: %w", err)
		}
		if len(records) == 0 {
			return nil
		}
		query.After = records[len(records)-1].ID
		resealed, broken, err := s.resealBatch(ctx, organization, kind, records, done.Version)
		if err != nil {
			return err
		}
		done.Broken = append(done.Broken, broken...)
		replaced := 0
		err = s.Store.Write(ctx, func(tx store.Tx) (err error) {
			replaced, err = tx.ReplaceSealed(organization, kind, resealed)
			return err
		})
		if err != nil {
			return fmt.Errorf("re-sealed records cannot be stored: %w", err)
		}
		done.Resealed += replaced
		progress.tell(done.Resealed, max(total, done.Resealed))
	}
}

// resealBatch re-seals records, and tells which do not open. Its error is not a record's own.
func (s *Service) resealBatch(ctx context.Context, organization uuid.UUID, kind store.SealedKind, records []store.SealedRecord, version int64) (resealed []store.Resealed, broken []Broken, err error) {
	for _, r := range records {
		if stored.KeyVersion(r.Sealed) > version {
			return nil, nil, errOvertaken
		}
		b := seal.Binding{Purpose: purposes[kind], OrganizationID: organization, RecordID: r.ID, Version: r.Version}
		again, err := s.Sealer.Reseal(ctx, b, r.Sealed, version)
		switch {
		case err == nil:
			resealed = append(resealed, store.Resealed{ID: r.ID, Old: r.Sealed, New: again})
		case ofTheRecord(err):
			broken = append(broken, Broken{Kind: kind, ID: r.ID, Reason: err})
		default:
			return nil, nil, fmt.Errorf("keys cannot be used: %w", err)
		}
	}
	return resealed, broken, nil
}

// ofTheRecord tells the errors that another record need not have.
func ofTheRecord(err error) bool {
	return errors.Is(err, seal.ErrTampered) || errors.Is(err, seal.ErrUnknownKey)
}
