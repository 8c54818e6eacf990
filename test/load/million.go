package main

import (
	"context"
	"fmt"

	"strongroom/internal/store/postgres/postgrestest"
)

const (
	few     = 1_000
	eachHas = 1_000
	// limitSlower is a read among a million credentials as a ratio to one among a thousand.
	limitSlower = 1.10
	// warmUp is how many reads it takes until the processes of PostgreSQL have mapped nearly all
	// of its cache, and the first notes of uses are made.
	warmUp = 100_000
)

// compareSizes measures reads at random over the credentials of many organizations against
// reads over a thousand of one, on one server: of a caller by itself, of a few, and of as
// many connections as it takes to keep the machine at its limit.
func compareSizes(ctx context.Context, organizations, rounds, connections, reads int) error {
	return measureWith(ctx, func(h *harness) error {
		binary, err := build(ctx, h.TempDir())
		if err != nil {
			return err
		}
		var sizes [2]size
		cluster := newCluster(h)
		for i, organizations := range []int{organizations, 1} {
			if sizes[i], err = newSize(h, cluster, binary, organizations, connections); err != nil {
				return err
			}
		}
		fmt.Printf("huge pages that the system has for PostgreSQL's cache of 2 GB: %s\n", hugePages())
		for _, n := range []int{1, 8, connections} {
			if err := sizesInTurn(sizes, rounds, n, max(few, reads*n/connections)); err != nil {
				return err
			}
		}
		peak, err := sizes[0].servers[0].peakMemory()
		if err != nil {
			return err
		}
		report("peak memory", float64(peak)/(1<<20), "MB", limitReplicaMemory>>20)
		return nil
	})
}

// size is a database with so many credentials, and one replica on it.
type size struct {
	group
	stock stocked
}

func newSize(h *harness, cluster *postgrestest.Cluster, binary string, organizations, connections int) (size, error) {
	o, err := newOnPostgres(h, cluster, binary, organizations, eachHas)
	if err != nil {
		return size{}, err
	}
	g, err := o.service(1)
	if err != nil {
		return size{}, err
	}
	_, err = g.read(o.stock, connections, warmUp)
	return size{g, o.stock}, err
}

// sizesInTurn reads from the many and the few, which of them first by turns, and prints what
// came of it.
func sizesInTurn(sizes [2]size, rounds, connections, reads int) error {
	var ofMean, ofMedian, cpu, mean, fewMean []float64
	for i := range rounds {
		var m [2]measured
		for j := range m {
			which := (i + j) % 2
			var err error
			if m[which], err = sizes[which].read(sizes[which].stock, connections, reads); err != nil {
				return err
			}
		}
		fmt.Printf("%d connections, round %d: of many %6.0f reads/s, mean %5.2f ms, p50 %5.2f, %5.1f + %5.1f µs CPU; of a thousand %6.0f, %5.2f, %5.2f, %5.1f + %5.1f\n", connections, i+1,
			m[0].rate, m[0].mean, m[0].p50, m[0].cpu, m[0].database, m[1].rate, m[1].mean, m[1].p50, m[1].cpu, m[1].database)
		ofMean, ofMedian = append(ofMean, m[0].mean/m[1].mean), append(ofMedian, m[0].p50/m[1].p50)
		cpu = append(cpu, (m[0].cpu+m[0].database)/(m[1].cpu+m[1].database))
		mean, fewMean = append(mean, m[0].mean), append(fewMean, m[1].mean)
	}
	fmt.Printf("\n%d connections, medians of %d rounds; a read among %d credentials takes %.2f ms on average, among a thousand %.2f ms, and %.2f of the CPU\n",
		connections, rounds, len(sizes[0].stock.ids), median(mean), median(fewMean), median(cpu))
	report("a read's time", median(ofMean), "of that among a thousand", limitSlower)
	report("its median", median(ofMedian), "of that among a thousand", limitSlower)
	fmt.Println()
	return nil
}
