package main

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/store"
)

type healthCommand struct {
	Organization uuid.UUID `help:"List this organization's credentials that need somebody, instead of counting everybody's." placeholder:"UUID"`
	JSON         bool      `help:"Print one JSON object a line." name:"json"`
}

// Help implements kong.HelpProvider.
func (healthCommand) Help() string {
	return "Counts live credentials by provider, status, and what their last test found: ok, expiring (it works, and something of it ends soon), " +
		"failing, stopped (signing in was refused so often that it is not tested any more unless asked), unknown (not tested yet).\n\n" +
		example("strongroom health --organization 0199c3a8-0000-7000-8000-000000000001")
}

// Run prints the counts, or the credentials that need somebody.
func (c *healthCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.look(ctx, func(s store.Store) error {
		if c.Organization != uuid.Nil {
			return c.list(ctx, s, sys)
		}
		counts, err := s.CountHealth(ctx)
		if err != nil {
			return store.Explain(err, "Credential")
		}
		return printList(sys.stdout, c.JSON, counts, countOf, []string{"PROVIDER", "STATUS", "HEALTH", "CREDENTIALS"}, countRow)
	})
}

// list prints the credentials that are not known to work, those that fail first.
func (c *healthCommand) list(ctx context.Context, s store.Store, sys system) error {
	all, err := whole(func(page strongroom.Page) ([]strongroom.Credential, error) {
		return s.ListCredentials(ctx, c.Organization, store.CredentialFilter{Page: page})
	})
	if err != nil {
		return store.Explain(err, "Credential")
	}
	needy := slices.DeleteFunc(all, func(c strongroom.Credential) bool {
		return c.Status == strongroom.StatusActive && (c.Health.State == strongroom.HealthOK || c.Health.State == strongroom.HealthUnknown)
	})
	slices.SortStableFunc(needy, func(a, b strongroom.Credential) int { return cmp.Compare(urgency(a), urgency(b)) })
	return printList(sys.stdout, c.JSON, needy, ailmentOf, []string{"ID", "NAME", "PROVIDER", "STATUS", "HEALTH", "TESTED", "FOUND"}, ailmentRow)
}

// urgency orders what somebody has to do something about.
func urgency(c strongroom.Credential) int {
	return slices.Index([]strongroom.HealthState{strongroom.HealthStopped, strongroom.HealthFailing, strongroom.HealthExpiring, strongroom.HealthOK, strongroom.HealthUnknown}, c.Health.State)
}

type countJSON struct {
	Provider    string `json:"provider"`
	Status      string `json:"status"`
	Health      string `json:"health"`
	Credentials int    `json:"credentials"`
}

func countOf(c strongroom.HealthCount) countJSON {
	return countJSON{Provider: c.Provider, Status: string(c.Status), Health: healthText(c.Health), Credentials: c.Count}
}

func countRow(c strongroom.HealthCount) []string {
	return []string{c.Provider, string(c.Status), healthText(c.Health), strconv.Itoa(c.Count)}
}

func healthText(s strongroom.HealthState) string { return cmp.Or(string(s), "unknown") }

type ailmentJSON struct {
	credentialJSON
	LastCheck *checkJSON `json:"last_check"`
}

func ailmentOf(c strongroom.Credential) ailmentJSON {
	out := ailmentJSON{credentialJSON: credentialOf(c)}
	if last, ok := lastCheck(c); ok {
		wire := checkOf(last)
		out.LastCheck = &wire
	}
	return out
}

// lastCheck returns false where there was none.
func lastCheck(c strongroom.Credential) (last strongroom.Check, ok bool) {
	ok = c.LastCheck != nil && json.Unmarshal(c.LastCheck, &last) == nil
	return last, ok
}

type checkJSON struct {
	Success   bool                    `json:"success"`
	Code      string                  `json:"code,omitempty"`
	Message   string                  `json:"message"`
	Phases    []strongroom.CheckPhase `json:"phases"`
	Details   map[string]any          `json:"details,omitempty"`
	Warnings  []strongroom.Warning    `json:"warnings,omitempty"`
	CheckedAt time.Time               `json:"checked_at"`
	Trigger   string                  `json:"trigger"`
	Version   int64                   `json:"version"`
}

func checkOf(c strongroom.Check) checkJSON {
	return checkJSON{
		Success: c.Success, Code: string(c.Code), Message: c.Message, Phases: c.Phases, Details: c.Details, Warnings: c.Warnings,
		CheckedAt: c.At, Trigger: string(c.Trigger), Version: c.Version,
	}
}

func ailmentRow(c strongroom.Credential) []string {
	tested, found := "-", ""
	if c.LastCheckedAt != nil {
		tested = c.LastCheckedAt.Format(time.RFC3339)
	}
	if last, ok := lastCheck(c); ok {
		found = last.Message
		if last.Success && len(last.Warnings) > 0 {
			found = last.Warnings[0].Message
		}
	}
	return []string{c.ID.String(), c.Name, c.Provider, state(c), healthText(c.Health.State), tested, found}
}

type testCredentialCommand struct {
	ID   uuid.UUID `arg:"" help:"The credential."`
	JSON bool      `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (testCredentialCommand) Help() string {
	return "Connects with it as the provider's test does, and keeps the result. Exits with 1 where the test fails.\n\n" +
		example("strongroom credential test 0199c3a8-0000-7000-8000-000000000004")
}

// Run tests the credential and prints what was found.
func (c *testCredentialCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.connect(ctx, "credential test", func(a *app.App) error {
		found, err := a.Store.LocateCredential(ctx, c.ID)
		if err != nil {
			return store.Explain(err, "Credential")
		}
		check, err := a.Health.TestCredential(ctx, operator(found.OrganizationID), c.ID, "")
		if err != nil {
			return err
		}
		if c.JSON {
			if err := printJSON(sys.stdout, checkOf(check)); err != nil {
				return err
			}
		}
		switch {
		case !check.Success:
			return sentence(string(check.Code) + ": " + check.Message)
		case c.JSON:
			return nil
		}
		return printTable(sys.stdout, []string{"RESULT"}, []strongroom.Check{check}, func(c strongroom.Check) []string { return []string{c.Message} })
	})
}
