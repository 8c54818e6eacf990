package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
)

// maxBody bounds what a request may send.
const maxBody = 1 << 20

// target is what a behaviour is set for; an empty grant id is every request.
type target struct{ endpoint, grantID string }

// heldRequest is a request, or its answer, that waits for its release.
type heldRequest struct {
	Endpoint string `json:"endpoint"`
	GrantID  string `json:"grant_id"`
	Mode     string `json:"mode"`

	released chan struct{}
	// done is closed when it has been processed and answered.
	done chan struct{}
}

// faults are the behaviours in force and the requests that they hold.
type faults struct {
	mu         sync.Mutex
	behaviours map[target]behaviour
	// held are oldest first.
	held []*heldRequest
	// changed is closed when held grows, and then replaced.
	changed chan struct{}
}

func newFaults() *faults {
	return &faults{behaviours: map[target]behaviour{}, changed: make(chan struct{})}
}

// set puts a behaviour in the place of the one before it. Requests that are held stay so.
func (f *faults) set(b behaviour) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := target{b.Endpoint, b.GrantID}
	if b.Mode == modeNormal && b.GrantID == "" {
		delete(f.behaviours, t)
		return
	}
	f.behaviours[t] = b
}

// take returns the behaviour for one request, and uses up one of its times.
func (f *faults) take(endpoint, grantID string) behaviour {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range []target{{endpoint, grantID}, {endpoint, ""}} {
		b, ok := f.behaviours[t]
		if !ok {
			continue
		}
		if b.Times == 1 {
			delete(f.behaviours, t)
		} else if b.Times > 1 {
			b.Times--
			f.behaviours[t] = b
		}
		return b
	}
	return behaviour{Mode: modeNormal}
}

// hold returns when the request is released. The caller closes done when it has finished.
func (f *faults) hold(endpoint, grantID, mode string) (done chan<- struct{}) {
	h := &heldRequest{Endpoint: endpoint, GrantID: grantID, Mode: mode, released: make(chan struct{}), done: make(chan struct{})}
	f.mu.Lock()
	f.held = append(f.held, h)
	close(f.changed)
	f.changed = make(chan struct{})
	f.mu.Unlock()
	<-h.released
	return h.done
}

// release lets go the oldest held requests: those of a grant, or of all where it is empty;
// so many of them, or all where count is 0. It returns how many they were, once each has
// been processed or the context ends.
func (f *faults) release(ctx context.Context, grantID string, count int) int {
	released := f.letGo(grantID, count)
	for _, h := range released {
		select {
		case <-h.done:
		case <-ctx.Done():
		}
	}
	return len(released)
}

func (f *faults) letGo(grantID string, count int) []*heldRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	var released []*heldRequest
	f.held = slices.DeleteFunc(f.held, func(h *heldRequest) bool {
		if grantID != "" && h.GrantID != grantID || count > 0 && len(released) == count {
			return false
		}
		close(h.released)
		released = append(released, h)
		return true
	})
	return released
}

// waitHeld returns the held requests (of a grant, or all) once they are as many as
// count, or when the context ends.
func (f *faults) waitHeld(ctx context.Context, grantID string, count int) []*heldRequest {
	for {
		held, changed := f.look(grantID)
		if len(held) >= count {
			return held
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return held
		}
	}
}

// look returns what is held now, and what is closed when there is more.
func (f *faults) look(grantID string) ([]*heldRequest, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := []*heldRequest{}
	for _, h := range f.held {
		if grantID == "" || h.GrantID == grantID {
			held = append(held, h)
		}
	}
	return held, f.changed
}

// received reads a request whole, so that it can be processed after its client has gone,
// and finds the grant that a token request names.
func (s *server) received(path string, w http.ResponseWriter, r *http.Request) (*http.Request, string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		hangUp()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if path != tokenPath {
		return r, ""
	}
	_ = r.ParseForm()
	g := s.presented(r.Context(), r.PostForm)
	if g == nil {
		return r, ""
	}
	s.store.attempted(g)
	return r, g.id
}
