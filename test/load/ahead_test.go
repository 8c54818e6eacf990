package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
	"strongroom/secret"
)

const (
	renewals = 100_000
	// The tokens end within firstEnd and lastEnd of the beginning: an hour's worth of
	// renewals in a few minutes.
	firstEnd, lastEnd = 150 * time.Second, 330 * time.Second
	limitRenewalPeak  = 150 // MB
)

// BenchmarkRefreshAhead renews 100,000 tokens of a real OAuth server before they end, in the
// real binary, while others read them. Its figures: the most memory, the slowest read, and
// how many reads found a token that had to be renewed first.
func BenchmarkRefreshAhead(b *testing.B) {
	provider := oauthtest.Start(b)
	dir, definitions := b.TempDir(), b.TempDir()
	definition := provider.Definition("acme", oauthtest.DefinitionOptions{})
	must(b, os.WriteFile(filepath.Join(definitions, "acme.yaml"), []byte(definition), 0o600))
	for b.Loop() {
		stock := stockTokens(b, dir, definitions, provider)
		s := serveTokens(b, dir, definitions)
		began := time.Now()
		reads := readUntil(b, s, stock, func() bool { return provider.Stats().Exchanges["refresh_token"] >= renewals })
		took := time.Since(began)
		reportRenewals(b, s, provider, reads, took)
		must(b, s.stop())
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// stockTokens stores tokens that the provider has issued.
func stockTokens(b *testing.B, dir, definitions string, provider *oauthtest.Server) stocked {
	b.Helper()
	apptest.Prepare(b, dir)
	config := apptest.Config(b, dir)
	config.Catalog, config.CredentialsPerProvider, config.CredentialsPerUser = definitions, 0, 0
	began := time.Now()
	grants := provider.MakeGrants(renewals, oauthtest.GrantRequest{AccessLifetime: lastEnd})
	stock := stockMany(b, config, time.Now, renewals, func(i int) strongroom.NewCredential {
		ends := began.Add(firstEnd + (lastEnd-firstEnd)*time.Duration(i)/time.Duration(len(grants)))
		return strongroom.NewCredential{
			Name: fmt.Sprintf("token %d", i), Provider: "acme", Type: "oauth2",
			Data: secret.New(fmt.Appendf(nil, `{"access_token":%q,"refresh_token":%q,"expires_at":%d}`, grants[i].AccessToken, grants[i].RefreshToken, ends.Unix())),
		}
	})
	b.Logf("stored after %v", time.Since(began).Round(time.Second))
	return stock
}

// stockMany stores n credentials of one user's by the clock, and makes a key to read them.
func stockMany(b *testing.B, config app.Config, clock strongroom.Clock, n int, credential func(i int) strongroom.NewCredential) stocked {
	b.Helper()
	ctx := context.Background()
	a, err := app.Open(ctx, config, "load", slog.New(slog.NewJSONHandler(io.Discard, nil)))
	must(b, err)
	a.Credentials.Clock = clock
	organization := uuid.New()
	person := strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindUser, ID: uuid.New(), OrganizationID: organization, Role: strongroom.RoleAppUser}}
	stock := stocked{ids: make([]uuid.UUID, n)}
	each(b, n, func(i int) error {
		c, err := a.Credentials.Create(ctx, person, credential(i))
		stock.ids[i] = c.ID
		return err
	})
	account, err := a.Accounts.Create(ctx, strongroom.Operator(organization, ""), strongroom.NewServiceAccount{Name: "load"})
	must(b, err)
	key, err := a.Accounts.CreateKey(ctx, strongroom.Operator(organization, ""), account.ID, strongroom.NewAPIKey{Name: "load"})
	must(b, err)
	stock.keys = []string{string(key.Token.Reveal())}
	must(b, a.Close(ctx))
	return stock
}

// each calls f for every number below n, many at once.
func each(b *testing.B, n int, f func(i int) error) {
	b.Helper()
	var next atomic.Int64
	failures := make(chan error, 64)
	for range cap(failures) {
		go func() {
			var failed error
			for i := next.Add(1) - 1; int(i) < n && failed == nil; i = next.Add(1) - 1 {
				failed = f(int(i))
			}
			failures <- failed
		}()
	}
	for range cap(failures) {
		must(b, <-failures)
	}
}

// serveTokens starts the real binary with the provider's client.
func serveTokens(b *testing.B, dir, definitions string) *server {
	b.Helper()
	b.Setenv("STRONGROOM_OAUTH_ACME_CLIENT_ID", oauthtest.Confidential)
	b.Setenv("STRONGROOM_OAUTH_ACME_CLIENT_SECRET", oauthtest.ClientSecret)
	return serveBinary(b, dir, "--catalog", definitions)
}

// serveBinary starts the real binary, which may call this machine.
func serveBinary(b *testing.B, dir string, more ...string) *server {
	b.Helper()
	binary := filepath.Join(dir, "strongroom")
	out, err := exec.Command("go", "build", "-o", binary, "strongroom/cmd/strongroom").CombinedOutput()
	if err != nil {
		b.Fatalf("the service does not build: %v\n%s", err, out)
	}
	addresses, err := freeAddresses(1)
	must(b, err)
	s := &server{address: addresses[0], log: filepath.Join(dir, "server.log"), command: append([]string{binary, "serve", "--data", dir,
		"--addr", addresses[0], "--allow-addresses", "127.0.0.0/8", "--credentials-per-provider", "0", "--credentials-per-user", "0"}, more...)}
	_, err = s.start(context.Background())
	must(b, err)
	b.Cleanup(func() { _ = s.process.Process.Kill() }) // for a benchmark that fails
	return s
}

// readers read at a pace that leaves the machine to the renewals: what counts is how long
// a read takes, not how many there are.
const (
	readers  = 4
	readPace = 20 * time.Millisecond
)

// readUntil reads tokens at random until done, and returns each read's time in ms.
func readUntil(b *testing.B, s *server, stock stocked, done func() bool) []float64 {
	b.Helper()
	var stop atomic.Bool
	results := make(chan []float64, readers)
	failures := make(chan error, readers)
	for range readers {
		go func() {
			var all []float64
			var failed error
			for !stop.Load() && failed == nil {
				var took []float64
				took, failed = s.reader(newRequests(stock, 1))
				all = append(all, took...)
				<-time.After(readPace)
			}
			results <- all
			failures <- failed
		}()
	}
	deadline := time.After(lastEnd + time.Hour)
	for !done() {
		select {
		case <-time.After(time.Second):
		case <-deadline:
			b.Fatal("what is measured beside does not come to an end")
		}
	}
	stop.Store(true)
	var all []float64
	for range readers {
		must(b, <-failures)
		all = append(all, <-results...)
	}
	slices.Sort(all)
	return all
}

func reportRenewals(b *testing.B, s *server, provider *oauthtest.Server, reads []float64, took time.Duration) {
	b.Helper()
	peak, err := s.peakMemory()
	must(b, err)
	looks, err := s.counter(`strongroom_store_operation_duration_seconds_count{operation="renewal_state"}`)
	must(b, err)
	stats := provider.Stats()
	if stats.ReuseDetected > 0 {
		b.Errorf("%d grants were lost", stats.ReuseDetected)
	}
	// Every renewal ahead looks once; a read that has to renew first makes one look more,
	// for the one ahead looks in vain.
	waited := looks - renewals
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(peak>>20), "peak-MB")
	b.ReportMetric(float64(peak>>20)/limitRenewalPeak, "of-limit")
	b.ReportMetric(float64(stats.Exchanges["refresh_token"])/took.Seconds(), "renewals/s")
	b.ReportMetric(float64(len(reads)), "reads")
	b.ReportMetric(waited, "reads-that-waited")
	b.ReportMetric(reads[len(reads)/2], "p50-ms")
	b.ReportMetric(reads[len(reads)-1], "slowest-ms")
}

// counter returns one of the process's metrics.
func (s *server) counter(name string) (float64, error) {
	res, err := http.Get("http://" + s.address + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, errors.New("there is no metric " + name)
}
