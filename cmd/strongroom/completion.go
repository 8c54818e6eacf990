package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help implements kong.HelpProvider.
func (completionCommand) Help() string {
	return example(`eval "$(strongroom completion bash)"`,
		`strongroom completion zsh > "${fpath[1]}/_strongroom"`,
		"strongroom completion fish > ~/.config/fish/completions/strongroom.fish")
}

// Run prints the script.
func (c *completionCommand) Run(k *kong.Kong, sys system) error {
	places := completionPlaces(k.Model.Node)
	var out strings.Builder
	switch c.Shell {
	case "bash":
		writeBash(&out, places)
	case "zsh":
		writeZsh(&out, places)
	case "fish":
		writeFish(&out, places)
	}
	_, err := io.WriteString(sys.stdout, out.String())
	return err
}

// place is a command that words can follow.
type place struct {
	// path is the command's without the program's name; empty for the program.
	path     string
	commands []word
	flags    []word
}

// word is what can be completed to, with what it means.
type word struct {
	text, help string
	// values are what can follow a flag; nil: anything, or nothing for a switch.
	values []string
	// lone says that nothing follows a flag.
	lone bool
}

// completionPlaces returns every command that is not hidden, parents first.
func completionPlaces(n *kong.Node) []place {
	p := place{}
	if n.Type == kong.CommandNode {
		p.path = n.Path()
	}
	for _, child := range n.Children {
		if !child.Hidden {
			p.commands = append(p.commands, word{text: child.Name, help: firstSentence(child.Help)})
		}
	}
	for _, v := range n.Positional {
		for _, value := range enum(v) {
			p.commands = append(p.commands, word{text: value})
		}
	}
	for _, level := range n.AllFlags(true) {
		for _, f := range level {
			p.flags = append(p.flags, word{text: "--" + f.Name, help: firstSentence(f.Help), values: enum(f.Value), lone: f.IsBool()})
		}
	}
	places := []place{p}
	for _, child := range n.Children {
		if !child.Hidden {
			places = append(places, completionPlaces(child)...)
		}
	}
	return places
}

func enum(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}

// firstSentence shortens a help text to what fits on a line.
func firstSentence(help string) string {
	for _, end := range []string{". ", "; ", ": "} {
		help, _, _ = strings.Cut(help, end)
	}
	return strings.TrimSuffix(help, ".")
}

// texts joins the words with spaces.
func texts(words []word) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.text
	}
	return strings.Join(all, " ")
}

// steps writes the case patterns of all commands: "path word" of each but the program.
func steps(places []place) string {
	var patterns []string
	for _, p := range places[1:] {
		parent, name := "", p.path
		if i := strings.LastIndexByte(p.path, ' '); i >= 0 {
			parent, name = p.path[:i], p.path[i+1:]
		}
		patterns = append(patterns, fmt.Sprintf("%q", parent+" "+name))
	}
	return strings.Join(patterns, "|")
}

// valued writes the case patterns of all flags that a value follows: that value is no
// command, whatever it looks like.
func valued(places []place) string {
	var patterns []string
	for _, p := range places {
		for _, f := range p.flags {
			if !f.lone && !slices.Contains(patterns, f.text) {
				patterns = append(patterns, f.text)
			}
		}
	}
	return strings.Join(patterns, "|")
}

// writeBash writes a function that finds the command the words name, and then offers
// its commands and flags. Where it offers nothing, bash completes file names.
func writeBash(w *strings.Builder, places []place) {
	fmt.Fprintf(w, `# bash completion for strongroom
_strongroom() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$at ${COMP_WORDS[i]}" in
        %s) at="${at:+$at }${COMP_WORDS[i]}" ;;
        *) case "${COMP_WORDS[i]}" in %s) ((i++)) ;; esac ;;
        esac
    done
    case "$at $prev" in
`, steps(places), valued(places))
	for _, p := range places {
		for _, f := range p.flags {
			if f.values != nil {
				fmt.Fprintf(w, "    %q) COMPREPLY=($(compgen -W %q -- \"$cur\")); return ;;\n", p.path+" "+f.text, strings.Join(f.values, " "))
			} else if !f.lone {
				fmt.Fprintf(w, "    %q) COMPREPLY=(); return ;;\n", p.path+" "+f.text)
			}
		}
	}
	w.WriteString("    esac\n    case \"$at\" in\n")
	for _, p := range places {
		fmt.Fprintf(w, "    %q) COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", p.path, strings.TrimSpace(texts(p.commands)+" "+texts(p.flags)))
	}
	w.WriteString("    esac\n}\ncomplete -o default -F _strongroom strongroom\n")
}

// writeZsh writes the same for zsh, with what each word means.
func writeZsh(w *strings.Builder, places []place) {
	fmt.Fprintf(w, `#compdef strongroom
_strongroom() {
    local at= i
    local -a offered
    for ((i = 2; i < CURRENT; i++)); do
        case "$at ${words[i]}" in
        %s) at="${at:+$at }${words[i]}" ;;
        *) case "${words[i]}" in %s) ((i++)) ;; esac ;;
        esac
    done
    case "$at ${words[CURRENT-1]}" in
`, steps(places), valued(places))
	for _, p := range places {
		for _, f := range p.flags {
			if f.values != nil {
				fmt.Fprintf(w, "    %q) compadd -- %s; return ;;\n", p.path+" "+f.text, strings.Join(f.values, " "))
			} else if !f.lone {
				fmt.Fprintf(w, "    %q) _files; return ;;\n", p.path+" "+f.text)
			}
		}
	}
	w.WriteString("    esac\n    case \"$at\" in\n")
	for _, p := range places {
		fmt.Fprintf(w, "    %q) offered=(", p.path)
		for _, c := range append(append([]word{}, p.commands...), p.flags...) {
			fmt.Fprintf(w, "\n        %s", quoteShell(strings.ReplaceAll(c.text, ":", `\:`)+":"+c.help))
		}
		w.WriteString(") ;;\n")
	}
	w.WriteString(`    esac
    _describe command offered
}
if [ "$funcstack[1]" = "_strongroom" ]; then
    _strongroom "$@"
else
    compdef _strongroom strongroom
fi
`)
}

// writeFish writes one line for each word, on the condition that its command is the one
// that has been typed.
func writeFish(w *strings.Builder, places []place) {
	fmt.Fprintf(w, `# fish completion for strongroom
function __strongroom_at
    set -l at ''
    set -l value no
    set -l typed (commandline -opc)
    for word in $typed[2..-1]
        if test $value = yes
            set value no
            continue
        end
        switch "$at $word"
            case %s
                set at (string trim -- "$at $word")
            case '*'
                contains -- $word %s; and set value yes
        end
    end
    test "$at" = "$argv[1]"
end
complete -c strongroom -f
`, strings.ReplaceAll(steps(places), "|", " "), strings.ReplaceAll(valued(places), "|", " "))
	for _, p := range places {
		condition := quoteShell(fmt.Sprintf("__strongroom_at %q", p.path))
		for _, c := range p.commands {
			fmt.Fprintf(w, "complete -c strongroom -n %s -a %s -d %s\n", condition, c.text, quoteShell(c.help))
		}
		for _, f := range p.flags {
			rest := ""
			switch {
			case f.values != nil:
				rest = " -x -a " + quoteShell(strings.Join(f.values, " "))
			case !f.lone:
				rest = " -r -F"
			}
			fmt.Fprintf(w, "complete -c strongroom -n %s -l %s -d %s%s\n", condition, strings.TrimPrefix(f.text, "--"), quoteShell(f.help), rest)
		}
	}
}

// quoteShell writes a word in single quotes, for any of the three shells.
func quoteShell(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "’") + "'"
}
