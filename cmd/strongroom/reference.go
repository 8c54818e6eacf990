package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type configReferenceCommand struct{}

// Run prints the reference.
func (configReferenceCommand) Run(root *cli, sys system) error {
	return writeReference(sys.stdout, root.sources.settings)
}

const referenceHead = `# Configuration

Every setting can be given as a flag, as an environment variable, or as a key of the YAML
file that ` + "`--config FILE`" + ` (` + "`STRONGROOM_CONFIG`" + `) names. Where it is given more than once, the flag
counts before the variable, the variable before the file, the file before the default. An
empty variable counts as none. An unknown key in the file stops the start.

Secrets are never settings: the root key, JWT secrets and the TLS key stand in files of
their own that nobody but their owner may read, and the settings name those files; the
password of a PostgreSQL role may stand in one too (passfile).
Relative paths, in the file too, begin at the directory that strongroom is started in.

Durations are written as ` + "`90s`, `15m` or `720h`" + `. Lists are written with commas in a flag or a
variable, and as YAML lists in the file. This page is made by ` + "`strongroom config-reference`" + `.
`

const referenceTail = `
## The file

` + "```yaml" + `
database_url: sqlite:/var/lib/strongroom/strongroom.db
root_key: file:/etc/strongroom/root.key
addr: 0.0.0.0:8443
tls_cert: /etc/strongroom/tls.crt
tls_key: /etc/strongroom/tls.key
trusted_proxies:
  - 10.0.0.0/8
issuer:
  - issuer: https://login.example.com
    audience: strongroom
  - issuer: https://project.example.com/auth/v1
    audience: authenticated
    secret_file: /etc/strongroom/jwt.secret
    claim_organization: app_metadata.organization_id
    claim_role: app_metadata.role
` + "```" + `

In a variable, issuers are written as for the flag (one issuer), or as JSON with the keys
of the file: one object, or a list of them.
`

// writeReference writes a table for each group of settings, in the order they are
// declared in.
func writeReference(w io.Writer, settings []*kong.Flag) error {
	var out strings.Builder
	out.WriteString(referenceHead)
	group := ""
	for _, f := range settings {
		if f.Group != nil && f.Group.Key != group {
			group = f.Group.Key
			fmt.Fprintf(&out, "\n## %s\n\n| flag | variable | file | default | meaning |\n|---|---|---|---|---|\n", group)
		}
		fallback := "none"
		if f.HasDefault && f.Default != "" {
			fallback = "`" + f.Default + "`"
		}
		variables := make([]string, len(f.Envs))
		for i, name := range f.Envs {
			variables[i] = "`" + name + "`"
		}
		fmt.Fprintf(&out, "| `--%s` | %s | `%s` | %s | %s |\n", f.Name, strings.Join(variables, ", "), fileKey(f), fallback, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	out.WriteString(referenceTail)
	_, err := io.WriteString(w, out.String())
	return err
}
