package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigurationReferenceIsUpToDate(t *testing.T) {
	committed, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	status := run(context.Background(), []string{"config-reference"}, system{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" },
	})
	if status != statusDone || stderr.Len() > 0 {
		t.Fatalf("config-reference ended with %d: %s", status, &stderr)
	}
	if !bytes.Equal(committed, stdout.Bytes()) {
		t.Error("docs/configuration.md is out of date: run `go run ./cmd/strongroom config-reference > docs/configuration.md`")
	}
}

func TestTheReferencesExampleIsOneThatIsAccepted(t *testing.T) {
	_, example, found := strings.Cut(referenceTail, "```yaml\n")
	example, _, closed := strings.Cut(example, "```")
	if !found || !closed {
		t.Fatal("the reference has no example of the file")
	}
	path := filepath.Join(t.TempDir(), "strongroom.yaml")
	if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	status := run(context.Background(), []string{"config-reference", "--config", path}, system{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" },
	})
	if status != statusDone {
		t.Errorf("ended with %d: %s", status, &stderr)
	}
}

func TestEveryCommandsHelpHasAnExample(t *testing.T) {
	sys := system{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, getenv: func(string) string { return "" }}
	parser, err := newParser(sys)
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, p := range completionPlaces(parser.Model.Node) {
		var stdout, stderr bytes.Buffer
		sys.stdout, sys.stderr = &stdout, &stderr
		status := run(context.Background(), append(strings.Fields(p.path), "--help"), sys)
		if status != statusDone || stderr.Len() > 0 || !strings.Contains(stdout.String(), "Example:\n\n    ") {
			t.Errorf("strongroom %s --help ended with %d and shows no example:\n%s%s", p.path, status, &stdout, &stderr)
		}
		commands++
	}
	if commands < 20 {
		t.Errorf("only %d commands were looked at", commands)
	}
}
