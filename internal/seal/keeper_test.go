package seal_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
	"strongroom/secret"
)

// root returns the root key of a number, the same each time.
func root(number int) secret.Value {
	return secret.New(bytes.Repeat([]byte{byte(number + 1)}, 32))
}

func TestLocalKeeper(t *testing.T) {
	sealtest.RunKeeper(t, func(t *testing.T, number int) seal.Keeper {
		k, err := seal.NewLocal(root(number))
		if err != nil {
			t.Fatal(err)
		}
		return k
	})
}

func TestFileKeeper(t *testing.T) {
	paths := []string{writeRoot(t, mustGenerate(t)), writeRoot(t, mustGenerate(t))}
	sealtest.RunKeeper(t, func(t *testing.T, number int) seal.Keeper {
		return mustOpen(t, "file:"+paths[number])
	})
}

func TestFaultyKeeperWithoutFaults(t *testing.T) {
	sealtest.RunKeeper(t, func(t *testing.T, number int) seal.Keeper {
		k, err := seal.NewLocal(root(number))
		if err != nil {
			t.Fatal(err)
		}
		return sealtest.NewFaulty(k)
	})
}

func TestNewLocalRefusesRootKeysOfOtherSizes(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33, 64} {
		if _, err := seal.NewLocal(secret.New(make([]byte, size))); err == nil {
			t.Errorf("a root key of %d bytes was accepted", size)
		}
	}
}

func TestLocalOutlivesTheRootKeyItWasMadeOf(t *testing.T) {
	key := root(0)
	k, err := seal.NewLocal(key)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := k.Wrap(t.Context(), []byte("key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	key.Destroy()
	if got, err := k.Unwrap(t.Context(), wrapped, nil); err != nil || string(got) != "key" {
		t.Errorf("another key came back, error %v", err)
	}
}

func writeRoot(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t *testing.T, url string) seal.Keeper {
	t.Helper()
	k, err := seal.OpenKeeper(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func TestOpenKeeperRefuses(t *testing.T) {
	good := mustGenerate(t)
	canary := strings.TrimSpace(string(good))[len(rootPrefix):]
	readable := func(mode fs.FileMode) string {
		path := writeRoot(t, good)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("ROOT_EMPTY", "")
	t.Setenv("ROOT_LONG", strings.Repeat(canary, 100))
	t.Setenv("ROOT_MISTYPED", rootPrefix+canary[1:]+"A")
	for _, c := range []struct{ name, url, says string }{
		{"an empty location", "", "file:PATH"},
		{"an unknown scheme", "ftp://key", `the known ones are "file:PATH", "env:NAME"`},
		{"a scheme in capitals", "FILE:/tmp/key", "unknown kind"},
		{"the key itself as a location", string(good), "the root key itself"},
		{"the key itself as a variable's name", "env:" + string(good), "the root key itself"},
		{"a file location without a path", "file:", "names no path"},
		{"an environment location without a name", "env:", "names no variable"},
		{"a missing file", "file:" + filepath.Join(t.TempDir(), "none"), "strongroom keys generate"},
		{"a missing file by its bare path", filepath.Join(t.TempDir(), "none"), "strongroom keys generate"},
		{"a directory", "file:" + t.TempDir(), "not a regular file"},
		{"a device", "file:/dev/null", "not a regular file"},
		{"a file that the group may read", "file:" + readable(0o640), "chmod 600"},
		{"a file that others may read", "file:" + readable(0o604), "chmod 600"},
		{"a file that the group may write", "file:" + readable(0o620), "chmod 600"},
		{"an empty file", "file:" + writeRoot(t, nil), "is empty"},
		{"an oversized file", "file:" + writeRoot(t, bytes.Repeat(good, 100)), "over 1024 bytes"},
		{"a file with a mistyped key", "file:" + writeRoot(t, []byte(rootPrefix+canary[1:]+"A")), "checksum"},
		{"a variable that is not set", "env:ROOT_NOT_SET_ANYWHERE", "not set or empty"},
		{"an empty variable", "env:ROOT_EMPTY", "strongroom keys generate"},
		{"an oversized variable", "env:ROOT_LONG", "over 1024 bytes"},
		{"a variable with a mistyped key", "env:ROOT_MISTYPED", "checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := seal.OpenKeeper(t.Context(), c.url)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an error that says %q", err, c.says)
			}
			if k != nil {
				t.Error("a keeper came with the error")
			}
			if strings.Contains(err.Error(), canary[1:9]) {
				t.Error("the error shows the key")
			}
		})
	}
}

func TestOpenKeeperTellsAMissingFileByItsError(t *testing.T) {
	_, err := seal.OpenKeeper(t.Context(), "file:"+filepath.Join(t.TempDir(), "none"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestOneRootKeyIsTheSameWhereverItLies(t *testing.T) {
	text := mustGenerate(t)
	path := writeRoot(t, text)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ROOT_GOOD", string(text))
	t.Chdir(filepath.Dir(path))
	first := mustOpen(t, "file:"+path)
	wrapped, err := first.Wrap(t.Context(), []byte("key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{path, "root.key", "./root.key", "file:root.key", "file:" + link, "env:ROOT_GOOD"} {
		k := mustOpen(t, url)
		if k.Fingerprint() != first.Fingerprint() {
			t.Errorf("%s: another fingerprint", url)
		}
		if got, err := k.Unwrap(t.Context(), wrapped, nil); err != nil || string(got) != "key" {
			t.Errorf("%s: another key came back, error %v", url, err)
		}
	}
}
