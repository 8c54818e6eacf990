package storetest

import (
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// listed are a few credentials of one organization that differ in owner and provider,
// oldest first, and one of another organization.
type listed struct {
	*fixture
	organization, owner uuid.UUID
	all                 []store.SealedCredential
}

func setupList(f *fixture) listed {
	l := listed{fixture: f, organization: f.organization(), owner: uuid.New()}
	for i, provider := range []string{"sftp", "google", "sftp", "postgresql", "google", "azure_blob"} {
		l.all = append(l.all, f.credential(l.organization, func(c *store.SealedCredential) {
			c.Provider = provider
			if i%2 == 0 {
				c.UserID = &l.owner
			}
		}))
	}
	f.credential(f.organization(), func(c *store.SealedCredential) { c.UserID = &l.owner })
	return l
}

// gives checks which of all the filter selects, in order.
func (l listed) gives(filter store.CredentialFilter, want ...int) {
	l.Helper()
	if filter.Limit == 0 {
		filter.Limit = 100
	}
	got, err := l.ListCredentials(l.Context(), l.organization, filter)
	l.must(err)
	if len(got) != len(want) {
		l.Fatalf("got %d credentials, want %d", len(got), len(want))
	}
	for i, n := range want {
		l.equal(got[i], l.all[n].Credential)
	}
}

func testCredentialLists(t *testing.T, create func(t *testing.T) Opener) {
	named := map[string]func(l listed){
		"an unknown organization has none": func(l listed) {
			l.organization = uuid.New()
			l.gives(store.CredentialFilter{})
		},
		"all of the organization, newest first": func(l listed) {
			l.gives(store.CredentialFilter{}, 5, 4, 3, 2, 1, 0)
		},
		"pages join without gap or overlap": func(l listed) {
			l.gives(store.CredentialFilter{Page: strongroom.Page{Limit: 4}}, 5, 4, 3, 2)
			l.gives(store.CredentialFilter{Page: strongroom.Page{Limit: 4, Offset: 4}}, 1, 0)
			l.gives(store.CredentialFilter{Page: strongroom.Page{Limit: 4, Offset: 6}})
		},
		"one owner's": func(l listed) {
			l.gives(store.CredentialFilter{Owner: &l.owner}, 4, 2, 0)
			l.gives(store.CredentialFilter{Owner: pointer(uuid.New())})
		},
		"one provider's": func(l listed) {
			l.gives(store.CredentialFilter{Provider: "google"}, 4, 1)
			l.gives(store.CredentialFilter{Provider: "aws_ses"})
		},
		"within ids or providers, whichever names them": func(l listed) {
			l.gives(store.CredentialFilter{Within: &store.Within{CredentialIDs: []uuid.UUID{l.all[0].ID, l.all[3].ID}}}, 3, 0)
			l.gives(store.CredentialFilter{Within: &store.Within{Providers: []string{"google", "azure_blob"}}}, 5, 4, 1)
			l.gives(store.CredentialFilter{Within: &store.Within{
				CredentialIDs: []uuid.UUID{l.all[1].ID, l.all[3].ID}, Providers: []string{"google"},
			}}, 4, 3, 1)
		},
		"within nothing there is nothing": func(l listed) {
			l.gives(store.CredentialFilter{Within: &store.Within{}})
		},
		"all filters hold at once": func(l listed) {
			l.gives(store.CredentialFilter{
				Owner: &l.owner, Provider: "sftp", Within: &store.Within{CredentialIDs: []uuid.UUID{l.all[2].ID, l.all[4].ID}},
			}, 2)
		},
		"deleted ones only where asked for": func(l listed) {
			for _, i := range []int{1, 4} {
				c, by := &l.all[i], uuid.New()
				l.write(func(tx store.Tx) error { return tx.DeleteCredential(l.organization, c.ID, at(500+i), by) })
				c.DeletedAt, c.UpdatedAt, c.ModifiedBy = pointer(at(500+i)), at(500+i), by
			}
			l.gives(store.CredentialFilter{}, 5, 3, 2, 0)
			l.gives(store.CredentialFilter{Deleted: true}, 4, 1)
			l.gives(store.CredentialFilter{Provider: "google"})
			l.gives(store.CredentialFilter{Deleted: true, Owner: &l.owner}, 4)
		},
	}
	for name, test := range named {
		t.Run(name, func(t *testing.T) { test(setupList(setup(t, create))) })
	}
	t.Run("of the same moment, the higher id first", func(t *testing.T) {
		l := listed{fixture: setup(t, create)}
		l.organization = l.fixture.organization()
		for _, id := range []string{"00000000-0000-7000-8000-00000000000a", "00000000-0000-7000-8000-0000000000ff", "7fffffff-0000-7000-8000-000000000001", "ffffffff-0000-7000-8000-000000000001"} {
			l.all = append(l.all, l.credential(l.organization, func(c *store.SealedCredential) {
				c.ID, c.CreatedAt = uuid.MustParse(id), at(0)
			}))
		}
		l.gives(store.CredentialFilter{}, 3, 2, 1, 0)
	})
}
