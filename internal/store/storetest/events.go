package storetest

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func testAuditEvents(t *testing.T, create func(t *testing.T) Opener) {
	f := setup(t, create)
	organization, credential, principal := uuid.New(), uuid.New(), uuid.New()
	events := []strongroom.Event{
		{Action: strongroom.ActionCredentialCreate, Outcome: strongroom.OutcomeAllowed, CredentialID: credential},
		{Action: strongroom.ActionCredentialRead, Outcome: strongroom.OutcomeAllowed, CredentialID: credential, PrincipalID: principal},
		{Action: strongroom.ActionCredentialRead, Outcome: strongroom.OutcomeDenied, CredentialID: uuid.New(), PrincipalID: principal},
		{Action: strongroom.ActionCredentialRead, Outcome: strongroom.OutcomeFailed, CredentialID: credential},
		{Action: strongroom.ActionAccountCreate, Outcome: strongroom.OutcomeAllowed, PrincipalID: principal},
	}
	c := newChain()
	var records []store.AuditRecord
	for i, e := range events {
		e.Time, e.OrganizationID = at(i), organization
		records = append(records, c.link(e))
	}
	nobodys := c.link(strongroom.Event{Time: at(9), Action: strongroom.ActionChainOpen, Outcome: strongroom.OutcomeAllowed})
	f.append(c, append(append(c.events(uuid.New(), 1), records...), nobodys))

	list := func(t *testing.T, organization uuid.UUID, q strongroom.EventQuery) []store.AuditRecord {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = 100
		}
		got, err := f.ListEvents(t.Context(), organization, q)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for name, test := range map[string]struct {
		query strongroom.EventQuery
		want  []int
	}{
		"all, newest first":                   {strongroom.EventQuery{}, []int{4, 3, 2, 1, 0}},
		"the newest up to limit":              {strongroom.EventQuery{Limit: 2}, []int{4, 3}},
		"one action's":                        {strongroom.EventQuery{Action: strongroom.ActionCredentialRead}, []int{3, 2, 1}},
		"one outcome's":                       {strongroom.EventQuery{Outcome: strongroom.OutcomeAllowed}, []int{4, 1, 0}},
		"one credential's":                    {strongroom.EventQuery{CredentialID: credential}, []int{3, 1, 0}},
		"one principal's":                     {strongroom.EventQuery{PrincipalID: principal}, []int{4, 2, 1}},
		"since a moment, which is included":   {strongroom.EventQuery{Since: pointer(at(3))}, []int{4, 3}},
		"until a moment, which is not":        {strongroom.EventQuery{Until: pointer(at(1))}, []int{0}},
		"all that holds at once":              {strongroom.EventQuery{Action: strongroom.ActionCredentialRead, PrincipalID: principal, CredentialID: credential, Outcome: strongroom.OutcomeAllowed, Since: pointer(at(0)), Until: pointer(at(9))}, []int{1}},
		"what nothing fits":                   {strongroom.EventQuery{Action: "no.such"}, nil},
		"a filter is a value and not a query": {strongroom.EventQuery{Action: "' OR 1=1 --"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fixture{T: t}
			got := list(t, organization, test.query)
			f.equal(len(got), len(test.want))
			for i, n := range test.want {
				got[i].Cursor = 0
				f.equal(got[i], records[n])
			}
		})
	}
	t.Run("pages join by cursor without gap or overlap", func(t *testing.T) {
		f := &fixture{T: t}
		first := list(t, organization, strongroom.EventQuery{Limit: 3})
		second := list(t, organization, strongroom.EventQuery{Limit: 3, Before: first[2].Cursor})
		f.equal(append(first, second...), list(t, organization, strongroom.EventQuery{}))
		f.equal(len(list(t, organization, strongroom.EventQuery{Before: second[1].Cursor})), 0)
	})
	t.Run("those of no organization under the nil UUID alone", func(t *testing.T) {
		f := &fixture{T: t}
		got := list(t, uuid.Nil, strongroom.EventQuery{})
		f.equal(len(got), 1)
		f.equal(got[0].Sequence, nobodys.Sequence)
	})
	t.Run("none where the context has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := f.ListEvents(ctx, organization, strongroom.EventQuery{Limit: 1})
		(&fixture{T: t}).refused(err, context.Canceled)
	})
}
