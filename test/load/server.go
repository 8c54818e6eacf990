package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// server is what is read from, as a process.
type server struct {
	// command is its program and arguments.
	command      []string
	log, address string
	process      *exec.Cmd
}

// startBoth builds and starts the service, and starts the bare program, which is this
// program itself.
func startBoth(ctx context.Context, dir string, stock stocked) (ours, floor *server, err error) {
	binary, err := build(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	if err := stockBare(dir, stock); err != nil {
		return nil, nil, err
	}
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, nil, err
	}
	ours = &server{address: addresses[0], log: filepath.Join(dir, "server.log"),
		command: []string{binary, "serve", "--data", dir, "--addr", addresses[0], "--credentials-per-provider", "0", "--credentials-per-user", "0"}}
	floor = &server{address: addresses[1], log: filepath.Join(dir, "bare.err"),
		command: []string{self, "-serve-bare", dir, "-address", addresses[1]}}
	if _, err := ours.start(ctx); err != nil {
		return nil, nil, err
	}
	_, err = floor.start(ctx)
	return ours, floor, err
}

// build builds the service into the directory, as make build does.
func build(ctx context.Context, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "strongroom")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "strongroom/cmd/strongroom")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("the service does not build: %w", err)
	}
	return binary, nil
}

// freeAddresses returns loopback addresses that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

// start starts the process and returns how long it took until it was ready, in
// milliseconds.
func (s *server) start(ctx context.Context) (float64, error) {
	s.process = exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	log, err := os.Create(s.log)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	s.process.Stderr = log
	began := time.Now()
	if err := s.process.Start(); err != nil {
		return 0, err
	}
	for time.Since(began) < 10*time.Second {
		res, err := http.Get("http://" + s.address + "/readyz")
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return float64(time.Since(began).Microseconds()) / 1000, nil
		}
	}
	return 0, errors.New("the server was not ready in 10 s")
}

// stop asks the process to stop and waits until it has; twice is once.
func (s *server) stop() error {
	if s.process.ProcessState != nil {
		return nil
	}
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.process.Wait()
}

// restart stops and starts the server and returns how long each start took.
func (s *server) restart(ctx context.Context, times int) ([]float64, error) {
	var took []float64
	for range times {
		if err := s.stop(); err != nil {
			return nil, err
		}
		t, err := s.start(ctx)
		if err != nil {
			return nil, err
		}
		took = append(took, t)
	}
	return took, nil
}

// measured is one round: reads a second, µs of the servers' and of the database's CPU a
// read, latencies in ms.
type measured struct{ rate, cpu, database, mean, p50, p99 float64 }

// group is several servers that share the load. database, where not nil, tells the
// processes of the database that they share.
type group struct {
	servers  []*server
	database func() []int
}

// read reads n times over as many connections, each credential as likely as any other.
func (s *server) read(stock stocked, connections, n int) (measured, error) {
	return group{servers: []*server{s}}.read(stock, connections, n)
}

// stop stops every server.
func (g group) stop() (err error) {
	for _, s := range g.servers {
		err = errors.Join(err, s.stop())
	}
	return err
}

func (g group) read(stock stocked, connections, n int) (measured, error) {
	requests := newRequests(stock, n)
	before, databaseBefore, err := g.cpu()
	if err != nil {
		return measured{}, err
	}
	began := time.Now()
	var mu sync.Mutex
	var latencies []float64
	var failed error
	var readers sync.WaitGroup
	for i := range connections {
		readers.Go(func() {
			took, err := g.servers[i%len(g.servers)].reader(requests)
			mu.Lock()
			defer mu.Unlock()
			latencies, failed = append(latencies, took...), errors.Join(failed, err)
		})
	}
	readers.Wait()
	took := time.Since(began)
	after, databaseAfter, err := g.cpu()
	if err = errors.Join(failed, err); err != nil {
		return measured{}, err
	}
	slices.Sort(latencies)
	count := len(latencies)
	sum := 0.0
	for _, l := range latencies {
		sum += l
	}
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(count) }
	return measured{
		rate: float64(count) / took.Seconds(), cpu: each(after - before), database: each(databaseAfter - databaseBefore),
		mean: sum / float64(count), p50: latencies[count/2], p99: latencies[count*99/100],
	}, nil
}

// cpu returns the time of the servers' processes and of the database's.
func (g group) cpu() (servers, database time.Duration, err error) {
	for _, s := range g.servers {
		took, err := processCPU(s.process.Process.Pid)
		if err != nil {
			return 0, 0, err
		}
		servers += took
	}
	if g.database == nil {
		return servers, 0, nil
	}
	for _, pid := range g.database() {
		took, err := processCPU(pid)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it may just have ended
			return 0, 0, err
		}
		database += took
	}
	return servers, database, nil
}

// reader reads over one connection until no requests are left, and returns each one's
// latency. It does little, for it shares the processors with what it measures.
func (s *server) reader(requests *requests) ([]float64, error) {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	var latencies []float64
	for request := requests.next(); request != nil; request = requests.next() {
		began := time.Now()
		if _, err := conn.Write(request); err != nil {
			return latencies, err
		}
		if err := readAnswer(in); err != nil {
			return latencies, err
		}
		latencies = append(latencies, float64(time.Since(began).Microseconds())/1000)
	}
	return latencies, nil
}

// readAnswer reads a 200 with a Content-Length, and drops its body; anything else is an
// error.
func readAnswer(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("a read was answered %q", status)
	}
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
	if length <= 0 {
		return errors.New("a read was answered without a body")
	}
	_, err = in.Discard(length)
	return err
}
