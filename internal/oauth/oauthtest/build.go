package oauthtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// module is the first line of the root module's go.mod.
const module = "module strongroom\n"

// program is the built server; it is built once per test binary.
var program = sync.OnceValues(build)

// built is a program in a directory of its own.
type built struct {
	path string
	// keeper removes the directory when it is closed, which the end of the process does.
	keeper io.Closer
}

func build() (built, error) {
	root, err := repository()
	if err != nil {
		return built{}, err
	}
	source := filepath.Join(root, "test", "oauthserver")
	// go test keeps the result of tests until a file changes that they have looked at, and
	// does not see what the compiler looks at.
	if _, err := os.ReadDir(source); err != nil {
		return built{}, err
	}
	dir, err := os.MkdirTemp("", "strongroom-oauthserver-")
	if err != nil {
		return built{}, err
	}
	keeper, err := removeAtExit(dir)
	if err != nil {
		return built{}, errors.Join(err, os.RemoveAll(dir))
	}
	p := built{filepath.Join(dir, "oauthserver"), keeper}
	command := exec.Command("go", "build", "-o", p.path, ".")
	command.Dir = source
	// Without cgo one build is as good for tests with the race detector as for those without.
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := command.CombinedOutput(); err != nil {
		return p, fmt.Errorf("the OAuth server that this test needs does not build; run `go mod download && go build -o /dev/null .` in test/oauthserver and mend what it says: %w\n%s", err, output)
	}
	return p, nil
}

// repository returns the directory of the root module, above the working directory.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(content, []byte(module)) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("test/oauthserver was not found; run the tests from within the repository")
		}
		dir = parent
	}
}

// removeAtExit has a shell remove the directory when what it returns is closed, or when
// this process ends in whatever way: a test binary has no hook of its own for that. The
// shell reads from a pipe that nobody writes to, and leaves Ctrl-C to the tests.
func removeAtExit(dir string) (io.Closer, error) {
	command := exec.Command("sh", "-c", `trap "" INT; read -r _; rm -rf -- "$1"`, "sh", dir)
	pipe, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	return pipe, command.Start()
}
