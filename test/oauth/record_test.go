package oauth_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/oauth/oauthtest"
)

// recorded is what an event of a renewal says.
type recorded struct {
	outcome, reason, note string
	version               int64
}

func (s *scene) recorded(id uuid.UUID) (all []recorded) {
	s.t.Helper()
	for _, e := range s.refreshEvents(id) {
		r := recorded{outcome: e.Outcome, version: *e.Version}
		if e.Reason != nil {
			r.reason = *e.Reason
		}
		if e.Note != nil {
			r.note = *e.Note
		}
		if e.PrincipalKind != string(strongroom.KindStrongroom) || e.PrincipalID != nil || *e.Provider != provider {
			s.t.Errorf("the event says %+v", e)
		}
		all = append(all, r)
	}
	return all
}

func TestEveryAttemptIsOnRecordWithItsOutcomeAndReason(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Status: http.StatusInternalServerError, Times: 1})
	s.refusedRead(id)
	s.provider.Behave(oauthtest.Behaviour{
		Mode: oauthtest.AnswerStatus, Status: http.StatusUnauthorized, Body: `{"error":"invalid_client"}`, Times: 1,
	})
	s.refresh(id)
	s.refresh(id).Want(t, http.StatusOK)
	s.provider.WithdrawConsent(g.ID)
	s.clock.advance(time.Minute)
	s.refresh(id)

	const failed, allowed = string(strongroom.OutcomeFailed), string(strongroom.OutcomeAllowed)
	want := []recorded{
		{failed, string(strongroom.CodeRefreshFailed), string(strongroom.ReasonProviderError), 1},
		{failed, string(strongroom.CodeRefreshFailed), string(strongroom.ReasonClientRejected), 1},
		{allowed, "", "renewed", 2},
		{failed, string(strongroom.CodeReauthorization), string(strongroom.ReasonInvalidGrant), 2},
	}
	if got := s.recorded(id); !slices.Equal(got, want) {
		t.Errorf("on record is %+v\nwant %+v", got, want)
	}
	s.wantAttempts(g, 4)
}

func TestAReadThatRenewsNothingPutsNoRenewalOnRecord(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	for range 10 {
		s.wantWorking(g, id, 1)
	}
	if got := s.recorded(id); len(got) != 1 {
		t.Errorf("on record is %+v, want one renewal", got)
	}
}

func TestNeitherTheRecordNorTheLogHoldsAToken(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	secrets := []string{g.AccessToken, g.RefreshToken, oauthtest.ClientSecret}
	for _, mode := range []oauthtest.Mode{oauthtest.AnswerHTML, oauthtest.Normal} {
		s.provider.Behave(oauthtest.Behaviour{Mode: mode})
		s.refresh(id)
	}
	got := s.wantWorking(g, id, 1)
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.AnswerGarbled})
	s.clock.advance(time.Minute)
	s.refresh(id)
	secrets = append(secrets, got.Access, got.Refresh, s.provider.Grant(g.ID).RefreshTokenCurrent)

	var exported bytes.Buffer
	must(t, audit.Export(t.Context(), s.App.Store, &exported))
	if !strings.Contains(exported.String(), id.String()) || !strings.Contains(s.Logs.String(), id.String()) {
		t.Fatal("the record or the log says nothing of the credential, so nothing is tested")
	}
	for i, value := range secrets {
		if value == "" || strings.Contains(exported.String(), value) || strings.Contains(s.Logs.String(), value) {
			t.Errorf("the record or the log holds secret %d", i)
		}
	}
}
