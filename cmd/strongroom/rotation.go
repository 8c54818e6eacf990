package main

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/store"
)

type rotateCredentialCommand struct {
	ID   uuid.UUID `arg:"" help:"The credential."`
	JSON bool      `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (rotateCredentialCommand) Help() string {
	return "Changes a PostgreSQL password, or an SFTP key, at the far end and in the store. What cannot be done at once, a running server does.\n\n" +
		example("strongroom credential rotate 0199c3a8-0000-7000-8000-000000000004")
}

// Run rotates the credential and prints how far it came.
func (c *rotateCredentialCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.connect(ctx, "credential rotate", func(a *app.App) error {
		found, err := a.Store.LocateCredential(ctx, c.ID)
		if err != nil {
			return store.Explain(err, "Credential")
		}
		r, err := a.Rotation.Rotate(ctx, operator(found.OrganizationID), c.ID)
		return printRotated(sys, c.JSON, r, err)
	})
}

// printRotated prints a rotation; one that came to nothing is an error of the command.
func printRotated(sys system, asJSON bool, r strongroom.Rotation, err error) error {
	if err != nil {
		return err
	}
	if err := printRotations(sys, asJSON, r); err != nil {
		return err
	}
	if r.State == strongroom.RotationFailed || r.State == strongroom.RotationStuck {
		return sentence("the rotation is " + string(r.State) + ": " + r.Message)
	}
	return nil
}

type rotationCommand struct {
	List    listRotationsCommand   `cmd:"" help:"List rotations: those under way, those that are stuck, those that have ended."`
	Resume  resumeRotationCommand  `cmd:"" help:"Go on with a credential's rotation that waits or is stuck."`
	Abandon abandonRotationCommand `cmd:"" help:"Give a credential's rotation up."`
}

// Help implements kong.HelpProvider.
func (rotationCommand) Help() string {
	return example("strongroom rotation list --state stuck")
}

type listRotationsCommand struct {
	Organization uuid.UUID `help:"Only this organization's." placeholder:"UUID"`
	Credential   uuid.UUID `help:"Only this credential's." placeholder:"UUID"`
	State        string    `help:"Only those in this state: pending, changing, promoted, stuck, done, failed or abandoned." default:"" enum:",pending,changing,promoted,stuck,done,failed,abandoned" placeholder:"STATE"`
	JSON         bool      `help:"Print one JSON object a line." name:"json"`
}

// Help implements kong.HelpProvider.
func (listRotationsCommand) Help() string {
	return example("strongroom rotation list --state stuck")
}

// Run prints the rotations, newest first.
func (c *listRotationsCommand) Run(ctx context.Context, root *cli, sys system) error {
	return root.look(ctx, func(s store.Store) error {
		list, err := whole(func(page strongroom.Page) ([]strongroom.Rotation, error) {
			return s.ListRotations(ctx, store.RotationFilter{Page: page, OrganizationID: c.Organization, CredentialID: c.Credential, State: strongroom.RotationState(c.State)})
		})
		if err != nil {
			return store.Explain(err, "Rotation")
		}
		return printRotations(sys, c.JSON, list...)
	})
}

type resumeRotationCommand struct {
	Credential uuid.UUID `arg:"" help:"The credential."`
	JSON       bool      `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (resumeRotationCommand) Help() string {
	return example("strongroom rotation resume 0199c3a8-0000-7000-8000-000000000004")
}

// Run takes the steps that can be taken now.
func (c *resumeRotationCommand) Run(ctx context.Context, root *cli, sys system) error {
	return onActiveRotation(ctx, root, "rotation resume", c.Credential, func(a *app.App, caller strongroom.Caller, r uuid.UUID) error {
		resumed, err := a.Rotation.Resume(ctx, caller, c.Credential, r)
		return printRotated(sys, c.JSON, resumed, err)
	})
}

type abandonRotationCommand struct {
	Credential uuid.UUID `arg:"" help:"The credential."`
	Force      bool      `help:"Give it up although nobody knows which secret opens the far end; the credential keeps the one it has."`
	JSON       bool      `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (abandonRotationCommand) Help() string {
	return "The credential keeps the secret that opens the far end; where only the new one does, it is promoted instead.\n\n" +
		example("strongroom rotation abandon 0199c3a8-0000-7000-8000-000000000004")
}

// Run gives the rotation up.
func (c *abandonRotationCommand) Run(ctx context.Context, root *cli, sys system) error {
	return onActiveRotation(ctx, root, "rotation abandon", c.Credential, func(a *app.App, caller strongroom.Caller, r uuid.UUID) error {
		abandoned, err := a.Rotation.Abandon(ctx, caller, c.Credential, r, c.Force)
		return printRotated(sys, c.JSON, abandoned, err)
	})
}

// onActiveRotation finds the credential's rotation that is under way.
func onActiveRotation(ctx context.Context, root *cli, process string, credential uuid.UUID, do func(a *app.App, caller strongroom.Caller, rotation uuid.UUID) error) error {
	return root.connect(ctx, process, func(a *app.App) error {
		found, err := a.Store.LocateCredential(ctx, credential)
		if err != nil {
			return store.Explain(err, "Credential")
		}
		active, err := a.Store.ActiveRotation(ctx, found.OrganizationID, credential)
		if errors.Is(err, store.ErrNotFound) {
			return sentence("this credential has no rotation under way")
		}
		if err != nil {
			return store.Explain(err, "Rotation")
		}
		return do(a, operator(found.OrganizationID), active.ID)
	})
}

type rotationJSON struct {
	ID             uuid.UUID  `json:"id"`
	OrganizationID uuid.UUID  `json:"organization_id"`
	CredentialID   uuid.UUID  `json:"credential_id"`
	Method         string     `json:"method"`
	Trigger        string     `json:"trigger"`
	State          string     `json:"state"`
	BeganAt        time.Time  `json:"began_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
	EndedAt        *time.Time `json:"ended_at"`
	Attempts       int        `json:"attempts"`
	NextAttemptAt  *time.Time `json:"next_attempt_at"`
	Code           string     `json:"code,omitempty"`
	Message        string     `json:"message,omitempty"`
}

func rotationOf(r strongroom.Rotation) rotationJSON {
	return rotationJSON{
		ID: r.ID, OrganizationID: r.OrganizationID, CredentialID: r.CredentialID, Method: r.Method, Trigger: string(r.Trigger), State: string(r.State),
		BeganAt: r.BeganAt, UpdatedAt: r.UpdatedAt, EndedAt: r.EndedAt, Attempts: r.Attempts, NextAttemptAt: r.NextAt, Code: string(r.Code), Message: r.Message,
	}
}

func rotationRow(r strongroom.Rotation) []string {
	next := "-"
	if r.NextAt != nil {
		next = r.NextAt.Format(time.RFC3339)
	}
	return []string{r.CredentialID.String(), r.Method, string(r.State), r.BeganAt.Format(time.RFC3339), next, strconv.Itoa(r.Attempts), cmp.Or(r.Message, "-")}
}

func printRotations(sys system, asJSON bool, list ...strongroom.Rotation) error {
	return printList(sys.stdout, asJSON, list, rotationOf, []string{"CREDENTIAL", "METHOD", "STATE", "BEGAN", "NEXT", "ATTEMPTS", "FOUND"}, rotationRow)
}
