package structure_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// dialers are the files that may connect past internal/outbound, each with its reason.
var dialers = map[string]string{
	"internal/dev/call.go":          "strongroom dev asks the server it has just started",
	"internal/telemetry/tracing.go": "the exporter is given a guarded client",

	"internal/seal/keyservice/gcpkms.go": "Google's library asks the instance's metadata service, at an address that no user names",
}

// connects lists, for each package, the names that connect or look names up.
var connects = map[string][]string{
	"net": {
		"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer", "Resolver", "DefaultResolver",
		"ResolveTCPAddr", "ResolveUDPAddr", "ResolveIPAddr",
	},
	"net/http":   {"Get", "Head", "Post", "PostForm", "DefaultClient", "DefaultTransport"},
	"net/rpc":    {"Dial", "DialHTTP", "DialHTTPPath"},
	"net/smtp":   {"Dial", "SendMail"},
	"crypto/tls": {"Dial", "DialWithDialer", "Dialer"},

	"golang.org/x/crypto/ssh":                                         {"Dial"},
	"golang.org/x/oauth2/google":                                      {"FindDefaultCredentials"},
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp": {"New"},
}

// lookups are the functions of net, and the methods of its Resolver.
var lookups = []string{
	"LookupAddr", "LookupCNAME", "LookupHost", "LookupIP", "LookupIPAddr", "LookupMX", "LookupNetIP", "LookupNS", "LookupSRV", "LookupTXT",
}

// makes are the types that connect when one is made. A pointer to one may be received,
// since somebody made it.
var makes = []string{"Client", "Transport"}

// TestConnectionsAreMadeThroughTheGuard: a host that a user names must not lead into the
// network that the service stands in.
func TestConnectionsAreMadeThroughTheGuard(t *testing.T) {
	found := map[string]bool{}
	source(t, func(name string, fset *token.FileSet, file *ast.File) {
		// Harnesses ask the servers that they start; clients of the service are not the service.
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "test/") || strings.HasPrefix(name, "internal/outbound/") ||
			strings.HasPrefix(name, "client/") || strings.HasPrefix(name, "examples/") {
			return
		}
		for _, at := range connections(t, name, file) {
			found[name] = true
			if _, ok := dialers[name]; !ok {
				t.Errorf("%s: connect through internal/outbound; if it must not, write it down in this test, with the reason", fset.Position(at))
			}
		}
	})
	for name := range dialers {
		if !found[name] {
			t.Errorf("%s no longer connects by itself: take it out of the table", name)
		}
	}
}

// connections returns where a file connects, looks a name up, or makes what does.
func connections(t *testing.T, name string, file *ast.File) (found []token.Pos) {
	t.Helper()
	imports := importNames(t, name, file)
	received := map[ast.Expr]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if star, ok := n.(*ast.StarExpr); ok {
			received[star.X] = true
		}
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		from := ""
		if x, ok := s.X.(*ast.Ident); ok {
			from = imports[x.Name]
		}
		if slices.Contains(connects[from], s.Sel.Name) || slices.Contains(lookups, s.Sel.Name) ||
			from == "net/http" && slices.Contains(makes, s.Sel.Name) && !received[s] {
			found = append(found, s.Pos())
		}
		return true
	})
	return found
}

// importNames returns the file's imports by the name that they go by in it.
func importNames(t *testing.T, name string, file *ast.File) map[string]string {
	t.Helper()
	names := map[string]string{}
	for _, i := range file.Imports {
		full, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		local := path.Base(full)
		if i.Name != nil {
			local = i.Name.Name
		}
		if _, watched := connects[full]; watched && local == "." {
			t.Errorf("%s imports %s without a name, so that nobody sees what it calls", name, full)
		}
		names[local] = full
	}
	return names
}

func TestConnectionsAreSeen(t *testing.T) {
	for code, want := range map[string]int{
		`import "net"; var _, _ = net.Dial("tcp", "a:1")`:                       1,
		`import n "net"; var d = n.Dialer{}`:                                    1,
		`import "net"; var d = &net.Dialer{}`:                                   1,
		`import "net"; var _, _ = net.LookupHost("a")`:                          1,
		`import "net"; func f(r *net.Resolver) { r.LookupIPAddr(nil, "a") }`:    2,
		`import "net/http"; var _, _ = http.Get("a")`:                           1,
		`import "net/http"; var c = &http.Client{}`:                             1,
		`import "net/http"; var c = new(http.Client)`:                           1,
		`import "net/http"; var c http.Client`:                                  1,
		`import "net/http"; var c = http.DefaultClient`:                         1,
		`import "net/http"; var t = &http.Transport{}`:                          1,
		`import "crypto/tls"; var _, _ = tls.Dial("tcp", "a:1", nil)`:           1,
		`import "golang.org/x/crypto/ssh"; var _, _ = ssh.Dial("tcp", "", nil)`: 1,

		`import "net/http"; func f(c *http.Client) { c.Get("a") }`:     0,
		`import "net/http"; type s struct { client *http.Client }`:     0,
		`import "net"; var _, _ = net.Listen("tcp", "a:1")`:            0,
		`import "other/http"; var c = http.Client{}`:                   0,
		`import "strongroom/internal/outbound"; var d outbound.Dialer`: 0,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+code, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(connections(t, "x.go", file)); got != want {
			t.Errorf("%s: %d connections, want %d", code, got, want)
		}
	}
}
