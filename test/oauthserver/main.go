package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oauthserver:", err)
		os.Exit(1)
	}
}

// run serves until the context or stdin ends, and says on stdout where.
func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	var redirectURIs []string
	flags := flag.NewFlagSet("oauthserver", flag.ContinueOnError)
	flags.Func("redirect-uri", "a loopback `URL` that clients may be redirected to; may be repeated", func(uri string) error {
		redirectURIs = append(redirectURIs, uri)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	public, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, public.Close())
	}
	s, err := newServer("http://" + public.Addr().String())
	if err == nil {
		err = s.clients.allow(redirectURIs)
	}
	if err != nil {
		return errors.Join(err, public.Close(), control.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		stop()
	}()
	where := map[string]string{"url": s.issuer, "control": "http://" + control.Addr().String()}
	if err := json.NewEncoder(stdout).Encode(where); err != nil {
		return errors.Join(err, public.Close(), control.Close())
	}
	return serve(ctx, map[net.Listener]http.Handler{public: s.public(), control: s.control()})
}

// serve answers on each listener until the context ends or one of them fails. Requests
// that are under way are cut off: a held one would never end.
func serve(ctx context.Context, handlers map[net.Listener]http.Handler) error {
	failed := make(chan error, len(handlers))
	for listener, handler := range handlers {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Hour}
		defer server.Close()
		go func() { failed <- server.Serve(listener) }()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}
