package apptest

import (
	"bytes"
	"context"
	"strings"
	"sync"
)

// Buffer collects what several goroutines write. The zero Buffer is empty and ready.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
	// grown is closed with the next write; nil while nobody waits.
	grown chan struct{}
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.grown != nil {
		close(b.grown)
		b.grown = nil
	}
	return b.b.Write(p)
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Line returns the first whole line that contains the text, waiting for it as long as
// the context lasts; false: there is none.
func (b *Buffer) Line(ctx context.Context, text string) (string, bool) {
	for ended := false; ; {
		written, grown := b.look()
		for line := range strings.Lines(written) {
			if strings.HasSuffix(line, "\n") && strings.Contains(line, text) {
				return line, true
			}
		}
		if ended {
			return "", false
		}
		select {
		case <-grown:
		case <-ctx.Done():
			// What was written before the end counts.
			ended = true
		}
	}
}

// look returns what was written so far, and what is closed when there is more.
func (b *Buffer) look() (string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.grown == nil {
		b.grown = make(chan struct{})
	}
	return b.b.String(), b.grown
}
