package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestItSaysWhereItListensAndEndsWithItsInput(t *testing.T) {
	stdin, input := io.Pipe()
	output, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(t.Context(), []string{"-redirect-uri", redirectURI}, stdin, stdout) }()
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var where struct{ URL, Control string }
	if err := json.Unmarshal(line, &where); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{where.URL + openIDConfigurationPath, where.Control + "/stats"} {
		r, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := send(r); err != nil || got.status != http.StatusOK {
			t.Errorf("%s answers %d, %v", url, got.status, err)
		}
	}
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestAWrongFlagEndsIt(t *testing.T) {
	for name, args := range map[string][]string{
		"ErrUnknownFlag":        {"-unknown"},
		"ErrForeignRedirectURI": {"-redirect-uri", "https://example.com/"},
	} {
		t.Run(name, func(t *testing.T) {
			// If it runs after all, it ends at once.
			if err := run(t.Context(), args, strings.NewReader(""), io.Discard); err == nil {
				t.Error("it ran")
			}
		})
	}
}
