package gate_test

import (
	"context"
	"testing"
	"time"

	"strongroom/internal/oauth/gate"
)

func BenchmarkEnterLeave(b *testing.B) {
	for name, l := range map[string]gate.Limits{"no limits": {}, "both limits": {PerSecond: 1e12, Concurrent: 4}} {
		b.Run(name, func(b *testing.B) {
			g := gate.New(time.Now, gate.Options{})
			for b.Loop() {
				p, err := g.Enter(context.Background(), endpoint, l)
				if err != nil {
					b.Fatal(err)
				}
				p.Leave(gate.Answered, time.Time{})
			}
		})
	}
}
