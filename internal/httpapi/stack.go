package httpapi

import "strings"

// frames keeps the function names and lines of a stack and drops the arguments that the
// runtime prints between parentheses: words of memory, any of which may point at, or be
// part of, a secret.
func frames(stack []byte) string {
	var kept []string
	for line := range strings.Lines(string(stack)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "panic(") || strings.HasPrefix(line, "goroutine ") {
			continue
		}
		if i := strings.LastIndexByte(line, '('); i > 0 && !strings.HasPrefix(line, "\t") {
			line = line[:i]
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "\n")
}
