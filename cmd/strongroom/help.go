package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// The flags that are no settings.
const (
	helpName   = "help"
	configName = "config"
)

// errHelped ends the parsing once help has been printed.
var errHelped = errors.New("help was printed")

// helpFlag prints the help of the command it stands behind.
type helpFlag bool

// IgnoreDefault makes kong look at the flag before anything else.
func (helpFlag) IgnoreDefault() {}

// BeforeReset is kong's hook before any value is looked at, so that help needs none.
func (helpFlag) BeforeReset(ctx *kong.Context) error {
	if err := ctx.PrintUsage(false); err != nil {
		return err
	}
	return errHelped
}

// printHelp shows of the configuration what the command's config tag names: help for
// listing accounts is no place for the server's time-outs.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	var shown []string
	for n := ctx.Selected(); n != nil; n = n.Parent {
		if n.Tag != nil && n.Tag.Has("config") {
			shown = strings.Split(n.Tag.Get("config"), ",")
			break
		}
	}
	for _, f := range ctx.Model.Flags {
		if f.Group != nil && !slices.Contains(shown, f.Group.Key) {
			f.Hidden = true
		}
	}
	return kong.DefaultHelpPrinter(options, ctx)
}

// describe is a value's help, with the default where the placeholder does not show it and
// with variables that do not follow from the flag's name.
func describe(v *kong.Value) string {
	if v.Flag == nil {
		return v.Help
	}
	var notes []string
	if v.HasDefault && v.Default != "" && v.Flag.PlaceHolder != "" {
		notes = append(notes, "default "+v.Default)
	}
	for _, name := range v.Flag.Envs {
		if name != "STRONGROOM_"+strings.ToUpper(fileKey(v.Flag)) {
			notes = append(notes, "also $"+name)
		}
	}
	if len(notes) == 0 {
		return v.Help
	}
	return v.Help + " [" + strings.Join(notes, "; ") + "]"
}

// Help is shown with the list of commands.
func (*cli) Help() string {
	return example("strongroom dev") + `

Every setting is a flag (--root-key), a variable (STRONGROOM_ROOT_KEY) and a key of the file that --config names (root_key); the first of these that has it counts. strongroom serve --help shows all of them.`
}

// example formats lines so that kong leaves them as they are.
func example(lines ...string) string {
	return "Example:\n\n    " + strings.Join(lines, "\n    ")
}
