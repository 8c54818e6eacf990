package far_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"strongroom"
	"strongroom/internal/probe/sshtest"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// byKey is the data of a credential that signs in with the server's first key.
func byKey(t *testing.T, s *sshtest.Server, more map[string]any) secret.Value {
	t.Helper()
	members := map[string]any{"host": s.Host, "port": s.Port, "username": s.User, "private_key": s.Key}
	maps.Copy(members, more)
	return document(t, members)
}

// pair makes a key and the data that signs in with it.
func pair(t *testing.T, data secret.Value) (public string, next secret.Value) {
	t.Helper()
	private, public, err := far.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if next, err = far.WithKey(data, private); err != nil {
		t.Fatal(err)
	}
	return public, next
}

func publicOf(t *testing.T, data secret.Value) string {
	t.Helper()
	public, err := far.PublicOf(data)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantAlone fails the test where something else is left in the file's folder.
func wantAlone(t *testing.T, file string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(file) {
		t.Errorf("in the folder: %v, %v", entries, err)
	}
}

func wantMode(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != mode {
		t.Errorf("%s has other rights than %v: %v, %v", filepath.Base(path), mode, info.Mode(), err)
	}
}

func TestAKeyIsRotated(t *testing.T) {
	t.Parallel()
	const stranger = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1XOgV1GBYL7EUkTOdScKT/8tL/JOaxneZOxiHlq6PW"
	for name, c := range map[string]struct {
		options sshtest.Options
		// before makes the file; {old} is the present key, {new} the new one.
		before, between, after string
		mode                   os.FileMode
	}{
		"alone in its file": {sshtest.Options{}, "{old}\n", "{old}\n{new} strongroom\n", "{new} strongroom\n", 0o600},
		"among others, with comments and options": {sshtest.Options{},
			"# mine\n" + stranger + " a b\n\n from=\"127.0.0.1\",restrict {old} me\nrestrict,from=\"192.0.2.1\" " + stranger,
			"# mine\n" + stranger + " a b\n\n from=\"127.0.0.1\",restrict {old} me\nrestrict,from=\"192.0.2.1\" " + stranger + "\nfrom=\"127.0.0.1\",restrict {new} strongroom\n",
			"# mine\n" + stranger + " a b\n\nrestrict,from=\"192.0.2.1\" " + stranger + "\nfrom=\"127.0.0.1\",restrict {new} strongroom\n", 0o600},
		"in a file of Windows":           {sshtest.Options{}, "# mine\r\n{old}\r\n", "# mine\r\n{old}\r\n{new} strongroom\r\n", "# mine\r\n{new} strongroom\r\n", 0o600},
		"that is there twice":            {sshtest.Options{}, "{old} a\n{old} b", "{old} a\n{old} b\n{new} strongroom\n", "{new} strongroom\n", 0o600},
		"that was added":                 {sshtest.Options{}, "{old}\n{new}", "{old}\n{new}", "{new}", 0o600},
		"in a file that others may read": {sshtest.Options{}, "{old}\n", "{old}\n{new} strongroom\n", "{new} strongroom\n", 0o644},
		"in a root of its own":           {sshtest.Options{Chroot: true}, "{old}\n", "{old}\n{new} strongroom\n", "{new} strongroom\n", 0o600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.options.HomeKeys = true
			s := sshtest.Start(t, c.options)
			data := byKey(t, s, nil)
			public, next := pair(t, data)
			old := publicOf(t, data)
			fill := strings.NewReplacer("{old}", old, "{new}", public).Replace
			write(t, s.AuthorizedKeys, fill(c.before))
			if err := os.Chmod(s.AuthorizedKeys, c.mode); err != nil {
				t.Fatal(err)
			}
			// Each step is taken twice: the second changes nothing.
			for range 2 {
				r := local().AddKey(t.Context(), data, "", public, "strong\nroom")
				want(t, r, "", "new key is in")
				wantNone(t, r, text(s.Key))
				if got := read(t, s.AuthorizedKeys); got != fill(c.between) {
					t.Fatalf("with both keys:\n%q, want\n%q", got, fill(c.between))
				}
			}
			for _, opens := range []secret.Value{data, next} {
				want(t, local().TestSFTP(t.Context(), opens, ""), "", "signed in")
			}
			for range 2 {
				want(t, local().RemoveKey(t.Context(), next, "", old, public), "", "not in the file")
				if got := read(t, s.AuthorizedKeys); got != fill(c.after) {
					t.Fatalf("with the new key:\n%q, want\n%q", got, fill(c.after))
				}
			}
			want(t, local().TestSFTP(t.Context(), next, ""), "")
			want(t, local().TestSFTP(t.Context(), data, ""), strongroom.CheckAuth)
			wantMode(t, s.AuthorizedKeys, c.mode)
			wantAlone(t, s.AuthorizedKeys)
		})
	}
}

func TestAFileThatIsMissingIsMade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, folder, file string }{
		"with its folder":      {"", ".ssh", ".ssh/authorized_keys"},
		"at a path of its own": {"keys/me", "keys", "keys/me"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sshtest.Start(t, sshtest.Options{HomeKeys: true})
			// The server's own file is another one now, so that the key goes on to open.
			data := byPassword(t, s, c.path)
			if err := os.RemoveAll(filepath.Join(s.Dir, ".ssh")); err != nil {
				t.Fatal(err)
			}
			private, public, err := far.NewKey()
			if err != nil || private.Empty() {
				t.Fatal(err)
			}
			want(t, local().AddKey(t.Context(), data, "", public, ""), "")
			if got := read(t, filepath.Join(s.Dir, c.file)); got != public+"\n" {
				t.Errorf("the file is %q", got)
			}
			wantMode(t, filepath.Join(s.Dir, c.folder), 0o700)
			wantMode(t, filepath.Join(s.Dir, c.file), 0o600)
			wantAlone(t, filepath.Join(s.Dir, c.file))
			want(t, local().RemoveKey(t.Context(), data, "", publicOf(t, byKey(t, s, nil)), public), "")
		})
	}
}

// byPassword is data that signs in by password, so that the file may be anything.
func byPassword(t *testing.T, s *sshtest.Server, path string) secret.Value {
	t.Helper()
	members := map[string]any{"host": s.Host, "port": s.Port, "username": s.User, "password": s.Password}
	if path != "" {
		members["authorized_keys_path"] = path
	}
	return document(t, members)
}

func TestAFileThatIsNotChanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options sshtest.Options
		before  func(t *testing.T, s *sshtest.Server)
		path    string
		code    strongroom.CheckCode
		says    string
	}{
		"as it is a symbolic link": {sshtest.Options{HomeKeys: true}, func(t *testing.T, s *sshtest.Server) {
			must(t, os.Rename(s.AuthorizedKeys, s.AuthorizedKeys+".shared"))
			must(t, os.Symlink(s.AuthorizedKeys+".shared", s.AuthorizedKeys))
		}, "", strongroom.CheckPermission, "symbolic link"},
		"as it is a folder": {sshtest.Options{HomeKeys: true}, nil, ".ssh", strongroom.CheckPermission, "something else than a file"},
		"as it is huge": {sshtest.Options{HomeKeys: true}, func(t *testing.T, s *sshtest.Server) {
			write(t, s.AuthorizedKeys, strings.Repeat("# a comment\n", 100_000))
		}, "", strongroom.CheckPermission, "larger than 1 MiB"},
		"as it would get huge": {sshtest.Options{HomeKeys: true}, func(t *testing.T, s *sshtest.Server) {
			write(t, s.AuthorizedKeys, strings.Repeat("#", 1<<20))
		}, "", strongroom.CheckPermission, "larger than 1 MiB"},
		"as neither it nor its folder may be written": {sshtest.Options{HomeKeys: true}, func(t *testing.T, s *sshtest.Server) {
			must(t, os.Chmod(s.AuthorizedKeys, 0o400))
			must(t, os.Chmod(filepath.Dir(s.AuthorizedKeys), 0o500))
		}, "", strongroom.CheckPermission, "does not let the user write the file"},
		"as it may not be read": {sshtest.Options{HomeKeys: true}, func(t *testing.T, s *sshtest.Server) {
			must(t, os.Chmod(s.AuthorizedKeys, 0o000))
		}, "", strongroom.CheckPermission, "does not let the user read the file"},
		"as its folder may not be entered": {sshtest.Options{HomeKeys: true}, func(t *testing.T, s *sshtest.Server) {
			must(t, os.Chmod(filepath.Dir(s.AuthorizedKeys), 0o000))
		}, "", strongroom.CheckPermission, "does not let the user look at the file"},
		"as it is out of the user's root":   {sshtest.Options{Chroot: true}, nil, "", strongroom.CheckPermission, "does not let the user write the file"},
		"as its folder's folder is missing": {sshtest.Options{HomeKeys: true}, nil, "a/b/c", strongroom.CheckPermission, "does not let the user write the file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sshtest.Start(t, c.options)
			if c.before != nil {
				c.before(t, s)
			}
			before := read(t, s.AuthorizedKeys)
			_, public, err := far.NewKey()
			if err != nil {
				t.Fatal(err)
			}
			r := local().AddKey(t.Context(), byPassword(t, s, c.path), "", public, "")
			want(t, r, c.code, c.says)
			wantNone(t, r, text(s.Password))
			if read(t, s.AuthorizedKeys) != before {
				t.Error("the file was changed")
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFolderThatIsReadOnlyHasItsFileChangedInPlace(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{HomeKeys: true})
	data := byKey(t, s, nil)
	public, next := pair(t, data)
	old := publicOf(t, data)
	write(t, s.AuthorizedKeys, "# mine\n"+old+" me\n# more")
	must(t, os.Chmod(filepath.Dir(s.AuthorizedKeys), 0o500))
	want(t, local().AddKey(t.Context(), data, "", public, ""), "")
	if got := read(t, s.AuthorizedKeys); got != "# mine\n"+old+" me\n# more\n"+public+"\n" {
		t.Errorf("with both keys: %q", got)
	}
	want(t, local().RemoveKey(t.Context(), next, "", old, public), "")
	if got := read(t, s.AuthorizedKeys); got != "# mine\n"+strings.Repeat("#", len(old)+3)+"\n# more\n"+public+"\n" {
		t.Errorf("with the new key: %q", got)
	}
	want(t, local().TestSFTP(t.Context(), next, ""), "")
	want(t, local().TestSFTP(t.Context(), data, ""), strongroom.CheckAuth)
}

func TestAFileOfAnotherOwnerKeepsIt(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("run this test as root: a file of another owner takes one")
	}
	s := sshtest.Start(t, sshtest.Options{HomeKeys: true})
	data := byKey(t, s, nil)
	public, next := pair(t, data)
	must(t, os.Chown(s.AuthorizedKeys, 0, -1))
	must(t, os.Chmod(s.AuthorizedKeys, 0o660))
	want(t, local().AddKey(t.Context(), data, "", public, ""), "")
	want(t, local().TestSFTP(t.Context(), next, ""), "")
	wantMode(t, s.AuthorizedKeys, 0o660)
	wantAlone(t, s.AuthorizedKeys)
	if owner := uid(t, s.AuthorizedKeys); owner != 0 {
		t.Errorf("the file is now of %d", owner)
	}
}

func TestAnOldKeyStaysUntilTheNewOneIsThere(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{HomeKeys: true})
	data := byKey(t, s, nil)
	public, _ := pair(t, data)
	before := read(t, s.AuthorizedKeys)
	old := publicOf(t, data)
	for name, keys := range map[string][2]string{
		"as it was not added":  {old, public},
		"as they are the same": {old, old},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, local().RemoveKey(t.Context(), data, "", keys[0], keys[1]), strongroom.CheckPermission, "the old one is left in it")
			if read(t, s.AuthorizedKeys) != before {
				t.Error("the file was changed")
			}
		})
	}
	for _, keys := range [][2]string{{"canary", public}, {old, "canary"}} {
		r := local().RemoveKey(t.Context(), data, "", keys[0], keys[1])
		want(t, r, strongroom.CheckProtocol, "The public key")
		wantNone(t, r, text("canary"))
	}
}

func TestAServerWithAnotherHostKeyIsNotChanged(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{HomeKeys: true})
	data := byKey(t, s, nil)
	public, _ := pair(t, data)
	known := local().TestSFTP(t.Context(), data, "").Details["known_host"].(string)
	other, err := ssh.ParsePrivateKey([]byte(sshtest.Keygen(t, "ed25519", "")))
	must(t, err)
	changed := strings.Fields(known)[0] + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(other.PublicKey())))
	before := read(t, s.AuthorizedKeys)
	for name, r := range map[string]strongroom.CheckResult{
		"a test":    local().TestSFTP(t.Context(), data, changed),
		"an adding": local().AddKey(t.Context(), data, changed, public, ""),
		"a removal": local().RemoveKey(t.Context(), data, changed, publicOf(t, data), public),
	} {
		t.Run(name, func(t *testing.T) { want(t, r, strongroom.CheckHostKey, "nothing was sent to it") })
	}
	if read(t, s.AuthorizedKeys) != before {
		t.Error("the file was changed")
	}
	want(t, local().AddKey(t.Context(), data, known, public, ""), "")
}
