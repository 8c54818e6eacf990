package structure_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	maxFile     = 500
	maxFunction = 80
)

// source calls f for every Go file of the module.
func source(t *testing.T, f func(path string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		f(filepath.ToSlash(name), fset, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoFileIsTooLong(t *testing.T) {
	source(t, func(path string, fset *token.FileSet, file *ast.File) {
		if n := fset.File(file.Pos()).LineCount(); n > maxFile {
			t.Errorf("%s has %d lines; %d are the most", path, n, maxFile)
		}
	})
}

// TestNoFunctionIsTooLong: a longer one says why in its comment, with the word "long".
func TestNoFunctionIsTooLong(t *testing.T) {
	source(t, func(path string, fset *token.FileSet, file *ast.File) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1
			if n > maxFunction && !strings.Contains(f.Doc.Text(), "long") {
				t.Errorf("%s: %s has %d lines; %d are the most", path, f.Name.Name, n, maxFunction)
			}
		}
	})
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for path, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue
		}
		if _, err := os.Stat(filepath.Join(p.Dir, "doc.go")); err != nil {
			t.Errorf("%s has no doc.go", path)
		}
	}
}

// revealers are the files that may call secret.Value.Reveal, each with its reason.
var revealers = map[string]string{
	"secret/value.go":                    "the type itself",
	"internal/httpapi/open.go":           "the one door",
	"internal/httpapi/keys.go":           "a new API key, shown once",
	"internal/custody/change.go":         "the data is checked against its schema",
	"internal/custody/open.go":           "the refresh token is taken out",
	"internal/oauth/merge.go":            "new tokens are merged into the old data",
	"internal/oauth/client.go":           "the access token is taken out, to ask whose it is",
	"internal/oauth/endpoint/request.go": "client secrets and access tokens go to the provider",
	"internal/oauth/endpoint/idtoken.go": "an ID token's signature is verified",
	"internal/probe/sftp.go":             "lengths are bounded",
	"internal/probe/sftp_data.go":        "a stored credential is read to be tested",
	"internal/probe/ssh_auth.go":         "the password goes to the server",
	"internal/probe/web/data.go":         "a stored credential is read to be tested",
	"internal/probe/web/request.go":      "keys, tokens and passwords go to the server",
	"internal/probe/web/details.go":      "what a server says is held against what it was sent",
	"internal/sshkey/private.go":         "the private key is opened",
	"internal/probe/postgres_rewrite.go": "a connection string is given its new password",
	"internal/rotate/far/document.go":    "a credential's data is given its new secret",
	"internal/rotate/far/password.go":    "the verifier is made of the new password",
	"client/request.go":                  "the API key goes to the service",
	"internal/rotate/begin.go":           "the method follows from the data",
	"internal/rotate/remember.go":        "the new secret is sealed, and taken out again",
	"internal/foresight/foresight.go":    "dates are read out of the data",
	"internal/health/connection.go":      "the data is checked against its schema",
	"internal/probe/aws/data.go":         "a stored credential is read to be tested",
	"internal/probe/azure/data.go":       "a stored credential is read to be tested",
	"internal/probe/azure/operation.go":  "the token goes to the storage account",
	"internal/probe/entra/token.go":      "the client secret goes to Microsoft Entra",
	"internal/app/connections.go":        "the variables of a provider's addresses are read",
	"internal/probe/postgres.go":         "a stored credential is read to be tested",
	"internal/probe/postgres_target.go":  "the connection string is read, and the password goes to the server",
	"internal/refresh/prepare.go":        "the refresh token is taken out of the data",
	"internal/connect/authorize.go":      "the verifier is sealed and its challenge made",
	"internal/connect/callback.go":       "the code and the browser's key are compared by their hashes",
	"internal/connect/clients.go":        "a client's secret is checked before it is sealed",
	"internal/connect/complete.go":       "what a flow remembers is read, and old data merged",
	"internal/httpapi/oauth.go":          "the browser's key is set as a cookie",
	"internal/seal/seal.go":              "encryption",
	"internal/seal/local.go":             "the root key becomes a cipher",
	"internal/seal/keeper.go":            "the root key's text is parsed",
	"internal/identity/issuer.go":        "HS256 verification",
	"internal/identity/mint.go":          "HS256 signature of development tokens",
	"cmd/strongroom/account.go":          "a new API key, shown once",
	"cmd/strongroom/keys.go":             "a new root key, handed to the operator",
	"cmd/strongroom/token.go":            "a development token, printed",
	"internal/dev/home.go":               "the directory's root key and JWT secret are written",
	"internal/dev/residents.go":          "the directory's tokens and key are written to dev.json",
}

func TestSecretsAreRevealedInFewPlaces(t *testing.T) {
	found := map[string]bool{}
	source(t, func(path string, _ *token.FileSet, file *ast.File) {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "test/") || strings.Contains(path, "test/") || strings.HasPrefix(path, "examples/") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Reveal" {
				found[path] = true
			}
			return true
		})
	})
	for path := range found {
		if _, ok := revealers[path]; !ok {
			t.Errorf("%s calls Reveal; may it? Then write it down in this test, with the reason", path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(revealers)) {
		if !found[path] && path != "secret/value.go" {
			t.Errorf("%s no longer calls Reveal: take it out of the table", path)
		}
	}
}

// TestPolicyKnowsNoClock: the time is a parameter of every decision.
func TestPolicyKnowsNoClock(t *testing.T) {
	source(t, func(path string, fset *token.FileSet, file *ast.File) {
		if !strings.HasPrefix(path, "internal/policy/") || strings.HasSuffix(path, "_test.go") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Tick"}, s.Sel.Name) {
				t.Errorf("%s: time.%s", fset.Position(s.Pos()), s.Sel.Name)
			}
			return true
		})
	})
}

// TestNothingIsSkippedAndNothingSleeps: a missing part fails, and tests wait on signals.
func TestNothingIsSkippedAndNothingSleeps(t *testing.T) {
	source(t, func(path string, fset *token.FileSet, file *ast.File) {
		if !strings.HasSuffix(path, "_test.go") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := s.X.(*ast.Ident)
			if ok && (x.Name == "time" && s.Sel.Name == "Sleep" || slices.Contains([]string{"t", "b", "tb", "f"}, x.Name) && strings.HasPrefix(s.Sel.Name, "Skip")) {
				t.Errorf("%s: %s.%s", fset.Position(s.Pos()), x.Name, s.Sel.Name)
			}
			return true
		})
	})
}

// TestOnlyOneTableSetsErrorStatuses: no handler writes an error's status by itself.
func TestOnlyOneTableSetsErrorStatuses(t *testing.T) {
	source(t, func(path string, fset *token.FileSet, file *ast.File) {
		if !strings.HasPrefix(path, "internal/httpapi/") || strings.HasSuffix(path, "_test.go") {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok || len(c.Args) == 0 {
				return true
			}
			s, ok := c.Fun.(*ast.SelectorExpr)
			if !ok || s.Sel.Name != "Error" && s.Sel.Name != "NotFound" {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "http" {
				t.Errorf("%s: http.%s writes an error past the table", fset.Position(s.Pos()), s.Sel.Name)
			}
			return true
		})
	})
}
