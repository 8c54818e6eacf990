package backup

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// Options say what to check, and against what.
type Options struct {
	// Data and Keys are the two files.
	Data, Keys string
	Root       seal.Keepers
	// Trust opens signing keys with the root keys. What does not open is an error.
	Trust func(context.Context, []store.SigningKey) (Trusted, error)
	// Rotates tells whether a provider replaces the refresh token with each renewal, so
	// that an older one is dead.
	Rotates func(provider string) bool
	// Previous is the database that the backup would stand in for, as it is now; nil where
	// it cannot be read, for the reason that NoPrevious gives.
	Previous   store.Dumper
	NoPrevious string
	Clock      strongroom.Clock
}

// Trusted are signing keys that the root key has opened.
type Trusted struct {
	Keys map[uuid.UUID]ed25519.PublicKey
	// Retired says when which was.
	Retired map[uuid.UUID]time.Time
	// Signer is the one of the moment.
	Signer audit.Signer
}

// verification is what an audit log is verified against.
func (t Trusted) verification() audit.VerifyOptions {
	return audit.VerifyOptions{Keys: t.Keys, Retired: t.Retired}
}

// MaxListed bounds each list in a Report; what is counted beside it is not bounded.
const MaxListed = 1000

// Report is what a check found.
type Report struct {
	// Header and Keys are what the two files say of themselves.
	Header, Keys Header
	// Digest is the data file's SHA-256, in hexadecimal: that of its content, which is
	// signed, and not of the compressed file.
	Digest string
	Tables []TableCount
	// OrganizationKeys counts those that the root key opens, Records those sealed records
	// that they open.
	OrganizationKeys int
	Records          int64
	// Erased are organizations that were erased since, as the keys file says. They stay so.
	Erased []uuid.UUID
	Audit  audit.Report
	Since  Changes
	// Problems are sentences; without any, the backup can be restored. ProblemCount counts
	// those that are not listed too.
	Problems     []string
	ProblemCount int
}

// OK tells whether the backup can be restored.
func (r *Report) OK() bool { return r.ProblemCount == 0 }

func (r *Report) problem(format string, args ...any) {
	r.ProblemCount++
	if len(r.Problems) < MaxListed {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// TableCount says how many rows a table has.
type TableCount struct {
	Name string
	Rows int64
}

// checked is a backup whose files are whole and genuine.
type checked struct {
	Options
	file    *os.File
	seal    *signature
	chains  []uuid.UUID
	keys    *keySet
	trusted Trusted
	sealer  *seal.Sealer
	report  *Report
	// consent are the credentials that a restore marks.
	consent map[uuid.UUID]bool
	now     time.Time
}

// Check reads both files to their ends and writes nothing. Its error says that they cannot
// be judged any further; what is wrong within is in the report.
func Check(ctx context.Context, o Options) (*Report, error) {
	c, err := check(ctx, o)
	if err != nil {
		return nil, err
	}
	return c.report, c.file.Close()
}

// check leaves the data file open.
func check(ctx context.Context, o Options) (_ *checked, err error) {
	c := &checked{Options: o, report: &Report{}, now: o.Clock.Now()}
	defer func() {
		if err != nil && c.file != nil {
			err = errors.Join(err, c.file.Close())
		}
	}()
	if err := c.inspect(ctx); err != nil {
		return nil, err
	}
	if c.keys, err = findKeys(o.Keys); err != nil {
		return nil, err
	}
	c.report.Keys = c.keys.Header
	if err := c.authenticate(ctx); err != nil {
		return nil, err
	}
	if err := c.openKeys(ctx); err != nil {
		return nil, err
	}
	return c, c.examine(ctx)
}

// inspect reads the data file once, and makes sure that it is whole.
func (c *checked) inspect(ctx context.Context) error {
	f, r, err := opened(c.Data)
	if err != nil {
		return err
	}
	c.file, c.report.Header = f, r.Header
	if r.Header.Content != Data {
		return about(c.Data, r.judge(errors.New("it is no backup but a keys file, which goes with one: name a file that ends in .backup")))
	}
	chains := map[uuid.UUID]bool{}
	for {
		more, err := r.next()
		if err == nil && more {
			err = c.inspectTable(ctx, r, chains)
		}
		if err != nil {
			return about(c.Data, err)
		}
		if !more {
			break
		}
		c.report.Tables = append(c.report.Tables, TableCount{r.table.Name, r.rows[r.table.Name]})
	}
	c.seal = r.seal
	c.report.Digest = hex.EncodeToString(r.seal.digest[:])
	for id := range chains {
		c.chains = append(c.chains, id)
	}
	slices.SortFunc(c.chains, compareIDs)
	return about(c.Data, complete(r, false))
}

func (c *checked) inspectTable(ctx context.Context, r *reader, chains map[uuid.UUID]bool) error {
	if r.table.Name != signingKeys {
		if t, _, err := current(r.table); err != nil {
			return r.judge(err)
		} else if t.Keys {
			return r.judge(fmt.Errorf("%w: table %s does not belong into it", errMalformed, t.Name))
		}
	}
	chain := r.table.Column("chain")
	for {
		row, err := r.nextRow()
		if err != nil || row == nil {
			return err
		}
		if chain >= 0 && r.table.Columns[chain].Check(row[chain]) == nil {
			chains[store.DecodeUUID(row[chain])] = true
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func findKeys(path string) (*keySet, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the keys file %s is missing, without which nothing in a backup opens: strongroom backup writes it, beside the backups where nothing else was said; name it with --keys", path)
	}
	return readKeys(path)
}

// authenticate makes sure that both files are what one installation wrote, with the root
// key at hand.
func (c *checked) authenticate(ctx context.Context) error {
	data, keys := c.report.Header, c.keys.Header
	if data.InstallationID != keys.InstallationID {
		return fmt.Errorf("the keys file %s is of another installation (%s) than the backup (%s): name the one that belongs to it with --keys", c.Keys, keys.InstallationID, data.InstallationID)
	}
	root, err := c.Root.For(keys.RootFingerprint)
	if err != nil {
		return fmt.Errorf("this is not the root key of this backup: expected the key with fingerprint %s, found %s; set --root-key to the key that its database had when the keys file was written", keys.RootFingerprint, c.Root[0].Fingerprint())
	}
	c.sealer = seal.New(root, c.keys, c.Clock, nil)
	if len(c.keys.Signing) == 0 {
		return about(c.Keys, fmt.Errorf("%w: it has no signing key", errMalformed))
	}
	if c.trusted, err = c.Trust(ctx, c.keys.Signing); err != nil {
		return fmt.Errorf("the keys file %s does not open: %w", c.Keys, err)
	}
	if err := c.keys.verify(c.Keys, c.trusted.Keys); err != nil {
		return err
	}
	return about(c.Data, c.seal.verify(c.trusted.Keys))
}

// openKeys has the root key open every organization's key.
func (c *checked) openKeys(ctx context.Context) error {
	for _, k := range c.keys.Organizations {
		err := c.sealer.Ready(ctx, k.OrganizationID, k.Version)
		switch {
		case err == nil:
			c.report.OrganizationKeys++
		case ctx.Err() != nil:
			return ctx.Err()
		case seal.Away(err):
			return fmt.Errorf("the keys cannot be checked: %w", err)
		default:
			c.report.problem("the key of organization %s, version %d, does not open: %v", k.OrganizationID, k.Version, err)
		}
	}
	return nil
}

// again reads the data file once more, from its beginning; do gets every table. It must be
// the file that was found to be genuine.
func (c *checked) again(do func(r *reader) error) error {
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, err := newReader(c.file)
	if err != nil {
		return about(c.Data, err)
	}
	for {
		more, err := r.next()
		if err != nil {
			return about(c.Data, err)
		}
		if !more {
			break
		}
		if err := do(r); err != nil {
			return err
		}
	}
	if *r.seal != *c.seal {
		return about(c.Data, errors.New("it was changed while it was read"))
	}
	return nil
}
