package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// logView is the audit log in a data file, for audit.Verify: it implements store.Audit and
// store.AuditView, and goes forward only, in the order in which that asks.
type logView struct {
	reader *reader
	chains []uuid.UUID

	convert func(store.Row) store.Row
	// ahead is a record that was read and is of another chain than the one asked for.
	ahead *store.AuditRecord
	// err is what is wrong with the file.
	err error
}

var (
	_ store.Audit     = (*logView)(nil)
	_ store.AuditView = (*logView)(nil)
)

var errForward = errors.New("a backup's audit log is read once, from its beginning")

// ListEvents implements store.Audit; nobody asks.
func (*logView) ListEvents(context.Context, uuid.UUID, strongroom.EventQuery) ([]store.AuditRecord, error) {
	return nil, errForward
}

// AuditSnapshot implements store.Audit.
func (v *logView) AuditSnapshot(_ context.Context, fn func(store.AuditView) error) error {
	return fn(v)
}

// Records implements store.AuditView; nobody asks.
func (*logView) Records() iter.Seq2[store.AuditRecord, error] {
	return func(yield func(store.AuditRecord, error) bool) { yield(store.AuditRecord{}, errForward) }
}

// Chains implements store.AuditView.
func (v *logView) Chains() ([]uuid.UUID, error) { return v.chains, v.err }

// fail keeps an error, which is store.ErrUnavailable to whoever reads the log: it ends the
// verification, and is no verdict.
func (v *logView) fail(err error) error {
	v.err = err
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// enter goes to a table, which is this one or a later one, for rows of these columns.
func (v *logView) enter(name string, columns ...string) error {
	if v.err != nil {
		return v.fail(v.err)
	}
	for v.reader.table.Name != name {
		more, err := v.reader.next()
		if err != nil {
			return v.fail(err)
		}
		if !more {
			return v.fail(fmt.Errorf("%w: the tables of its audit log are not in order", errMalformed))
		}
	}
	convert, err := conversion(v.reader.table, store.TableNamed(name).Only(columns...))
	if err != nil {
		return v.fail(err)
	}
	v.convert = convert
	return nil
}

// row returns the next row of the table; nil behind the last one.
func (v *logView) row() (store.Row, error) {
	if !v.reader.inTable {
		return nil, nil
	}
	row, err := v.reader.nextRow()
	if err != nil {
		return nil, v.fail(err)
	}
	if row == nil {
		return nil, nil
	}
	return v.convert(row), nil
}

// hash32 is a hash that has its length; another is that of no record.
func hash32(v []byte) (h [32]byte) {
	if len(v) == len(h) {
		copy(h[:], v)
	}
	return h
}

// Checkpoints implements store.AuditView.
func (v *logView) Checkpoints() iter.Seq2[store.AuditCheckpoint, error] {
	return func(yield func(store.AuditCheckpoint, error) bool) {
		err := v.enter("audit_checkpoints", "sequence", "body", "key_id", "signature", "created_at")
		for err == nil {
			var row store.Row
			if row, err = v.row(); row == nil {
				break
			}
			c := store.AuditCheckpoint{
				Sequence: store.DecodeInt(row[0]), Body: bytes.Clone(row[1]), KeyID: store.DecodeUUID(row[2]),
				Signature: bytes.Clone(row[3]), CreatedAt: store.DecodeTime(row[4]),
			}
			if !yield(c, nil) {
				return
			}
		}
		if err != nil {
			yield(store.AuditCheckpoint{}, err)
		}
	}
}

// Heads implements store.AuditView.
func (v *logView) Heads() ([]store.AuditHead, error) {
	if err := v.enter("audit_heads", "chain", "sequence", "hash", "key_id", "signature", "updated_at"); err != nil {
		return nil, err
	}
	var heads []store.AuditHead
	for {
		row, err := v.row()
		if err != nil || row == nil {
			return heads, err
		}
		heads = append(heads, store.AuditHead{
			Chain: store.DecodeUUID(row[0]), Sequence: store.DecodeInt(row[1]), Hash: hash32(row[2]),
			KeyID: store.DecodeUUID(row[3]), Signature: bytes.Clone(row[4]), UpdatedAt: store.DecodeTime(row[5]),
		})
	}
}

// ChainRecords implements store.AuditView. The chains come in their order.
func (v *logView) ChainRecords(chain uuid.UUID, _ int64) iter.Seq2[store.AuditRecord, error] {
	return func(yield func(store.AuditRecord, error) bool) {
		if err := v.enter("audit_events", "cursor", "chain", "sequence", "at", "organization_id", "hash", "body"); err != nil {
			yield(store.AuditRecord{}, err)
			return
		}
		for {
			record, err := v.record()
			switch {
			case err == nil && record == nil:
				return
			case err == nil && record.Chain != chain:
				v.ahead = record
				if compareIDs(record.Chain, chain) > 0 {
					return
				}
				err = v.fail(fmt.Errorf("%w: its audit log is not in order", errMalformed))
			}
			if err != nil {
				yield(store.AuditRecord{}, err)
				return
			}
			if !yield(*record, nil) {
				return
			}
		}
	}
}

// record returns the next record of any chain; nil behind the last one. Its body is good
// until the one after it.
func (v *logView) record() (*store.AuditRecord, error) {
	if r := v.ahead; r != nil {
		v.ahead = nil
		return r, nil
	}
	row, err := v.row()
	if err != nil || row == nil {
		return nil, err
	}
	return &store.AuditRecord{
		Cursor: store.DecodeInt(row[0]), Chain: store.DecodeUUID(row[1]), Sequence: store.DecodeInt(row[2]),
		At: store.DecodeTime(row[3]), OrganizationID: store.DecodeUUID(row[4]), Hash: hash32(row[5]), Body: row[6],
	}, nil
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
