package main

import (
	"context"
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
	rounds := flag.Int("rounds", 5, "rounds of reading; the median is quoted")
	reads := flag.Int("reads", 40_000, "reads a round")
	flag.Parse()

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
	server, err := startServer(ctx, dir)
	if err != nil {
		return err
	}
	defer server.stop()

	// The first round notes on every credential that it was used, and warms up.
	if _, err := server.read(stock, *connections, max(*reads, *credentials)); err != nil {
		return err
	}
	var cpu, rate, p50, p99 []float64
	for i := range *rounds {
		m, err := server.read(stock, *connections, *reads)
		if err != nil {
			return err
		}
		fmt.Printf("round %d: %6.0f reads/s, %5.1f µs CPU a read, p50 %5.2f ms, p99 %5.2f ms\n", i+1, m.rate, m.cpu, m.p50, m.p99)
		cpu, rate, p50, p99 = append(cpu, m.cpu), append(rate, m.rate), append(p50, m.p50), append(p99, m.p99)
	}
	peak, err := server.peakMemory()
	if err != nil {
		return err
	}
	starts, err := server.restart(ctx, *rounds)
	if err != nil {
		return err
	}
	fmt.Printf("\nmedians of %d rounds, %d credentials, %d connections\n", *rounds, *credentials, *connections)
	fmt.Printf("reads a second     %8.0f   (p50 %.2f ms, p99 %.2f ms; load and server share the machine)\n", median(rate), median(p50), median(p99))
	report("CPU a read", median(cpu), "µs", float64(limitCPU.Microseconds()))
	report("peak memory", float64(peak)/(1<<20), "MB", limitMemory>>20)
	report("start", median(starts), "ms", float64(limitStart.Milliseconds()))
	return nil
}

func report(what string, got float64, unit string, limit float64) {
	fmt.Printf("%-18s %8.1f %s, limit %.0f: ratio %.2f\n", what, got, unit, limit, got/limit)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
