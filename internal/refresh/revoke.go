package refresh

import (
	"context"
	"time"

	"strongroom"
	"strongroom/internal/oauth/gate"
	"strongroom/internal/store"
	"strongroom/secret"
)

// Revoke implements custody.Renewer: it revokes the refresh token, with which the grant ends
// (RFC 7009, section 2.1), or where there is none the access token.
func (s *Service) Revoke(ctx context.Context, c strongroom.Credential, data secret.Value) strongroom.Revocation {
	r, failed := s.prepareData(ctx, store.RenewalState{SealedCredential: store.SealedCredential{Credential: c}}, data.Clone())
	if r == nil {
		return strongroom.RevocationUnsupported
	}
	defer r.destroy()
	token, hint := r.refreshToken, "refresh_token"
	if token.Empty() {
		token, hint = r.accessToken, "access_token"
	}
	switch {
	case token.Empty():
		return strongroom.RevocationUnsupported
	case failed != nil:
		s.Log.Warn("a token was not revoked", "credential_id", c.ID.String(), "provider", c.Provider, "reason", string(failed.Reason), "error", failed.Cause)
		return strongroom.RevocationFailed
	case r.def.RevocationEndpoint == "":
		return strongroom.RevocationUnsupported
	}
	pass, err := s.Gate.Enter(ctx, r.def.RevocationEndpoint, gate.Limits{PerSecond: r.def.Limits.PerSecond, Concurrent: r.def.Limits.Concurrent})
	if err == nil {
		defer pass.Leave(gate.Unknown, time.Time{})
		err = s.Endpoint.Revoke(ctx, r.def, r.client, token, hint)
	}
	if err != nil {
		s.Log.Warn("a token was not revoked", "credential_id", c.ID.String(), "provider", c.Provider, "error", err)
		return strongroom.RevocationFailed
	}
	return strongroom.RevocationDone
}
