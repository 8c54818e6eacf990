package browser_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// chromium is the one browser of the test binary: everybody has a context of their own in
// it. Where it could not be started, unavailable says why.
var (
	chromium    context.Context
	unavailable error
)

func TestMain(m *testing.M) {
	browser, stop, err := start()
	defer stop()
	chromium, unavailable = browser, err
	m.Run()
}

// start starts the browser and has it show a page: the first one takes seconds, which are
// no test's.
func start() (ctx context.Context, stop func(), err error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, func() {}, errors.New("these tests need Chromium, which is not installed: run scripts/setup, or `apt-get install chromium`")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU,
		chromedp.NoSandbox, // it does not start as root otherwise, and sees nothing but these tests' pages
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		// Nothing is looked up or called beyond this machine.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
	)
	allocated, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocated)
	stop = func() {
		// Cancel waits until the browser has ended and its directory is gone.
		bounded, done := context.WithTimeout(ctx, 10*time.Second)
		defer done()
		_ = chromedp.Cancel(bounded)
		cancel()
		free()
	}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		return nil, stop, fmt.Errorf("%s does not start; run `%s --headless --no-sandbox --dump-dom about:blank` and mend what it says: %w", path, path, err)
	}
	return ctx, stop, nil
}
