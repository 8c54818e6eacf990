package structure_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// module is the path of ours that every package of ours begins with.
const module = "strongroom"

// pkg is what the tests need of go list's answer.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func packages(t *testing.T) map[string]pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

// ours tells whether an import is a package of this module.
func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// reach returns everything that a package imports, through packages of ours.
func reach(all map[string]pkg, from string) map[string]bool {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(path string) {
		for _, i := range all[path].Imports {
			if seen[i] {
				continue
			}
			seen[i] = true
			if ours(i) {
				visit(i)
			}
		}
	}
	visit(from)
	return seen
}

// bans lists what each room must not import, directly or through others of ours.
var bans = map[string][]string{
	"":                         {"internal/", "api", "client", "net/http", "database/sql"},
	"secret":                   {"strongroom"},
	"api":                      {"strongroom"},
	"internal/policy":          {"internal/store", "net/http", "database/sql"},
	"internal/identity":        {"internal/store/sqlite", "internal/store/postgres", "internal/seal", "internal/custody"},
	"internal/custody":         {"net/http", "database/sql", "internal/store/sqlite", "internal/store/postgres", "internal/httpapi"},
	"internal/accounts":        {"net/http:direct", "database/sql", "internal/store/sqlite", "internal/store/postgres", "internal/httpapi", "internal/seal"},
	"internal/seal":            {"internal/store", "internal/custody", "net/http"},
	"internal/seal/keyservice": {"internal/store", "internal/custody", "internal/app"},
	"internal/seal/sealtest":   {"internal/store", "internal/custody"},
	"internal/audit":           {"secret:direct", "internal/seal", "internal/custody"},
	"internal/store":           {"secret:direct", "internal/seal", "internal/store/sqlite", "internal/store/postgres"},
	"internal/store/storetest": {"secret:direct", "internal/seal", "internal/store/sqlite", "internal/store/postgres"},
	"internal/store/sqlite":    {"secret:direct", "internal/seal", "internal/store/postgres", "database/sql"},
	"internal/store/postgres":  {"secret:direct", "internal/seal", "internal/store/sqlite"},
	"internal/store/stored":    {"internal/seal", "internal/store/sqlite", "internal/store/postgres"},
	"internal/backup":          {"secret:direct", "database/sql", "net/http", "internal/store/sqlite", "internal/store/postgres", "internal/custody", "internal/httpapi"},
	"internal/catalog":         {"internal/store", "net/http"},
	"internal/httpapi":         {"internal/store:direct", "internal/seal:direct", "internal/store/sqlite", "internal/oauth"},
	"internal/oauth":           {"net/http", "internal/store", "internal/custody", "database/sql"},
	"internal/oauth/endpoint":  {"internal/store", "internal/custody", "internal/refresh", "internal/connect"},
	"internal/oauth/gate":      {"internal/store", "internal/custody", "secret:direct", "net/http"},
	"internal/outbound":        {"internal/store", "internal/custody", "secret"},
	"internal/refresh":         {"internal/httpapi", "internal/custody", "internal/store/sqlite", "internal/store/postgres", "net/http:direct"},
	"internal/connect":         {"internal/httpapi", "internal/store/sqlite", "internal/store/postgres", "net/http:direct"},
	"internal/probe":           {"internal/store", "internal/custody", "database/sql", "net/http:direct"},
	"internal/probe/aws":       {"internal/store", "internal/custody", "database/sql"},
	"internal/probe/azure":     {"internal/store", "internal/custody", "database/sql"},
	"internal/probe/web":       {"internal/store", "internal/custody", "database/sql"},
	"internal/foresight":       {"internal/store", "internal/custody", "net/http"},
	"internal/health":          {"internal/httpapi", "internal/store/sqlite", "internal/store/postgres", "net/http:direct"},
	"internal/rekey":           {"secret:direct", "internal/httpapi", "internal/custody", "internal/store/sqlite", "internal/store/postgres", "net/http:direct", "database/sql"},
	"internal/rotate":          {"internal/httpapi", "internal/store/sqlite", "internal/store/postgres", "net/http:direct"},
	"internal/rotate/far":      {"internal/store", "internal/custody", "net/http:direct"},
	"internal/sshkey":          {"internal/", "strongroom"},
	"client":                   {"internal/", "strongroom"},
	"internal/schedule":        {"internal/httpapi", "internal/store/sqlite", "internal/store/postgres"},
	"internal/telemetry":       {"internal/store", "internal/seal", "internal/custody", "secret:direct"},
}

func TestNoRoomImportsWhatItMustNot(t *testing.T) {
	all := packages(t)
	for room, banned := range bans {
		path := strings.TrimSuffix(module+"/"+room, "/")
		p, ok := all[path]
		if !ok {
			t.Errorf("%s is in the table of bans and not in the code", path)
			continue
		}
		everything := reach(all, path)
		for _, ban := range banned {
			name, direct := strings.CutSuffix(ban, ":direct")
			for _, full := range []string{name, module + "/" + name} {
				hit := everything[full]
				if direct {
					hit = slices.Contains(p.Imports, full)
				}
				if strings.HasSuffix(name, "/") {
					hit = slices.ContainsFunc(p.Imports, func(i string) bool { return strings.HasPrefix(i, full) })
				}
				if hit {
					t.Errorf("%s imports %s, which it must not", path, full)
				}
			}
		}
	}
}

// TestTheRootImportsSecretAlone: of ours; and of others only the type of an id.
func TestTheRootImportsSecretAlone(t *testing.T) {
	for _, i := range packages(t)[module].Imports {
		if ours(i) && i != module+"/secret" || strings.Contains(i, ".") && i != "github.com/google/uuid" {
			t.Errorf("the root package imports %s", i)
		}
	}
}

func TestOnlyCommandsAndHarnessesImportTheApp(t *testing.T) {
	for path, p := range packages(t) {
		if slices.Contains(p.Imports, module+"/internal/app") && !isHarness(path) {
			t.Errorf("%s imports internal/app; only cmd and test harnesses may", path)
		}
	}
}

func isHarness(path string) bool {
	for _, prefix := range []string{"/cmd/", "/test/", "/internal/app/apptest", "/internal/dev"} {
		if strings.HasPrefix(path, module+prefix) {
			return true
		}
	}
	return false
}
