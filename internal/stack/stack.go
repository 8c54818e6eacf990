package stack

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// depth bounds how many calls are named.
const depth = 64

// Here returns the calls that led to its caller, the innermost first, one a line as
// "function file.go:line". In a deferred function that recovers, that is where the panic
// came from.
func Here() string {
	callers := make([]uintptr, depth)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	var out strings.Builder
	for {
		f, more := frames.Next()
		if f.Function != "" {
			fmt.Fprintf(&out, "%s %s:%d\n", f.Function, filepath.Base(f.File), f.Line)
		}
		if !more {
			return out.String()
		}
	}
}
