package main

import (
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"strongroom/internal/app"
)

// sources completes the configuration with what the command line does not say: from the
// environment, else from the configuration file. kong by itself would let a file go
// before the environment.
type sources struct {
	getenv func(string) string
	file   *configFile
	// settings are the configuration's flags.
	settings []*kong.Flag
	// origins has where the value of a setting was found, by flag, for what is said
	// about it.
	origins map[string]string
}

var _ kong.Resolver = (*sources)(nil)

// adopt takes the environment out of kong's hands, leaves variables to the root's flags
// alone, and has every value judged by judge.
func (s *sources) adopt(root *kong.Node) {
	for _, f := range root.Flags {
		// kong reads the variables in Tag.Envs by itself, before any file.
		f.Tag.Envs = nil
		if f.Name != helpName && f.Name != configName {
			s.settings = append(s.settings, f)
		}
	}
	s.adoptValues(root)
	for _, child := range root.Children {
		s.adoptCommand(child)
	}
}

func (s *sources) adoptCommand(n *kong.Node) {
	for _, f := range n.Flags {
		f.Envs, f.Tag.Envs = nil, nil
	}
	s.adoptValues(n)
	for _, child := range n.Children {
		s.adoptCommand(child)
	}
}

func (s *sources) adoptValues(n *kong.Node) {
	for _, v := range n.Values() {
		if !v.IsBool() {
			v.Mapper = judge{Mapper: v.Mapper, origins: s.origins}
		}
	}
}

// open reads the configuration file, if one is named.
func (s *sources) open(ctx *kong.Context) error {
	var path string
	for _, f := range ctx.Model.Flags {
		if f.Name != configName {
			continue
		}
		path, _ = ctx.FlagValue(f).(string)
		if path == "" {
			path = s.environment(f)
		}
	}
	if path == "" {
		return nil
	}
	file, err := readConfigFile(path, fileKeys(s.settings))
	s.file = file
	return err
}

// environment returns what the first of the flag's variables that is not empty holds.
func (s *sources) environment(f *kong.Flag) string {
	for _, name := range f.Envs {
		if value := s.getenv(name); value != "" {
			s.origins[f.Name] = name
			return value
		}
	}
	return ""
}

// Validate implements kong.Resolver: the file was checked when it was read.
func (s *sources) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (s *sources) Resolve(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	if value := s.environment(f); value != "" {
		return value, nil
	}
	// A command may have a flag of its own with a setting's name.
	if s.file == nil || !slices.Contains(s.settings, f) {
		return nil, nil
	}
	found, ok := s.file.settings[fileKey(f)]
	if !ok {
		return nil, nil
	}
	s.origins[f.Name] = s.file.at(found.line) + " " + fileKey(f)
	return found.value, nil
}

// fileKey is a setting's name in the configuration file.
func fileKey(f *kong.Flag) string { return strings.ReplaceAll(f.Name, "-", "_") }

// fileKeys says which keys the file may have, and how each is written.
func fileKeys(settings []*kong.Flag) map[string]keyForm {
	keys := make(map[string]keyForm, len(settings))
	for _, f := range settings {
		switch {
		case f.Target.Type() == reflect.TypeFor[app.Issuers]():
			keys[fileKey(f)] = formIssuers
		case f.IsSlice():
			keys[fileKey(f)] = formList
		default:
			keys[fileKey(f)] = formScalar
		}
	}
	return keys
}
