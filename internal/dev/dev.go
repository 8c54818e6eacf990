package dev

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"strongroom/internal/app"
	"strongroom/internal/telemetry"
)

// Directory is where everything is kept unless another one is named.
const Directory = ".strongroom"

// closeTimeout bounds the flush at the end.
const closeTimeout = 10 * time.Second

// Run makes or finds everything in c.Data, shows it on the screen, and serves until the
// context ends. Its errors are sentences for whoever sits there.
func Run(ctx context.Context, c app.Config, screen io.Writer) (err error) {
	c.Data = cmp.Or(c.Data, Directory)
	if err := check(c); err != nil {
		return err
	}
	listener, err := listen(ctx, c.Addr)
	if err != nil {
		return err
	}
	defer listener.Close() // the server does too; this is for when it never ran
	home, err := claim(c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, home.release()) }()
	notes, err := home.furnish()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(home.path(logFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the log cannot be written: %w", err)
	}
	defer log.Close()
	lines := telemetry.NewLines(log)
	defer lines.Close()

	// Only now do the files stand that the directory's defaults are made from.
	c = c.WithDefaults()
	if err := c.Validate(true); err != nil {
		return err
	}
	c = local(c, "http://"+listener.Addr().String())
	a, err := app.Open(ctx, c, "dev", c.Logger(lines))
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, a.Close(closing))
	}()
	t := &tour{app: a, home: home, screen: screen, url: "http://" + listener.Addr().String(), notes: notes}
	if err := t.settle(ctx); err != nil {
		return err
	}
	return serve(ctx, a, listener, t)
}

// local lets the service of one machine talk to that machine: OAuth servers and databases
// on loopback, and pages on it that browsers are sent to. What is set stays.
func local(c app.Config, url string) app.Config {
	c.PublicURL = cmp.Or(c.PublicURL, url)
	if len(c.AllowRedirects) == 0 {
		c.AllowRedirects = []string{url}
	}
	c.AllowAddresses = append(c.AllowAddresses, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	return c
}

// check refuses what dev makes by itself: it would silently not be used, or be changed.
func check(c app.Config) error {
	for _, set := range []struct {
		flag string
		is   bool
	}{
		{"--database-url (STRONGROOM_DATABASE_URL)", c.DatabaseURL != ""},
		{"--root-key (STRONGROOM_ROOT_KEY)", c.RootKey != ""},
		{"--issuer (STRONGROOM_ISSUER)", len(c.Issuers) > 0},
		{"--tls-cert (STRONGROOM_TLS_CERT)", c.TLSCert != "" || c.TLSKey != ""},
	} {
		if set.is {
			return fmt.Errorf("strongroom dev makes its own database, keys and tokens in its directory: leave out %s, or use strongroom serve", set.flag)
		}
	}
	return nil
}

// listen opens an address of this machine.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	errBeyond := fmt.Errorf("strongroom dev serves on this machine only: name a loopback address as 127.0.0.1:8080, or use strongroom serve for others")
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errors.New("--addr is written as HOST:PORT: 127.0.0.1:8080, say")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errBeyond
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (%w): stop what does, or name another address with --addr 127.0.0.1:8081", addr, cause(err))
	}
	// localhost may have been given any meaning.
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return nil, errors.Join(errBeyond, listener.Close())
	}
	return listener, nil
}

// cause returns what the system said, without net's repetition of the address.
func cause(err error) error {
	if system := (*os.SyscallError)(nil); errors.As(err, &system) {
		return system.Err
	}
	return err
}

// serve shows the tour against the server as it runs, and goes on serving.
func serve(ctx context.Context, a *app.App, listener net.Listener, t *tour) error {
	live, end := context.WithCancel(ctx)
	defer end()
	served := make(chan error, 1)
	go func() {
		// Nobody would answer the tour's calls any more.
		defer end()
		served <- a.Serve(live, listener)
	}()
	if err := t.show(live); err != nil && live.Err() == nil {
		end()
		return errors.Join(err, <-served)
	}
	err := <-served
	if err == nil {
		t.say("\nStopped. Everything is kept in %s.\n", t.home.dir)
	}
	return err
}
