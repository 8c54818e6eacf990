package outbound_test

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"strongroom/internal/outbound"
)

func TestABodyIsReadToItsLimit(t *testing.T) {
	for name, c := range map[string]struct {
		body  string
		limit int64
		want  error
	}{
		"empty":              {"", 4, nil},
		"shorter":            {"abc", 4, nil},
		"as long":            {"abcd", 4, nil},
		"one byte longer":    {"abcde", 4, outbound.ErrTooLarge},
		"nothing is allowed": {"a", 0, outbound.ErrTooLarge},
		"any length":         {"abc", math.MaxInt64, nil},
	} {
		t.Run(name, func(t *testing.T) {
			want := c.body
			if c.want != nil {
				want = ""
			}
			for form, reader := range map[string]io.Reader{
				"whole": strings.NewReader(c.body), "in bytes": iotest.OneByteReader(strings.NewReader(c.body)), "with its end": iotest.DataErrReader(strings.NewReader(c.body)),
			} {
				got, err := outbound.ReadLimited(reader, c.limit)
				if string(got) != want || !errors.Is(err, c.want) {
					t.Errorf("%s: %q, %v, want %q, %v", form, got, err, want, c.want)
				}
			}
		})
	}
}

func TestABodyThatBreaksOffIsAnError(t *testing.T) {
	broken := errors.New("broken")
	for name, limit := range map[string]int64{"before the limit": 10, "at the limit": 3} {
		t.Run(name, func(t *testing.T) {
			got, err := outbound.ReadLimited(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), limit)
			if got != nil || !errors.Is(err, broken) {
				t.Errorf("%q, %v, want none of it", got, err)
			}
		})
	}
}
