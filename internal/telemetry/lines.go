package telemetry

import (
	"io"
	"sync"
)

// maxPending bounds what waits to be written, in bytes; beyond it, who logs waits too.
const maxPending = 1 << 20

// Lines passes lines of a log on to a writer, from one goroutine: whoever logs does not
// wait for the system call, and lines that come while one is under way share the next.
// There is no delay by design: a line is written as soon as the one before it was. A
// process that is killed loses what waits at that moment; the audit log is not kept here.
type Lines struct {
	to io.Writer

	mu      sync.Mutex
	changed sync.Cond
	pending []byte
	closed  bool
	done    chan struct{}
}

// NewLines returns Lines over a writer. Close writes what is left.
func NewLines(to io.Writer) *Lines {
	l := &Lines{to: to, done: make(chan struct{})}
	l.changed.L = &l.mu
	go l.run()
	return l
}

// Write takes a copy of p; it always succeeds. What is written after Close is lost.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.pending) > maxPending && !l.closed {
		l.changed.Wait()
	}
	if !l.closed {
		l.pending = append(l.pending, p...)
		l.changed.Broadcast()
	}
	return len(p), nil
}

// Close writes what waits and ends. Closing twice is closing once.
func (l *Lines) Close() error {
	l.mu.Lock()
	l.closed = true
	l.changed.Broadcast()
	l.mu.Unlock()
	<-l.done
	return nil
}

func (l *Lines) run() {
	defer close(l.done)
	var spare []byte
	for {
		l.mu.Lock()
		for len(l.pending) == 0 && !l.closed {
			l.changed.Wait()
		}
		if len(l.pending) == 0 {
			l.mu.Unlock()
			return
		}
		writing := l.pending
		l.pending = spare[:0]
		l.changed.Broadcast()
		l.mu.Unlock()
		// A log that cannot be written has nobody to be told of it.
		_, _ = l.to.Write(writing)
		spare = writing
	}
}
