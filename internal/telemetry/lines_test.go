package telemetry_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"strongroom/internal/telemetry"
)

// stalled is a writer that waits to be let go on, and counts its calls.
type stalled struct {
	entered chan struct{}
	release chan struct{}
	bytes.Buffer
	calls int
}

func (s *stalled) Write(p []byte) (int, error) {
	s.calls++
	if s.calls == 1 {
		close(s.entered)
		<-s.release
	}
	return s.Buffer.Write(p)
}

func TestEveryLineIsWrittenWholeAndInOrder(t *testing.T) {
	var out bytes.Buffer
	l := telemetry.NewLines(&out)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 200 {
				fmt.Fprintf(l, "%d %d\n", w, i)
			}
		})
	}
	writers.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	last := map[string]int{}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 1600 {
		t.Fatalf("%d lines were written, want 1600", len(lines))
	}
	for _, line := range lines {
		var w string
		var i int
		if _, err := fmt.Sscanf(line, "%s %d", &w, &i); err != nil || i != last[w] {
			t.Fatalf("line %q comes after %d", line, last[w]-1)
		}
		last[w]++
	}
}

func TestWhoLogsDoesNotWaitForASlowWriterAndItsLinesShareTheNextWrite(t *testing.T) {
	s := &stalled{entered: make(chan struct{}), release: make(chan struct{})}
	l := telemetry.NewLines(s)
	fmt.Fprintln(l, "first")
	<-s.entered
	for range 100 {
		fmt.Fprintln(l, "more")
	}
	close(s.release)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if s.calls != 2 || strings.Count(s.String(), "more") != 100 {
		t.Errorf("%d writes of %d bytes, want 2 writes with every line", s.calls, s.Len())
	}
}

func TestAWriterThatStandsStillDoesNotFillTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stalled{entered: make(chan struct{}), release: make(chan struct{})}
		l := telemetry.NewLines(s)
		fmt.Fprintln(l, "first")
		<-s.entered
		full := make(chan struct{})
		go func() {
			defer close(full)
			for range 3 {
				_, _ = l.Write(make([]byte, 1<<20))
			}
		}()
		synctest.Wait()
		select {
		case <-full:
			t.Error("three megabytes were taken while nothing could be written")
		default:
		}
		close(s.release)
		<-full
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if s.Len() != 3<<20+len("first\n") {
			t.Errorf("%d bytes were written", s.Len())
		}
	})
}

func TestClosingTwiceIsClosingOnce(t *testing.T) {
	l := telemetry.NewLines(&bytes.Buffer{})
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if n, err := l.Write([]byte("late")); n != 4 || err != nil {
		t.Error("a late line made its writer fail")
	}
}
