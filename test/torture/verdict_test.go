package torture_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/oauth/oauthtest"
)

// judge compares what the provider knows with what the service says.
func (p *patient) judge(t *testing.T, s *apptest.Process, r round) {
	t.Helper()
	state, requests := p.server.Grant(p.grant.ID), p.requests()
	stored := int(s.Metadata(p.user, p.id).Version) - 1
	p.renewals[p.id] = stored
	want, known := r.foresee()
	if known && (state.Exchanges != want.exchanges || stored != want.stored) {
		t.Errorf("%d exchanges were granted and %d stored; want %d and %d", state.Exchanges, stored, want.exchanges, want.stored)
	}
	if requests > want.requests {
		t.Errorf("the provider was asked %d times; %d are the most", requests, want.requests)
	}
	if r.rotates && state.Exchanges > stored {
		p.wantLost(t, s, state)
		return
	}
	p.wantWhole(t, s, state)
	if lost := state.Exchanges - stored; lost > 0 && !known && lost > len(r.blows) {
		t.Errorf("%d answers were lost in %d blows", lost, len(r.blows))
	}
}

// requests is how often the token endpoint was asked in this round, by whomever.
func (p *patient) requests() int { return p.server.Stats().Requests[oauthtest.TokenPath] }

// wantWhole: the grant lives, the service says so, and what it serves is what the provider
// has given out last.
func (p *patient) wantWhole(t *testing.T, s *apptest.Process, state oauthtest.GrantState) {
	t.Helper()
	if m := s.Metadata(p.user, p.id); m.Status != strongroom.StatusActive || m.Reason != nil || m.RefreshError != nil {
		t.Errorf("the credential is %s", m.Status)
	}
	if !state.Alive || state.KilledByReuse {
		t.Errorf("the grant is lost: %+v", state)
	}
	a, err := p.ask(s, byRead)
	if err != nil {
		t.Fatal(err)
	}
	var data oauthtest.Grant
	a.Want(t, http.StatusOK).Into(t, &data)
	if id, active := p.server.Check(data.AccessToken); id != p.grant.ID || !active {
		t.Error("a token is served that does not work")
	}
	if data.RefreshToken != state.RefreshTokenCurrent {
		t.Error("the refresh token is not the one that works")
	}
}

// wantLost: the credential says why a person is needed, nothing is served, and nobody asks
// the provider any more.
func (p *patient) wantLost(t *testing.T, s *apptest.Process, state oauthtest.GrantState) {
	t.Helper()
	if state.Exchanges != 1 {
		t.Errorf("%d exchanges were granted after one was lost", state.Exchanges-1)
	}
	m := s.Metadata(p.user, p.id)
	if m.Status != strongroom.StatusNeedsReauth || m.Reason == nil || *m.Reason != strongroom.ReasonAnswerLost {
		t.Fatalf("the credential is %s, reason %s; want needs_reauth, answer_lost", m.Status, said(m.Reason))
	}
	if m.NextRefresh != nil || m.Since == nil || m.RefreshError == nil {
		t.Errorf("the credential says %+v", m)
	}
	before := p.requests()
	for _, by := range []trigger{byRead, byRefresh, byRead} {
		a, err := p.ask(s, by)
		if err != nil {
			t.Fatal(err)
		}
		a.WantError(t, http.StatusConflict, string(strongroom.CodeReauthorization))
	}
	if after := p.requests(); after != before {
		t.Errorf("the provider was asked %d times more", after-before)
	}
}

// said returns what is said, or "none".
func said(reason *strongroom.StatusReason) strongroom.StatusReason {
	if reason == nil {
		return "none"
	}
	return *reason
}

// wantOnRecord fails the test unless the lane's audit log verifies, and has an event for
// each renewal that was stored, and for no other.
func (l *lane) wantOnRecord(t *testing.T) {
	t.Helper()
	c := apptest.Config(t, l.dir)
	s, err := app.OpenStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	options, err := app.Verification(t.Context(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(t.Context(), s, options)
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() {
		t.Errorf("the audit log has %d problems, the first: %s", report.ProblemCount, report.Problems[0].Text)
	}
	var exported bytes.Buffer
	if err := audit.Export(t.Context(), s, &exported); err != nil {
		t.Fatal(err)
	}
	recorded := map[uuid.UUID]int{}
	for d := json.NewDecoder(&exported); d.More(); {
		var line struct{ Event strongroom.Event }
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.Event.Action == strongroom.ActionCredentialRefresh && line.Event.Outcome == strongroom.OutcomeAllowed {
			recorded[line.Event.CredentialID]++
		}
	}
	for id, want := range l.renewals {
		if recorded[id] != want {
			t.Errorf("of %d renewals of %s %d are on record", want, id, recorded[id])
		}
	}
}
