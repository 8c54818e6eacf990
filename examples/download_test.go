package examples_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"strongroom/api"
	"strongroom/internal/app/apptest"
	"strongroom/internal/probe/sshtest"
)

// byPassword is a credential for the server.
func byPassword(s *sshtest.Server) map[string]any {
	return map[string]any{"host": s.Host, "port": s.Port, "username": s.User, "password": s.Password, "test_path": s.Folder}
}

// with returns the data with one more member.
func with(data map[string]any, name string, value any) map[string]any {
	data[name] = value
	return data
}

// putFile puts a file of random bytes on the server, larger than one packet.
func putFile(t *testing.T, s *sshtest.Server) (remote, content string) {
	t.Helper()
	b := make([]byte, 1<<20+1)
	_, _ = rand.Read(b)
	if err := os.WriteFile(filepath.Join(s.Dir, "report.bin"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path.Join(s.Folder, "report.bin"), string(b)
}

func wantFile(t *testing.T, r result, content string) {
	t.Helper()
	if r.succeeded(t); r.stdout != content {
		t.Errorf("%d bytes arrived, and not the %d of the file", len(r.stdout), len(content))
	}
}

func TestAWorkerDownloadsAFile(t *testing.T) {
	s := begin(t, nil)
	server := sshtest.Start(t, sshtest.Options{HostKeys: []string{"ed25519", "ecdsa", "rsa"}})
	remote, content := putFile(t, server)
	key := func(private, passphrase string) map[string]any {
		data := map[string]any{"host": server.Host, "port": server.Port, "username": server.User, "private_key_data": private, "host_key": server.HostKeyLine("ed25519")}
		if passphrase != "" {
			data["private_key_passphrase"] = passphrase
		}
		return data
	}
	fingerprint := func(kind string) string { return ssh.FingerprintSHA256(server.HostKeys[kind]) }
	for name, c := range map[string]struct {
		kind    string
		data    map[string]any
		secrets []string
	}{
		"with a password":                      {"user_password", with(byPassword(server), "host_key", server.HostKeyLine("ed25519")), []string{"password"}},
		"with a key":                           {"key_file", key(server.Key, ""), []string{"private_key_data"}},
		"with a key that has a passphrase":     {"key_file", key(server.ProtectedKey, server.Passphrase), []string{"private_key_data", "private_key_passphrase"}},
		"from a server known by another key":   {"user_password", with(byPassword(server), "host_key", server.HostKeyLine("rsa")), []string{"password"}},
		"from a server known by a fingerprint": {"user_password", with(byPassword(server), "host_key", fingerprint("ecdsa")), []string{"password"}},
		"from a server known by one of two": {"user_password",
			with(byPassword(server), "host_key", []string{"SHA256:" + strings.Repeat("A", 43), "files.example.com " + server.HostKeyLine("rsa")}), []string{"password"}},
	} {
		t.Run(name, func(t *testing.T) {
			id := s.store(t, "sftp", c.kind, c.data, c.secrets...)
			wantFile(t, s.run(t, s.key, "download", id, remote), content)
		})
	}
}

func TestAServerThatNobodyKnowsIsSentNothing(t *testing.T) {
	s := begin(t, nil)
	server := sshtest.Start(t, sshtest.Options{})
	remote, _ := putFile(t, server)
	id := s.store(t, "sftp", "user_password", byPassword(server), "password")
	s.run(t, s.key, "download", id, remote).refused(t, "nothing was sent", "store the credential with host_key", "have Strongroom test it")
	if log := server.Stop(); strings.Contains(log, "Connection from") {
		t.Errorf("it was connected to:\n%s", log)
	}
}

func TestAServerThatStrongroomHasTestedIsKnown(t *testing.T) {
	s := begin(t, nil)
	server := sshtest.Start(t, sshtest.Options{HostKeys: []string{"rsa"}})
	remote, content := putFile(t, server)
	id := s.store(t, "sftp", "user_password", byPassword(server), "password")
	var check api.CredentialCheck
	s.Do(apptest.Request{Method: http.MethodPost, Path: credentialsPath + "/" + id + "/test", Key: s.key}).Want(t, http.StatusOK).Into(t, &check)
	if !check.Success {
		t.Fatalf("the test failed: %s", check.Message)
	}
	wantFile(t, s.run(t, s.key, "download", id, remote), content)

	// What is known is known of that server alone.
	elsewhere := byPassword(sshtest.Start(t, sshtest.Options{}))
	s.Do(apptest.Request{Method: http.MethodPatch, Path: credentialsPath + "/" + id, Token: s.user, Body: map[string]any{
		"credential_type": "user_password", "credentials": elsewhere,
	}}).Want(t, http.StatusOK)
	s.run(t, s.key, "download", id, remote).refused(t, "nothing says which host key the server has")
}

func TestAServerWithAnotherHostKeyIsSentNothing(t *testing.T) {
	s := begin(t, nil)
	server, other := sshtest.Start(t, sshtest.Options{}), sshtest.Start(t, sshtest.Options{})
	remote, _ := putFile(t, server)
	id := s.store(t, "sftp", "user_password", with(byPassword(server), "host_key", other.HostKeyLine("ed25519")), "password")
	s.run(t, s.key, "download", id, remote).refused(t,
		"shows the host key "+ssh.FingerprintSHA256(server.HostKeys["ed25519"])+" and not "+ssh.FingerprintSHA256(other.HostKeys["ed25519"]), "nothing was sent to it")
	log := server.Stop()
	if !strings.Contains(log, "Connection from") {
		t.Errorf("it was not asked for its key:\n%s", log)
	}
	for _, sent := range []string{server.User, "password", "publickey", "user"} {
		if strings.Contains(log, sent) {
			t.Errorf("the server was sent something (%s):\n%s", sent, log)
		}
	}
}

func TestADownloadThatFailsSaysWhy(t *testing.T) {
	s := begin(t, nil)
	server := sshtest.Start(t, sshtest.Options{})
	remote, _ := putFile(t, server)
	known := with(byPassword(server), "host_key", server.HostKeyLine("ed25519"))
	good := s.store(t, "sftp", "user_password", known, "password")
	t.Run("where the file is not there", func(t *testing.T) {
		s.run(t, s.key, "download", good, remote+".old").refused(t, "the file cannot be opened", "does not exist")
	})
	t.Run("where the path is a folder", func(t *testing.T) {
		s.run(t, s.key, "download", good, server.Folder).refused(t, "what was written is not the whole file")
	})
	t.Run("where the password is another", func(t *testing.T) {
		id := s.store(t, "sftp", "user_password", with(known, "password", "not-"+server.Password), "password")
		s.run(t, s.key, "download", id, remote).refused(t, "signing in at "+server.Address()+" failed")
	})
	t.Run("where auth_type leaves out what would sign in", func(t *testing.T) {
		for how, wrong := range map[string]map[string]any{
			"password":    {"password": "not-" + server.Password, "private_key_data": server.Key},
			"private_key": {"password": server.Password, "private_key_data": sshtest.Keygen(t, "ed25519", "")},
		} {
			data := map[string]any{"host": server.Host, "port": server.Port, "username": server.User, "auth_type": how, "host_key": server.HostKeyLine("ed25519")}
			maps.Copy(data, wrong)
			id := s.store(t, "sftp", "sftp", data, "password", "private_key_data")
			s.run(t, s.key, "download", id, remote).refused(t, "signing in at "+server.Address()+" failed")
		}
	})
	t.Run("where nobody listens", func(t *testing.T) {
		id := s.store(t, "sftp", "user_password", with(known, "port", 1), "password")
		s.run(t, s.key, "download", id, remote).refused(t, "the server is not reached", "connection refused")
	})
	t.Run("where it is no SFTP credential", func(t *testing.T) {
		id := s.store(t, "api_credential", "api_key", map[string]any{"api_key": "unguessed-4"}, "api_key")
		s.run(t, s.key, "download", id, remote).refused(t, "this is a credential for api_credential, not for sftp")
	})
}
