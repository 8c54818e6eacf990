package rotate_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// server is a far end in memory: PostgreSQL's roles and an SFTP user's authorized keys. As
// rotate.Far it is spoken to with words, which may be made to fail.
type server struct {
	mu sync.Mutex
	// passwords are the roles', keys the public keys that may sign in.
	passwords map[string]string
	keys      []string
	// deaf roles are judged by somebody else: what PostgreSQL is told of them opens nothing.
	deaf map[string]string
	// past are the passwords of each role that have been replaced, in order.
	past map[string][]string
	// words are those that were said, in order.
	words []string
	// before and after are asked what becomes of a word before it has taken effect, and after,
	// when its answer can still be cut off; nil: nothing.
	before, after func(word string) strongroom.CheckCode
}

func newServer() *server {
	return &server{passwords: map[string]string{"app": "first", "app_b": "first-b"}, past: map[string][]string{}, deaf: map[string]string{}}
}

// Codes that are no codes of tests: how a word fails.
const (
	works strongroom.CheckCode = ""
	// cut: the connection breaks when signing in went well.
	cut strongroom.CheckCode = "cut"
)

// failing returns a hook that fails the words of these names, so many times.
func failing(times int, code strongroom.CheckCode, names ...string) func(string) strongroom.CheckCode {
	return func(word string) strongroom.CheckCode {
		if times == 0 || !slices.Contains(names, word) {
			return works
		}
		times--
		return code
	}
}

// say runs a word: signing in, then what it does.
func (s *server) say(word string, signsIn func() bool, do func() strongroom.CheckCode) strongroom.CheckResult {
	s.mu.Lock()
	s.words = append(s.words, word)
	before, after := s.before, s.after
	s.mu.Unlock()
	fate := works
	if before != nil {
		fate = before(word)
	}
	if fate != works && fate != cut {
		return failed(fate)
	}
	s.mu.Lock()
	code := strongroom.CheckAuth
	if signsIn() {
		if code = fate; code != cut {
			code = do()
		}
	}
	s.mu.Unlock()
	if code != works {
		return failed(code)
	}
	if after != nil && after(word) != works {
		return failed(cut)
	}
	return strongroom.CheckResult{Success: true, Phases: phases("connect", "login", "operation")}
}

func phases(names ...string) (all []strongroom.CheckPhase) {
	for _, n := range names {
		all = append(all, strongroom.CheckPhase{Name: n, Took: time.Millisecond})
	}
	return all
}

// failed is the result with a code, in the phase that it belongs to.
func failed(code strongroom.CheckCode) strongroom.CheckResult {
	r := strongroom.CheckResult{Code: code, Message: "The server said " + string(code), Phases: phases("connect")}
	switch code {
	case strongroom.CheckAuth:
		r.Phases = phases("connect", "login")
	case strongroom.CheckPermission:
		r.Phases = phases("connect", "login", "operation")
	case cut:
		r.Code, r.Phases = strongroom.CheckTimeout, phases("connect", "login", "operation")
	}
	return r
}

// members are what of a credential's data the server looks at.
type members struct {
	Host     string `json:"host"`
	Username string `json:"username"`
	Password string `json:"password"`
}

func read(data secret.Value) (m members) {
	if err := json.Unmarshal(data.Reveal(), &m); err != nil {
		panic(err)
	}
	return m
}

// lets tells whether data sign in as a role; mu is held.
func (s *server) lets(data secret.Value) bool {
	m := read(data)
	want, there := s.passwords[m.Username]
	if judged, deaf := s.deaf[m.Username]; deaf {
		want = judged
	}
	return there && m.Password == want
}

// letsKey tells whether data sign in as the SFTP user; mu is held.
func (s *server) letsKey(data secret.Value) bool {
	public, err := far.PublicOf(data)
	return err == nil && slices.Contains(s.keys, public)
}

func fine() strongroom.CheckCode { return works }

func (s *server) SetPassword(ctx context.Context, data secret.Value, role string, newPassword secret.Value) strongroom.CheckResult {
	return s.say("set password", func() bool { return s.lets(data) && read(data).Username == role }, func() strongroom.CheckCode {
		s.past[role] = append(s.past[role], s.passwords[role])
		s.passwords[role] = string(newPassword.Reveal())
		return works
	})
}

func (s *server) TestPostgreSQL(ctx context.Context, data secret.Value) strongroom.CheckResult {
	return s.say("sign in", func() bool { return s.lets(data) }, fine)
}

func (s *server) AddKey(ctx context.Context, data secret.Value, knownHost, public, comment string) strongroom.CheckResult {
	return s.say("add key", func() bool { return s.letsKey(data) }, func() strongroom.CheckCode {
		if !slices.Contains(s.keys, public) {
			s.keys = append(s.keys, public)
		}
		return works
	})
}

func (s *server) RemoveKey(ctx context.Context, data secret.Value, knownHost, oldPublic, newPublic string) strongroom.CheckResult {
	return s.say("remove key", func() bool { return s.letsKey(data) }, func() strongroom.CheckCode {
		if !slices.Contains(s.keys, newPublic) {
			return strongroom.CheckPermission
		}
		s.keys = slices.DeleteFunc(s.keys, func(k string) bool { return k == oldPublic })
		return works
	})
}

func (s *server) TestSFTP(ctx context.Context, data secret.Value, knownHost string) strongroom.CheckResult {
	return s.say("sign in", func() bool { return s.letsKey(data) }, fine)
}

// opens tells whether data open the far end now.
func (s *server) opens(data secret.Value) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(string(data.Reveal()), "private_key") {
		return s.letsKey(data)
	}
	return s.lets(data)
}

// history is a mark in the passwords that have been: how many were replaced so far. Keys
// that readers have are never without effect, so that they have none.
func (s *server) history(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if method != "password" {
		return -1
	}
	return len(s.past["app"])
}

// openedSince tells whether data opened the far end at some moment since the mark.
func (s *server) openedSince(data secret.Value, mark int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if mark < 0 {
		return false
	}
	m := read(data)
	return slices.Contains(s.past[m.Username][mark:], m.Password)
}

// set gives a role a password by hand.
func (s *server) set(role, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passwords[role] = password
}

// hook replaces what becomes of words.
func (s *server) hook(before, after func(word string) strongroom.CheckCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// said returns the words so far, and forgets them.
func (s *server) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.words, ", ")
	s.words = nil
	return all
}
