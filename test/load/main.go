package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

// The limits that the figures are set against.
const (
	limitCPU    = 100 * time.Microsecond
	limitMemory = 60 << 20 // bytes
	limitStart  = 300 * time.Millisecond
	// limitToken is a read of a fresh token as a ratio to one of a password.
	limitToken = 1.05
	// limitReplicaMemory is one replica's on PostgreSQL, in bytes.
	limitReplicaMemory = 150 << 20
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	credentials := flag.Int("credentials", 10_000, "credentials stored")
	connections := flag.Int("connections", 64, "connections reading at once")
	rounds := flag.Int("rounds", 5, "rounds of reading, each over the service and over the bare program; medians are quoted")
	reads := flag.Int("reads", 40_000, "reads a round")
	serve := flag.String("serve-bare", "", "directory to serve the bare program from (the benchmark starts itself with it)")
	serveOnPostgres := flag.String("serve-bare-postgres", "", "database to serve the bare program for PostgreSQL from (the benchmark starts itself with it)")
	address := flag.String("address", "", "with -serve-bare…: address to listen on")
	onPostgres := flag.Bool("postgres", false, "measure replicas on a PostgreSQL that is started for it")
	million := flag.Bool("million", false, "measure many credentials in many organizations, on PostgreSQL, against a thousand credentials")
	organizations := flag.Int("organizations", 1_000, "with -million: organizations, each with a thousand credentials")
	flag.Parse()
	switch {
	case *serve != "":
		return serveBare(ctx, *serve, *address)
	case *serveOnPostgres != "":
		return serveBarePostgres(ctx, *serveOnPostgres, *address)
	case *million:
		return compareSizes(ctx, *organizations, *rounds, *connections, *reads)
	case *onPostgres:
		return comparePostgres(ctx, *credentials, *rounds, *connections, *reads)
	}
	dir, err := os.MkdirTemp("", "strongroom-load")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("storing %d credentials of about 300 bytes\n", *credentials)
	stock, err := store(ctx, dir, *credentials)
	if err != nil {
		return err
	}
	ours, floor, err := startBoth(ctx, dir, stock)
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(ours.stop(), floor.stop()) }()
	f, err := compare(ours, floor, stock, *rounds, *connections, *reads)
	if err != nil {
		return err
	}
	if f.peak, err = ours.peakMemory(); err != nil {
		return err
	}
	if f.starts, err = ours.restart(ctx, *rounds); err != nil {
		return err
	}
	fmt.Printf("\nmedians of %d rounds, %d credentials, %d connections; load and server share the machine\n", *rounds, *credentials, *connections)
	f.print()
	return nil
}

// figures are what the rounds gave: CPU in microseconds a read, starts in milliseconds.
type figures struct {
	cpu, rate, p50, p99, ratio, bareCPU, bareRate, starts []float64
	// token is the CPU of a token's read as a ratio to a password's of the same round.
	token []float64
	peak  int64
}

// compare reads from the service and from the bare program in turn.
func compare(ours, floor *server, stock stocked, rounds, connections, reads int) (f figures, err error) {
	// The first round notes on every credential that it was used, and warms up both.
	for _, w := range []struct {
		server *server
		stock  stocked
	}{{ours, stock}, {ours, stock.onlyTokens()}, {floor, stock}} {
		if _, err := w.server.read(w.stock, connections, max(reads, len(stock.ids))); err != nil {
			return f, err
		}
	}
	for i := range rounds {
		m, tokens, err := ours.readBoth(stock, connections, reads, i%2 == 1)
		if err != nil {
			return f, err
		}
		b, err := floor.read(stock, connections, reads)
		if err != nil {
			return f, err
		}
		fmt.Printf("round %d: %6.0f reads/s, %5.1f µs CPU a read, p50 %5.2f ms, p99 %5.2f ms; tokens %5.1f µs; bare %6.0f reads/s, %5.1f µs\n", i+1, m.rate, m.cpu, m.p50, m.p99, tokens.cpu, b.rate, b.cpu)
		f.token = append(f.token, tokens.cpu/m.cpu)
		f.cpu, f.rate, f.p50, f.p99 = append(f.cpu, m.cpu), append(f.rate, m.rate), append(f.p50, m.p50), append(f.p99, m.p99)
		f.ratio, f.bareCPU, f.bareRate = append(f.ratio, m.cpu/b.cpu), append(f.bareCPU, b.cpu), append(f.bareRate, b.rate)
	}
	return f, nil
}

// readBoth reads passwords and tokens, which of them first by turns: the machine's speed
// drifts.
func (s *server) readBoth(stock stocked, connections, reads int, tokensFirst bool) (passwords, tokens measured, err error) {
	if tokensFirst {
		if tokens, err = s.read(stock.onlyTokens(), connections, reads); err != nil {
			return passwords, tokens, err
		}
	}
	if passwords, err = s.read(stock, connections, reads); err != nil || tokensFirst {
		return passwords, tokens, err
	}
	tokens, err = s.read(stock.onlyTokens(), connections, reads)
	return passwords, tokens, err
}

func (f figures) print() {
	fmt.Printf("reads a second     %8.0f   (p50 %.2f ms, p99 %.2f ms); the bare program %.0f\n", median(f.rate), median(f.p50), median(f.p99), median(f.bareRate))
	report("CPU a read", median(f.cpu), "µs", float64(limitCPU.Microseconds()))
	fmt.Printf("%-18s %8.2f times the bare program's %.1f µs\n", "", median(f.ratio), median(f.bareCPU))
	report("a token's read", median(f.token), "of a password's CPU", limitToken)
	report("peak memory", float64(f.peak)/(1<<20), "MB", limitMemory>>20)
	report("start", median(f.starts), "ms", float64(limitStart.Milliseconds()))
}

func report(what string, got float64, unit string, limit float64) {
	fmt.Printf("%-18s %8.2f %s, limit %.3g: ratio %.2f\n", what, got, unit, limit, got/limit)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
