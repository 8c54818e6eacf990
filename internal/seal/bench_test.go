package seal_test

import (
	"strings"
	"testing"

	"strongroom/secret"
)

func BenchmarkSeal(b *testing.B) {
	p := setup(b)
	value := secret.New([]byte(strings.Repeat("x", 300)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Seal(b.Context(), here, value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	p := setup(b)
	sealed := p.mustSeal(b, here, strings.Repeat("x", 300))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Open(b.Context(), here, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
