package main

import (
	"context"
	"fmt"

	"strongroom/internal/store/postgres/postgrestest"
)

const (
	eachHas = 1_000
	// fewest is how many reads are measured at least, however few connections there are.
	fewest = 1_000
	// limitSlower is a read among a million credentials as a ratio to one among a thousand.
	limitSlower = 1.10
	// warmUp is how many reads it takes until the processes of PostgreSQL have mapped nearly all
	// of its cache, and the first notes of uses are made.
	warmUp = 100_000
)

// compareSizes measures reads at random over the credentials of many organizations against
// reads over a thousand, of as many organizations and of one, on one server: of a caller by
// itself, of a few, and of as many connections as it takes to keep the machine at its limit.
func compareSizes(ctx context.Context, organizations, rounds, connections, reads int) error {
	return measureWith(ctx, func(h *harness) error {
		binary, err := build(ctx, h.TempDir())
		if err != nil {
			return err
		}
		cluster := newCluster(h)
		var sizes []*size
		for _, s := range []size{
			{organizations: organizations, each: eachHas},
			{organizations: organizations, each: 1},
			{organizations: 1, each: eachHas},
		} {
			if err := s.start(h, cluster, binary, connections); err != nil {
				return err
			}
			sizes = append(sizes, &s)
		}
		fmt.Printf("huge pages that the system has for PostgreSQL's cache of 2 GB: %s\n", hugePages())
		for _, n := range []int{1, 8, connections} {
			if err := sizesInTurn(sizes, rounds, n, max(fewest, reads*n/connections)); err != nil {
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

// size is a database with organizations that have as many credentials each, and one replica
// on it.
type size struct {
	organizations, each int
	group
	stock stocked
	took  []measured
}

func (s *size) start(h *harness, cluster *postgrestest.Cluster, binary string, connections int) error {
	o, err := newOnPostgres(h, cluster, binary, s.organizations, s.each)
	if err != nil {
		return err
	}
	s.stock = o.stock
	if s.group, err = o.service(1); err != nil {
		return err
	}
	_, err = s.read(s.stock, connections, warmUp)
	return err
}

// sizesInTurn reads from each, which of them first by turns, and prints the first as ratios
// to the others.
func sizesInTurn(sizes []*size, rounds, connections, reads int) error {
	for _, s := range sizes {
		s.took = nil
	}
	for i := range rounds {
		for j := range sizes {
			s := sizes[(i+j)%len(sizes)]
			m, err := s.read(s.stock, connections, reads)
			if err != nil {
				return err
			}
			s.took = append(s.took, m)
			fmt.Printf("%2d connections, round %2d, %7d credentials in %4d organizations: %6.0f reads/s, mean %5.2f ms, p50 %5.2f, %5.1f + %5.1f µs CPU\n",
				connections, i+1, len(s.stock.ids), s.organizations, m.rate, m.mean, m.p50, m.cpu, m.database)
		}
	}
	fmt.Printf("\n%d connections, medians of %d rounds\n", connections, rounds)
	for _, few := range sizes[1:] {
		sizes[0].reportSlower(few)
	}
	fmt.Println()
	return nil
}

// reportSlower prints what a read takes as ratios to what it takes of few.
func (s *size) reportSlower(few *size) {
	var ofMean, ofMedian, cpu, mean, fewMean []float64
	for i, m := range s.took {
		f := few.took[i]
		ofMean, ofMedian = append(ofMean, m.mean/f.mean), append(ofMedian, m.p50/f.p50)
		cpu = append(cpu, (m.cpu+m.database)/(f.cpu+f.database))
		mean, fewMean = append(mean, m.mean), append(fewMean, f.mean)
	}
	fmt.Printf("a read among %d credentials in %d organizations takes %.2f ms on average; among %d in %d it takes %.2f ms; %.2f of its CPU\n",
		len(s.stock.ids), s.organizations, median(mean), len(few.stock.ids), few.organizations, median(fewMean), median(cpu))
	report("a read's time", median(ofMean), "of that", limitSlower)
	report("its median", median(ofMedian), "of that", limitSlower)
}
