package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
)

var (
	rotationState = parameter{name: "state", kind: "string", description: "Only those in this state",
		enum: []string{"pending", "changing", "promoted", "stuck", "done", "failed", "abandoned"}}
	forceParameter = parameter{name: "force", kind: "string", enum: []string{"true", "false"},
		description: "Whether to give it up although nobody knows which secret opens the far end"}
)

func (s *server) rotationOperations() []operation {
	const tag, one = "Rotation", "/integrations/credentials/{credential_id}"
	const who = "By the owner, an org_admin, or a service account with a grant to write."
	answer, list := reflect.TypeFor[api.Rotation](), reflect.TypeFor[[]api.Rotation]()
	changes := []strongroom.Code{strongroom.CodeInvalidCredentialID, strongroom.CodeBadRequest, strongroom.CodeForbidden, strongroom.CodeNotFound, strongroom.CodeConflict,
		strongroom.CodeKeyUnavailable, strongroom.CodeAuditUnavailable}
	looks := []strongroom.Code{strongroom.CodeInvalidCredentialID, strongroom.CodeForbidden, strongroom.CodeNotFound}
	return []operation{
		{method: http.MethodPost, path: one + "/rotate", id: "rotate-credential", tag: tag, summary: "Change the password or key at the far end",
			description: who + " Answers when as much as can be done now is done; what is left goes on by itself. The state says how far it came: a rotation that fails is not an error of the call.",
			status:      http.StatusOK, answer: answer, errors: changes, handle: s.rotate},
		{method: http.MethodGet, path: one + "/rotations", id: "list-credential-rotations", tag: tag, summary: "List a credential's rotations",
			description: "Newest first.", query: []parameter{listLimit, offsetParameter, rotationState}, status: http.StatusOK, answer: list, errors: looks, handle: s.listRotations},
		{method: http.MethodPost, path: one + "/rotations/{rotation_id}/resume", id: "resume-rotation", tag: tag, summary: "Go on with a rotation",
			description: who + " For one that waits or is stuck.", status: http.StatusOK, answer: answer, errors: changes, handle: s.resumeRotation},
		{method: http.MethodPost, path: one + "/rotations/{rotation_id}/abandon", id: "abandon-rotation", tag: tag, summary: "Give a rotation up",
			description: who + " The credential keeps the secret that opens the far end; where only the new one does, it is promoted instead. Where neither is known to, 409 unless force=true.",
			query:       []parameter{forceParameter}, status: http.StatusOK, answer: answer, errors: changes, handle: s.abandonRotation},
		{method: http.MethodPut, path: one + "/rotation-policy", id: "set-rotation-policy", tag: tag, summary: "Say when a credential is rotated by itself",
			description: who, body: reflect.TypeFor[api.RotationPolicy](), status: http.StatusOK, answer: reflect.TypeFor[api.Credential](), errors: changes, handle: s.setRotationPolicy},
		{method: http.MethodGet, path: "/integrations/rotations", id: "list-rotations", tag: tag, summary: "List the organization's rotations",
			description: "By org_admins, and service accounts without grants. Newest first; state=stuck finds those that wait for somebody.", query: []parameter{listLimit, offsetParameter, rotationState},
			status: http.StatusOK, answer: list, errors: []strongroom.Code{strongroom.CodeForbidden}, handle: s.listAllRotations},
	}
}

func (s *server) rotate(ctx context.Context, c *call) (any, error) {
	id, err := c.credentialID()
	if err != nil {
		return nil, err
	}
	r, err := s.Rotations.Rotate(ctx, c.Caller, id)
	return wireRotation(r), err
}

func (s *server) listRotations(ctx context.Context, c *call) (any, error) {
	id, err := c.credentialID()
	if err != nil {
		return nil, err
	}
	return s.rotations(ctx, c, id)
}

func (s *server) listAllRotations(ctx context.Context, c *call) (any, error) {
	return s.rotations(ctx, c, uuid.Nil)
}

func (s *server) rotations(ctx context.Context, c *call, credential uuid.UUID) (any, error) {
	list, err := s.Rotations.Rotations(ctx, c.Caller, strongroom.RotationQuery{
		Page: c.page(listLimit), CredentialID: credential, State: strongroom.RotationState(c.query["state"]),
	})
	return convertAll(list, wireRotation), err
}

func (s *server) resumeRotation(ctx context.Context, c *call) (any, error) {
	return s.onRotation(c, func(id, rotation uuid.UUID) (strongroom.Rotation, error) {
		return s.Rotations.Resume(ctx, c.Caller, id, rotation)
	})
}

func (s *server) abandonRotation(ctx context.Context, c *call) (any, error) {
	return s.onRotation(c, func(id, rotation uuid.UUID) (strongroom.Rotation, error) {
		return s.Rotations.Abandon(ctx, c.Caller, id, rotation, c.query["force"] == "true")
	})
}

func (s *server) onRotation(c *call, do func(id, rotation uuid.UUID) (strongroom.Rotation, error)) (any, error) {
	id, err := c.credentialID()
	if err != nil {
		return nil, err
	}
	rotation, err := c.pathID("rotation_id", strongroom.CodeBadRequest)
	if err != nil {
		return nil, err
	}
	r, err := do(id, rotation)
	return wireRotation(r), err
}

func (s *server) setRotationPolicy(ctx context.Context, c *call) (any, error) {
	id, err := c.credentialID()
	if err != nil {
		return nil, err
	}
	body, err := bodyOf[api.RotationPolicy](c)
	if err != nil {
		return nil, err
	}
	var p strongroom.RotationPolicy
	if body.MaxAgeHours != nil {
		p.MaxAge = time.Duration(*body.MaxAgeHours) * time.Hour
	}
	if body.GraceHours != nil {
		p.Grace = time.Duration(*body.GraceHours) * time.Hour
	}
	credential, err := s.Rotations.SetRotationPolicy(ctx, c.Caller, id, p)
	return wireCredential(credential), err
}

func wireRotation(r strongroom.Rotation) api.Rotation {
	wire := api.Rotation{
		ID: r.ID.String(), CredentialID: r.CredentialID.String(), Method: r.Method, Trigger: string(r.Trigger), State: string(r.State),
		BeganAt: r.BeganAt, UpdatedAt: r.UpdatedAt, EndedAt: r.EndedAt, FromVersion: r.FromVersion, Attempts: r.Attempts,
		NextAttemptAt: r.NextAt, Code: text(string(r.Code)), Message: text(r.Message),
	}
	if r.BeganBy != uuid.Nil {
		wire.BeganBy = optionalID(&r.BeganBy)
	}
	if r.PromotedVersion > 0 {
		wire.PromotedVersion = &r.PromotedVersion
	}
	return wire
}
