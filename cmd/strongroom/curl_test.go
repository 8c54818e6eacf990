package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// curl stands for the program of that name in scripts, as far as the lines that
// strongroom dev prints need it: -sS, -i (the status line alone), -X, -H, -d and a URL.
func curl(args []string, stdout, stderr io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintln(stderr, "curl:", err)
		return 2
	}
	method, url, body, status := "", "", "", false
	header := http.Header{}
	for i := 0; i < len(args); i++ {
		value := func() string { i++; return args[i] }
		switch args[i] {
		case "-sS":
		case "-i":
			status = true
		case "-X":
			method = value()
		case "-H":
			name, text, _ := strings.Cut(value(), ":")
			header.Add(name, strings.TrimSpace(text))
		case "-d":
			body = value()
		default:
			url = args[i]
		}
	}
	if method == "" {
		method = http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
	}
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return fail(err)
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fail(err)
	}
	defer response.Body.Close()
	if status {
		fmt.Fprintln(stdout, response.Proto, response.Status)
	}
	if _, err := io.Copy(stdout, response.Body); err != nil {
		return fail(err)
	}
	return 0
}
