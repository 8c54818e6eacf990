package probe_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"strongroom/internal/probe"
)

// pgAmbient are settings that libpq and the driver take from their surroundings.
func pgAmbient(home string) []string {
	return []string{
		"HOME=" + home, "PGHOST=/nowhere", "PGPORT=1", "PGDATABASE=ambient", "PGUSER=ambient", "PGPASSWORD=ambient",
		"PGPASSFILE=" + filepath.Join(home, ".pgpass"), "PGAPPNAME=ambient", "PGCONNECT_TIMEOUT=x", "PGSSLMODE=verify-full",
		"PGSSLKEY=/nowhere", "PGSSLCERT=/nowhere", "PGSSLCERTMODE=require", "PGSSLSNI=0", "PGSSLROOTCERT=/nowhere",
		"PGSSLPASSWORD=ambient", "PGSSLNEGOTIATION=direct", "PGTARGETSESSIONATTRS=standby", "PGSERVICE=ambient",
		"PGSERVICEFILE=" + filepath.Join(home, ".pg_service.conf"), "PGTZ=Asia/Tokyo", "PGOPTIONS=-c ambient=1",
		"PGMINPROTOCOLVERSION=9", "PGMAXPROTOCOLVERSION=9", "PGCHANNELBINDING=require", "PGREQUIREAUTH=none",
	}
}

// TestPostgreSQLAmbientSettingsHaveNoSay runs the next test in a process that has had them
// from its start, since the driver asks for them there.
func TestPostgreSQLAmbientSettingsHaveNoSay(t *testing.T) {
	home := t.TempDir()
	for name, content := range map[string]string{
		".pgpass": "*:*:*:*:ambient\n", ".pg_service.conf": "[ambient]\nhost=/nowhere\noptions=-c ambient=1\n",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, environment := range map[string][]string{
		"all that there are":         pgAmbient(home),
		"a service without its file": {"HOME=" + home, "PGSERVICE=ambient", "PGSERVICEFILE=/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			c := exec.Command(os.Args[0], "-test.run=^TestPostgreSQLSendsWhatItWasGiven$", "-test.v")
			c.Env = environment
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestPostgreSQLSendsWhatItWasGiven(t *testing.T) {
	for name, c := range map[string]struct {
		target probe.PostgreSQL
		want   map[string]string
	}{
		"fields": {probe.PostgreSQL{Host: "127.0.0.1", Username: "u", Database: "d", SSLMode: "disable"},
			map[string]string{"user": "u", "database": "d", "application_name": "strongroom", "client_encoding": "UTF8"}},
		"no database": {probe.PostgreSQL{Host: "127.0.0.1", Username: "u", SSLMode: "disable"},
			map[string]string{"user": "u", "application_name": "strongroom", "client_encoding": "UTF8"}},
		"a string": {probe.PostgreSQL{ConnectionString: plain("host=127.0.0.1 user=u sslmode=disable application_name=app options='-c a=b'")},
			map[string]string{"user": "u", "application_name": "app", "options": "-c a=b", "client_encoding": "UTF8"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, password := make(chan map[string]string, 1), make(chan string, 1)
			script := pgScript(t, func(conn net.Conn) error {
				b := pgproto3.NewBackend(conn, conn)
				first, err := b.ReceiveStartupMessage()
				if err != nil {
					return err
				}
				start, ok := first.(*pgproto3.StartupMessage)
				if !ok {
					return errScript
				}
				got <- start.Parameters
				b.Send(&pgproto3.AuthenticationCleartextPassword{})
				if err := b.Flush(); err != nil {
					return err
				}
				if err := b.SetAuthType(pgproto3.AuthTypeCleartextPassword); err != nil {
					return err
				}
				message, err := b.Receive()
				if err != nil {
					return err
				}
				password <- message.(*pgproto3.PasswordMessage).Password
				if err := welcome(b); err != nil {
					return err
				}
				return row(b, goodRow...)
			})
			target := c.target
			target.Port = script.Port
			if !target.ConnectionString.Empty() {
				target.ConnectionString = plain(string(target.ConnectionString.Reveal()) + " port=" + script.Port)
			}
			wantPGSuccess(t, target)
			parameters := <-got
			if len(parameters) != len(c.want) {
				t.Errorf("%v, want %v", parameters, c.want)
			}
			for k, v := range c.want {
				if parameters[k] != v {
					t.Errorf("%s is %q, want %q", k, parameters[k], v)
				}
			}
			if p := <-password; p != "" {
				t.Errorf("the password is %q, and none was given", p)
			}
		})
	}
}
