package main

import (
	"context"
	"fmt"
)

const (
	few     = 1_000
	eachHas = 1_000
	// limitSlower is a read among a million credentials as a ratio to one among a thousand.
	limitSlower = 1.10
)

// compareSizes measures reads at random over the credentials of many organizations against
// reads over a thousand of one, on one server.
func compareSizes(ctx context.Context, organizations, rounds, connections, reads int) error {
	return measureWith(ctx, func(h *harness) error {
		binary, err := build(ctx, h.TempDir())
		if err != nil {
			return err
		}
		cluster := newCluster(h)
		small, err := newOnPostgres(h, cluster, binary, 1, few)
		if err != nil {
			return err
		}
		big, err := newOnPostgres(h, cluster, binary, organizations, eachHas)
		if err != nil {
			return err
		}
		const alone = 1
		among, err := small.service(alone)
		if err != nil {
			return err
		}
		amid, err := big.service(alone)
		if err != nil {
			return err
		}
		var ofMean, ofMedian, mean, smallMean []float64
		for i := range rounds + 1 {
			var m [2]measured
			for j := range m {
				which := (i + j) % 2
				if m[which], err = []group{amid, among}[which].read([]stocked{big.stock, small.stock}[which], connections, reads); err != nil {
					return err
				}
			}
			if i == 0 {
				continue // warms up
			}
			fmt.Printf("round %d: of many %6.0f reads/s, mean %5.2f ms, p50 %5.2f, %5.1f + %5.1f µs CPU; of a thousand %6.0f, %5.2f, %5.2f, %5.1f + %5.1f\n", i,
				m[0].rate, m[0].mean, m[0].p50, m[0].cpu, m[0].database, m[1].rate, m[1].mean, m[1].p50, m[1].cpu, m[1].database)
			ofMean, ofMedian = append(ofMean, m[0].mean/m[1].mean), append(ofMedian, m[0].p50/m[1].p50)
			mean, smallMean = append(mean, m[0].mean), append(smallMean, m[1].mean)
		}
		peak, err := amid.servers[0].peakMemory()
		if err != nil {
			return err
		}
		fmt.Printf("\nmedians of %d rounds, %d connections; a read among %d credentials takes %.2f ms on average, among a thousand %.2f ms\n", rounds, connections, organizations*eachHas, median(mean), median(smallMean))
		report("a read's time", median(ofMean), "of that among a thousand", limitSlower)
		report("its median", median(ofMedian), "of that among a thousand", limitSlower)
		report("peak memory", float64(peak)/(1<<20), "MB", limitReplicaMemory>>20)
		return nil
	})
}
