package fault_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

// shelf is what was acknowledged: data by credential.
type shelf struct {
	mu   sync.Mutex
	data map[string]string
}

func (s *shelf) put(id, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		s.data = map[string]string{}
	}
	s.data[id] = data
}

// wantAll fails the test unless everything acknowledged is there, and returns the reads.
func (s *shelf) wantAll(t *testing.T, n tenant) (answers []apptest.Answer) {
	t.Helper()
	for id, data := range s.data {
		answers = append(answers, n.wantData(t, id, data))
	}
	return answers
}

// writeUntilRefused creates credentials until one is refused, keeps those that were
// acknowledged, and returns the refusal. began is called when the first is there.
func (s *shelf) writeUntilRefused(t *testing.T, n tenant, label string, began func()) apptest.Answer {
	for i := range enough {
		data := secretData(label + strconv.Itoa(i))
		a, err := n.create("of "+label, data)
		if err != nil {
			t.Errorf("no answer came: %v", err)
			return a
		}
		if a.Status != http.StatusCreated {
			return a
		}
		s.put(createdID(t, a), data)
		if i == 0 {
			began()
		}
	}
	t.Errorf("%d credentials were stored and none refused", enough)
	return apptest.Answer{}
}

// enough calls show that none will ever be refused.
const enough = 5_000

// unlimited lets tests store as much as they like.
func unlimited(c *app.Config) { c.CredentialsPerProvider, c.CredentialsPerUser = 0, 0 }
