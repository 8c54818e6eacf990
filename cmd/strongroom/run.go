package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"strongroom"
)

// The statuses that the process ends with.
const (
	statusDone   = 0
	statusFailed = 1
	statusUsage  = 2
)

// system is what a run has of the world.
type system struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(name string) string
}

// run does what the arguments ask and returns the process's status.
func run(ctx context.Context, args []string, sys system) int {
	parser, err := newParser(sys)
	if err != nil {
		return report(ctx, sys.stderr, err)
	}
	if len(args) == 0 {
		// The help is what whoever typed the name alone wants to see, but a script that
		// lost its arguments must not take it for success.
		parser.Stdout = sys.stderr
		_, _ = parser.Parse([]string{"--help"})
		return statusUsage
	}
	parsed, err := parser.Parse(args)
	if errors.Is(err, errHelped) {
		return statusDone
	}
	if err != nil {
		return reportParse(ctx, sys.stderr, args, err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return report(ctx, sys.stderr, parsed.Run(sys))
}

// newParser makes the command line out of cli.
func newParser(sys system) (*kong.Kong, error) {
	root := &cli{sources: sources{getenv: sys.getenv, origins: map[string]string{}}}
	parser, err := kong.New(root,
		kong.Name("strongroom"),
		kong.Description("Keeps the credentials that workflows need: people store them, only service accounts fetch them, and every fetch is on record."),
		kong.Writers(sys.stdout, sys.stderr),
		kong.NoDefaultHelp(),
		kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ValueFormatter(describe),
		kong.DefaultEnvars("STRONGROOM"),
	)
	if err != nil {
		return nil, fmt.Errorf("the command line cannot be built: %w", err)
	}
	root.sources.adopt(parser.Model.Node)
	return parser, nil
}

// reportParse says what is wrong with the command line, or with what it was completed
// from: the environment and the configuration file.
func reportParse(ctx context.Context, w io.Writer, args []string, err error) int {
	var parse *kong.ParseError
	usage := errors.As(err, &parse) && parse.ExitCode() != statusFailed
	cause := err
	if whole := sentence(""); errors.As(err, &whole) {
		// kong's prefix names the flag or the command once more.
		cause = whole
	} else if usage {
		cause = errors.New(discreet(err.Error(), args))
	}
	status := report(ctx, w, cause)
	if !usage {
		return status
	}
	at := "strongroom"
	if parse.Context != nil && parse.Context.Selected() != nil {
		at = parse.Context.Selected().FullPath()
	}
	_, _ = fmt.Fprintf(w, "strongroom: see `%s --help`\n", at)
	return statusUsage
}

// plainWord is what an argument may look like to be repeated: a command or flag that was
// mistyped. Anything else may be a secret in the wrong place.
var plainWord = regexp.MustCompile(`^-{0,2}[a-z][a-z-]{0,19}$`)

// discreet takes the arguments that are no plain words out of kong's text.
func discreet(text string, args []string) string {
	for _, a := range args {
		if a != "" && !plainWord.MatchString(a) {
			text = strings.ReplaceAll(text, a, "…")
		}
	}
	return text
}

// report writes each sentence of the error on a line of its own, and returns the status
// that goes with it.
func report(ctx context.Context, w io.Writer, err error) int {
	if err == nil {
		return statusDone
	}
	text := err.Error()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	if known := (*strongroom.Error)(nil); errors.As(err, &known) && len(known.Fields) > 0 {
		text = describeFields(known.Fields)
	}
	for line := range strings.Lines(text) {
		if line = printable(line); line != "" {
			_, _ = fmt.Fprintf(w, "strongroom: %s\n", line)
		}
	}
	return statusFailed
}

// describeFields makes a line of each field that does not fit.
func describeFields(fields []strongroom.FieldError) string {
	lines := make([]string, len(fields))
	for i, f := range fields {
		at := make([]string, 0, len(f.Location))
		for _, part := range f.Location {
			if part != "body" {
				at = append(at, fmt.Sprint(part))
			}
		}
		lines[i] = strings.Join(at, ".") + ": " + f.Message
	}
	return strings.Join(lines, "\n")
}
