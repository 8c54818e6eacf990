package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/rekey"
	"strongroom/internal/store"
)

type keyStatusCommand struct {
	ID   uuid.UUID `arg:"" optional:"" help:"Show every key of this organization, instead of a summary of all."`
	JSON bool      `help:"Print one JSON object for each key of each organization, and then for each signing key." name:"json"`
}

// Help implements kong.HelpProvider.
func (keyStatusCommand) Help() string {
	return `Says which keys seal how many records, and how old they are; deleted credentials count too. Needs no root key.

` + example("strongroom keys status", "strongroom keys status 0199c3a8-0000-7000-8000-000000000001", "strongroom keys status --json | jq 'select(.records == 0)'")
}

// Run prints the keys.
func (c *keyStatusCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.look(ctx, func(s store.Store) error {
		status, err := rekey.Look(ctx, s, c.ID)
		if err != nil {
			return err
		}
		now := time.Now()
		switch {
		case c.JSON:
			return printKeysJSON(sys.stdout, status, c.ID == uuid.Nil)
		case c.ID != uuid.Nil:
			return printOrganizationKeys(sys.stdout, status.Organizations[0], now)
		}
		return printKeySummary(sys.stdout, status, now)
	})
}

type organizationKeyJSON struct {
	OrganizationID  uuid.UUID                `json:"organization_id"`
	Version         int64                    `json:"version"`
	RootFingerprint string                   `json:"root_fingerprint"`
	CreatedAt       time.Time                `json:"created_at"`
	Newest          bool                     `json:"newest"`
	Records         int                      `json:"records"`
	Sealed          map[store.SealedKind]int `json:"sealed"`
}

type signingKeyJSON struct {
	ID              uuid.UUID  `json:"signing_key_id"`
	RootFingerprint string     `json:"root_fingerprint"`
	CreatedAt       time.Time  `json:"created_at"`
	RetiredAt       *time.Time `json:"retired_at"`
}

// statusKinds are the columns of what keys seal.
var statusKinds = []struct {
	kind   store.SealedKind
	header string
}{
	{store.SealedCredentials, "CREDENTIALS"}, {store.SealedOAuthClients, "CLIENTS"},
	{store.SealedOAuthFlows, "FLOWS"}, {store.SealedRotations, "ROTATIONS"},
}

// age says how long ago something was, in the largest unit that tells it.
func age(at, now time.Time) string {
	d := now.Sub(at)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", max(0, d/time.Minute))
}

func printKeysJSON(w io.Writer, s rekey.Status, signing bool) error {
	for _, o := range s.Organizations {
		for i, k := range o.Keys {
			err := printJSON(w, organizationKeyJSON{
				OrganizationID: o.ID, Version: k.Version, RootFingerprint: k.RootFingerprint, CreatedAt: k.CreatedAt,
				Newest: i == len(o.Keys)-1, Records: k.Records(), Sealed: k.Sealed,
			})
			if err != nil {
				return err
			}
		}
	}
	if !signing {
		return nil
	}
	for _, k := range s.Signing {
		if err := printJSON(w, signingKeyJSON{ID: k.ID, RootFingerprint: k.RootFingerprint, CreatedAt: k.CreatedAt, RetiredAt: k.RetiredAt}); err != nil {
			return err
		}
	}
	return nil
}

// printOrganizationKeys lists every version of one organization's key, newest first.
func printOrganizationKeys(w io.Writer, o rekey.OrganizationStatus, now time.Time) error {
	if o.ErasedAt != nil {
		_, err := fmt.Fprintf(w, "This organization was erased at %s: it has no keys, and nothing that is sealed.\n", o.ErasedAt.Format(time.RFC3339))
		return err
	}
	header := []string{"VERSION", "MADE", "AGE", "RECORDS"}
	for _, k := range statusKinds {
		header = append(header, k.header)
	}
	keys := slices.Clone(o.Keys)
	slices.Reverse(keys)
	err := printTable(w, append(header, "ROOT"), keys, func(k rekey.KeyStatus) []string {
		row := []string{strconv.FormatInt(k.Version, 10), k.CreatedAt.Format(time.RFC3339), age(k.CreatedAt, now), strconv.Itoa(k.Records())}
		for _, s := range statusKinds {
			row = append(row, strconv.Itoa(k.Sealed[s.kind]))
		}
		return append(row, k.RootFingerprint)
	})
	if err == nil && o.Lost > 0 {
		_, err = fmt.Fprintf(w, "Records under a key that is not there, or of no known form, which cannot be opened: %d.\n", o.Lost)
	}
	return err
}

// mostListed bounds the organizations that the summary names.
const mostListed = 20

// keyTotals is what a summary says of all organizations.
type keyTotals struct {
	organizations, erased, keyless, keys, idle, records, older, lost int
	oldest                                                           time.Time
	needy                                                            []rekey.OrganizationStatus
}

func sumUp(s rekey.Status) (t keyTotals) {
	for _, o := range s.Organizations {
		t.organizations++
		switch {
		case o.ErasedAt != nil:
			t.erased++
			continue
		case len(o.Keys) == 0:
			t.keyless++
		default:
			if made := o.Keys[len(o.Keys)-1].CreatedAt; t.oldest.IsZero() || made.Before(t.oldest) {
				t.oldest = made
			}
		}
		for _, k := range o.Keys {
			t.keys++
			t.records += k.Records()
			if k.Records() == 0 {
				t.idle++
			}
		}
		t.older, t.lost = t.older+o.Older(), t.lost+o.Lost
		if o.Older()+o.Lost > 0 {
			t.needy = append(t.needy, o)
		}
	}
	return t
}

// printKeySummary says in a few lines what there is to know about any number of keys.
func printKeySummary(w io.Writer, s rekey.Status, now time.Time) error {
	t := sumUp(s)
	oldest := ""
	if !t.oldest.IsZero() {
		oldest = fmt.Sprintf("; the newest of an organization is at most %s old", age(t.oldest, now))
	}
	lines := [][]string{
		{"root key", s.Installation.RootFingerprint},
		{"organizations", fmt.Sprintf("%d (erased: %d, without a key yet: %d)", t.organizations, t.erased, t.keyless)},
		{"organization keys", fmt.Sprintf("%d (sealing nothing: %d%s)", t.keys, t.idle, oldest)},
		{"records", strconv.Itoa(t.records)},
		{"under older keys", strconv.Itoa(t.older)},
		{"cannot be opened", fmt.Sprintf("%d (under a key that is not there, or of no known form)", t.lost)},
	}
	if err := printTable(w, []string{"KEYS", ""}, lines, func(l []string) []string { return l }); err != nil {
		return err
	}
	if len(t.needy) > 0 {
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		err := printTable(w, []string{"ORGANIZATION", "NEWEST", "AGE", "UNDER OLDER KEYS", "CANNOT BE OPENED"}, t.needy[:min(mostListed, len(t.needy))], func(o rekey.OrganizationStatus) []string {
			newest, old := "-", "-"
			if n := len(o.Keys); n > 0 {
				newest, old = strconv.FormatInt(o.Keys[n-1].Version, 10), age(o.Keys[n-1].CreatedAt, now)
			}
			return []string{o.ID.String(), newest, old, strconv.Itoa(o.Older()), strconv.Itoa(o.Lost)}
		})
		if err == nil && len(t.needy) > mostListed {
			_, err = fmt.Fprintf(w, "… and %d more; run strongroom keys rotate-organization --all\n", len(t.needy)-mostListed)
		}
		if err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return printTable(w, []string{"SIGNING KEY", "MADE", "AGE", "RETIRED", "ROOT"}, s.Signing, func(k store.SigningKey) []string {
		retired := "-"
		if k.RetiredAt != nil {
			retired = k.RetiredAt.Format(time.RFC3339)
		}
		return []string{k.ID.String(), k.CreatedAt.Format(time.RFC3339), age(k.CreatedAt, now), retired, k.RootFingerprint}
	})
}
