package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"strongroom/internal/probe/pgtest"
	"strongroom/internal/store/postgres/postgrestest"
)

const (
	// limitOfBare is the least that the service may do of what the bare program does.
	limitOfBare = 0.7
	// replicas are how many there are in the second measurement.
	replicas = 3
)

// onPostgres is a database of a PostgreSQL server, which all measurements share.
type onPostgres struct {
	*harness
	cluster  *postgrestest.Cluster
	database postgrestest.Database
	binary   string
	dir      string
	stock    stocked
}

// newCluster starts a server that keeps what it acknowledges, with a cache as somebody
// would give it who had a million credentials, which take 1.2 GB.
func newCluster(h *harness) *postgrestest.Cluster {
	return postgrestest.On(h, pgtest.Private(h, "fsync=on", "shared_buffers=2GB", "max_wal_size=8GB", "max_connections=200"))
}

// newOnPostgres makes a database with organizations that have as many credentials each.
func newOnPostgres(h *harness, cluster *postgrestest.Cluster, binary string, organizations, each int) (*onPostgres, error) {
	o := &onPostgres{harness: h, cluster: cluster, database: cluster.Database(h), binary: binary, dir: h.TempDir()}
	cluster.Server.Exec(h, "", "GRANT TEMPORARY ON DATABASE "+o.database.Name+" TO "+cluster.Owner.Name)
	fmt.Printf("storing %d credentials of about 300 bytes in %d organizations\n", organizations*each, organizations)
	a, err := openApp(h.ctx, o.dir, "--database-url", o.database.URL)
	if err != nil {
		return nil, err
	}
	o.stock, err = stockPostgres(h.ctx, a, o.database.OwnerURL, organizations, each)
	if err = errors.Join(err, a.Close(h.ctx)); err != nil {
		return nil, err
	}
	// The housekeeping for what was stored is not to fall into what is measured.
	cluster.Server.Exec(h, o.database.Name, "VACUUM (ANALYZE)")
	cluster.Server.Exec(h, "", "CHECKPOINT")
	return o, nil
}

// service starts as many replicas.
func (o *onPostgres) service(n int) (group, error) {
	return o.group(n, func(address string) []string {
		return []string{o.binary, "serve", "--data", o.dir, "--addr", address, "--database-url", o.database.URL,
			"--credentials-per-provider", "0", "--credentials-per-user", "0"}
	})
}

// bare starts as many of the bare program, which is this program itself.
func (o *onPostgres) bare(n int) (group, error) {
	self, err := os.Executable()
	if err != nil {
		return group{}, err
	}
	return o.group(n, func(address string) []string {
		return []string{self, "-serve-bare-postgres", o.database.URL + "&pool_max_conns=16", "-address", address}
	})
}

// group starts servers and ends them with the measurement.
func (o *onPostgres) group(n int, command func(address string) []string) (group, error) {
	g := group{database: func() []int { return o.cluster.Server.PIDs(o) }}
	addresses, err := freeAddresses(n)
	if err != nil {
		return g, err
	}
	for i, address := range addresses {
		s := &server{address: address, log: filepath.Join(o.dir, fmt.Sprintf("%s-%d.log", filepath.Base(command("")[1]), i)), command: command(address)}
		if _, err := s.start(o.ctx); err != nil {
			log, _ := os.ReadFile(s.log)
			return g, fmt.Errorf("%w: %.1000s", err, log)
		}
		o.Cleanup(func() { _ = s.stop() })
		g.servers = append(g.servers, s)
	}
	return g, nil
}

// comparePostgres measures one and several replicas against as many of the bare program.
func comparePostgres(ctx context.Context, credentials, rounds, connections, reads int) error {
	return measureWith(ctx, func(h *harness) error {
		binary, err := build(ctx, h.TempDir())
		if err != nil {
			return err
		}
		o, err := newOnPostgres(h, newCluster(h), binary, 1, credentials)
		if err != nil {
			return err
		}
		o.cluster.Server.Exec(h, o.database.Name, bareSchema, "VACUUM (ANALYZE)")
		for _, n := range []int{1, replicas} {
			ours, err := o.service(n)
			if err != nil {
				return err
			}
			bare, err := o.bare(n)
			if err != nil {
				return err
			}
			if err := inTurn(o.stock, n, ours, bare, rounds, connections, reads); err != nil {
				return err
			}
			if err := errors.Join(ours.stop(), bare.stop()); err != nil {
				return err
			}
		}
		return nil
	})
}

// inTurn reads from both, which of them first by turns, and prints what came of it.
func inTurn(stock stocked, n int, ours, bare group, rounds, connections, reads int) error {
	var rate, cpu, database, p50, p99, bareRate, bareCPU, bareDatabase, ofRate, ofCPU []float64
	for i := range rounds + 1 {
		var m [2]measured
		for j := range m {
			which := (i + j) % 2
			var err error
			if m[which], err = []group{ours, bare}[which].read(stock, connections, reads); err != nil {
				return err
			}
		}
		if i == 0 {
			continue // warms up
		}
		fmt.Printf("%d of each, round %d: %6.0f reads/s, %5.1f + %5.1f µs CPU a read, p50 %5.2f ms, p99 %5.2f ms; bare %6.0f reads/s, %5.1f + %5.1f µs\n", n, i,
			m[0].rate, m[0].cpu, m[0].database, m[0].p50, m[0].p99, m[1].rate, m[1].cpu, m[1].database)
		rate, cpu, database = append(rate, m[0].rate), append(cpu, m[0].cpu), append(database, m[0].database)
		p50, p99 = append(p50, m[0].p50), append(p99, m[0].p99)
		bareRate, bareCPU, bareDatabase = append(bareRate, m[1].rate), append(bareCPU, m[1].cpu), append(bareDatabase, m[1].database)
		ofRate = append(ofRate, m[0].rate/m[1].rate)
		ofCPU = append(ofCPU, (m[1].cpu+m[1].database)/(m[0].cpu+m[0].database))
	}
	fmt.Printf("\n%d of each, medians of %d rounds, %d connections; load, servers and PostgreSQL share the machine\n", n, rounds, connections)
	fmt.Printf("reads a second     %8.0f   (p50 %.2f ms, p99 %.2f ms); the bare program %.0f\n", median(rate), median(p50), median(p99), median(bareRate))
	fmt.Printf("CPU a read         %8.1f µs, and PostgreSQL's %.1f µs; the bare program %.1f and %.1f µs\n", median(cpu), median(database), median(bareCPU), median(bareDatabase))
	report("reads a second", median(ofRate), "of the bare program's", limitOfBare)
	report("reads per CPU", median(ofCPU), "of the bare program's", limitOfBare)
	for i, s := range ours.servers {
		peak, err := s.peakMemory()
		if err != nil {
			return err
		}
		report(fmt.Sprintf("peak memory of %d", i+1), float64(peak)/(1<<20), "MB", limitReplicaMemory>>20)
	}
	fmt.Println()
	return nil
}
