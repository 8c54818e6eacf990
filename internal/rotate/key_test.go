package rotate_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/ssh"

	"strongroom"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// publicOf is the public key of what is stored.
func (s *scene) publicOf(id uuid.UUID) string {
	s.Helper()
	public, err := far.PublicOf(s.stored(id))
	s.must(err)
	return public
}

// wantKeys fails the test unless these, and no others, may sign in.
func (s *scene) wantKeys(want ...string) {
	s.Helper()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	got := slices.Sorted(slices.Values(s.server.keys))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Errorf("%d keys may sign in, want %d", len(got), len(want))
	}
}

func TestAKeyIsReplacedAndTheOldOneRemovedAfterTheGracePeriod(t *testing.T) {
	run(t, func(s *scene) {
		id := s.key()
		before, old := s.open(id), s.publicOf(id)
		r := s.rotate(id)
		s.wantState(r, strongroom.RotationPromoted, "")
		s.wantOpens(id, 2)
		s.wantKeys(old, s.publicOf(id))
		if !s.server.opens(before) || r.NextAt == nil || r.NextAt.Sub(r.UpdatedAt) != strongroom.DefaultRotationGrace {
			t.Errorf("the old key opens: %v, until %v", s.server.opens(before), r.NextAt)
		}
		s.want("words", s.server.said(), "add key, sign in")
		<-time.After(23 * time.Hour)
		s.background(time.Minute)
		again := s.rotate(id)
		if again.ID != r.ID || again.State != strongroom.RotationPromoted || !s.server.opens(before) {
			t.Errorf("within the grace period, rotating says %s", again.State)
		}
		again, err := s.Resume(s.Context(), s.user, id, r.ID)
		s.must(err)
		if !again.NextAt.Equal(*r.NextAt) || !s.server.opens(before) {
			t.Errorf("after it was resumed the grace period ends at %v, want %v", again.NextAt, r.NextAt)
		}
		s.want("words in the grace period", s.server.said(), "")
		r = s.due(r)
		s.wantState(r, strongroom.RotationDone, "")
		s.wantKeys(s.publicOf(id))
		s.wantOpens(id, 2)
		s.want("events", s.notes(id), "began, changing, promoted, cleaned")
	})
}

func TestACleanUpThatWaitsOrIsStuckIsResumed(t *testing.T) {
	for name, code := range map[string]strongroom.CheckCode{"waits": strongroom.CheckTimeout, "is stuck": strongroom.CheckPermission} {
		t.Run("because it "+name, func(t *testing.T) {
			run(t, func(s *scene) {
				id := s.key()
				s.server.hook(failing(1, code, "remove key"), nil)
				r := s.due(s.rotate(id))
				if !r.State.Active() || r.Code != code {
					t.Fatalf("it is %s, %s", r.State, r.Code)
				}
				r, err := s.Resume(s.Context(), s.user, id, r.ID)
				s.must(err)
				s.wantState(r, strongroom.RotationDone, "")
				s.wantKeys(s.publicOf(id))
				s.wantOpens(id, 2)
			})
		})
	}
}

func TestTheGracePeriodIsThePolicys(t *testing.T) {
	run(t, func(s *scene) {
		id := s.key()
		_, err := s.SetRotationPolicy(s.Context(), s.user, id, strongroom.RotationPolicy{Grace: 2 * time.Hour})
		s.must(err)
		r := s.rotate(id)
		if r.NextAt.Sub(r.UpdatedAt) != 2*time.Hour {
			t.Errorf("the old key opens until %v", r.NextAt)
		}
	})
}

func TestAKeyWithAPassphraseIsReplaced(t *testing.T) {
	run(t, func(s *scene) {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		s.must(err)
		block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("sesame"))
		s.must(err)
		line, err := ssh.NewPublicKey(public)
		s.must(err)
		old := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line)))
		s.server.keys = []string{old}
		text, err := json.Marshal(map[string]string{"host": "h.example.com", "username": "u", "private_key": string(pem.EncodeToMemory(block)), "passphrase": "sesame"})
		s.must(err)
		id := s.create("sftp", "key_file", string(text))
		s.wantState(s.due(s.rotate(id)), strongroom.RotationDone, "")
		s.wantOpens(id, 2)
		s.wantKeys(s.publicOf(id))
		if strings.Contains(string(s.stored(id).Reveal()), "sesame") {
			t.Error("the passphrase of the old key is kept")
		}
	})
}

func TestWhatTheFarEndSaysOfAKey(t *testing.T) {
	for name, c := range map[string]struct {
		before, after func(string) strongroom.CheckCode
		state         strongroom.RotationState
		code          strongroom.CheckCode
		keys          int
		words         string
	}{
		"the stored key is refused: it failed": {
			before: failing(1, strongroom.CheckAuth, "add key"), state: strongroom.RotationFailed, code: strongroom.CheckAuth, keys: 1, words: "add key",
		},
		"the file may not be written: it failed": {
			before: failing(1, strongroom.CheckPermission, "add key"), state: strongroom.RotationFailed, code: strongroom.CheckPermission, keys: 1, words: "add key",
		},
		"the new key is refused: it is taken out again, and it failed": {
			before: failing(1, strongroom.CheckAuth, "sign in"), state: strongroom.RotationFailed, code: strongroom.CheckAuth, keys: 1, words: "add key, sign in, remove key",
		},
		"the new key is refused and cannot be taken out: it failed all the same": {
			before: failing(2, strongroom.CheckAuth, "sign in", "remove key"), state: strongroom.RotationFailed, code: strongroom.CheckAuth, keys: 2, words: "add key, sign in, remove key",
		},
		"the answer is lost: whether the key was added is found out": {
			after: failing(1, cut, "add key"), state: strongroom.RotationDone, keys: 1, words: "add key, sign in, remove key",
		},
		"the key was not added: it is, at the next try": {
			before: failing(1, cut, "add key"), state: strongroom.RotationDone, keys: 1, words: "add key, sign in, sign in, add key, sign in, remove key",
		},
		"the old key cannot be removed at first: it is later": {
			before: failing(3, strongroom.CheckTimeout, "remove key"), state: strongroom.RotationDone, keys: 1,
			words: "add key, sign in, remove key, remove key, remove key, remove key",
		},
		"the removal's answer is lost: it is looked after again": {
			after: failing(1, cut, "remove key"), state: strongroom.RotationDone, keys: 1, words: "add key, sign in, remove key, remove key",
		},
		"the old key may not be removed: somebody has to look": {
			before: failing(1, strongroom.CheckPermission, "remove key"), state: strongroom.RotationStuck, code: strongroom.CheckPermission, keys: 2,
			words: "add key, sign in, remove key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				id := s.key()
				s.server.hook(c.before, c.after)
				r := s.rotate(id)
				for r.State.Active() && r.State != strongroom.RotationStuck {
					if !s.server.opens(s.open(id)) || s.credential(id).Rotation.InDoubt {
						t.Fatalf("in state %s, what a reader gets does not open or is in doubt", r.State)
					}
					r = s.due(r)
				}
				s.wantState(r, c.state, c.code)
				s.want("words", s.server.said(), c.words)
				if n := len(s.server.keys); n != c.keys {
					t.Errorf("%d keys may sign in, want %d", n, c.keys)
				}
				if left := strings.Contains(r.Message, "authorized_keys"); left != (c.keys == 2 && c.state == strongroom.RotationFailed) {
					t.Errorf("it says %q", r.Message)
				}
				s.wantOpens(id, s.credential(id).Version)
			})
		})
	}
}

// withKey is the data of a new key, which the server lets in.
func (s *scene) withKey() (data, public string) {
	s.Helper()
	data = s.keyData()
	public, err := far.PublicOf(secret.New([]byte(data)))
	s.must(err)
	return data, public
}

func TestAKeyThatWasReplacedMeanwhile(t *testing.T) {
	t.Run("with one that opens, before the promotion: the added key is taken out, and the rotation abandoned", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.key()
			old := s.publicOf(id)
			data, public := s.withKey()
			s.server.hook(nil, func(word string) strongroom.CheckCode {
				if word == "add key" {
					s.replace(id, data)
				}
				return works
			})
			s.wantState(s.rotate(id), strongroom.RotationAbandoned, "")
			s.wantOpens(id, 2)
			s.wantKeys(old, public)
		})
	})
	t.Run("with one that does not, before the promotion: the new key is promoted onto it", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.key()
			private, _, err := far.NewKey()
			s.must(err)
			s.server.hook(nil, func(word string) strongroom.CheckCode {
				if word == "add key" {
					s.replace(id, keyDataWith(private))
				}
				return works
			})
			s.wantState(s.rotate(id), strongroom.RotationPromoted, "")
			s.wantOpens(id, 3)
		})
	})
	t.Run("in the grace period, with another key: the old one is removed with that", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.key()
			r := s.rotate(id)
			promoted := s.publicOf(id)
			data, public := s.withKey()
			s.replace(id, data)
			r = s.due(r)
			s.wantState(r, strongroom.RotationDone, "")
			s.wantKeys(promoted, public)
			if !strings.Contains(r.Message, "other data") {
				t.Errorf("it says %q", r.Message)
			}
		})
	})
	t.Run("in the grace period, with the old key: that is not removed", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.key()
			old, data := s.publicOf(id), string(s.stored(id).Reveal())
			r := s.rotate(id)
			promoted := s.publicOf(id)
			s.replace(id, data)
			s.wantState(s.due(r), strongroom.RotationDone, "")
			s.wantKeys(old, promoted)
			s.wantOpens(id, 3)
		})
	})
	t.Run("in the grace period, with a key that is not let in: the clean-up ends, and says so", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.key()
			r := s.rotate(id)
			private, _, err := far.NewKey()
			s.must(err)
			s.replace(id, keyDataWith(private))
			r = s.due(r)
			s.wantState(r, strongroom.RotationDone, "")
			if len(s.server.keys) != 2 || !strings.Contains(r.Message, "authorized_keys") {
				t.Errorf("%d keys may sign in, and it says %q", len(s.server.keys), r.Message)
			}
		})
	})
}
