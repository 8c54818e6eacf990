package probe

import (
	"maps"
	"strings"
	"testing"

	"strongroom/secret"
)

func TestThePasswordOfAConnectionStringIsReplaced(t *testing.T) {
	for name, c := range map[string]struct{ from, to string }{
		"of a URL":                        {"postgres://u:old@h:1/d?sslmode=require", "postgres://u:n%27w%20%2F@h:1/d?sslmode=require"},
		"of a URL that has none":          {"postgresql://u@h/d", "postgresql://u:n%27w%20%2F@h/d"},
		"of a URL whose password is none": {"postgres://u:@h", "postgres://u:n%27w%20%2F@h"},
		"of a URL without user":           {"postgres://h/d", "postgres://h/d?password=n%27w%20%2F"},
		"of a URL with user in its query": {"postgres://h/d?user=u", "postgres://h/d?user=u&password=n%27w%20%2F"},
		"in a URL's query":                {"postgres://u@h/d?password=old&sslmode=require", "postgres://u@h/d?password=n%27w%20%2F&sslmode=require"},
		"in a URL's query, encoded":       {"postgres://u@h/d?p%61ssword=old", "postgres://u@h/d?p%61ssword=n%27w%20%2F"},
		"in both places of a URL":         {"postgres://u:one@h?password=two&password=three", "postgres://u:n%27w%20%2F@h?password=n%27w%20%2F&password=n%27w%20%2F"},
		"of a URL with an empty query":    {"postgres://u:old@h?", "postgres://u:n%27w%20%2F@h"},
		"of a URL with several hosts":     {"postgres://u:old@[::1]:2,h:3/d", "postgres://u:n%27w%20%2F@[::1]:2,h:3/d"},
		"of pairs":                        {"host=h password=old user=u", `host=h password='n\'w /' user=u`},
		"of quoted pairs":                 {`password = 'o\'ld'user=u`, `password = 'n\'w /'user=u`},
		"of pairs that have none":         {"host=h user=u", `password='n\'w /' host=h user=u`},
		"of pairs that end in an escape":  {`user=u\`, `password='n\'w /' user=u\`},
		"of pairs that name it twice":     {"password=a password=b", `password='n\'w /' password='n\'w /'`},
		"of pairs that name nothing":      {"user=u password=", `user=u password='n\'w /'`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReplacePassword(secret.New([]byte(c.from)), secret.New([]byte("n'w /")))
			if err != nil || string(got.Reveal()) != c.to {
				t.Errorf("%q, %v; want %q", got.Reveal(), err, c.to)
			}
		})
	}
}

func TestAPasswordThatCannotBeReplacedIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ from, password string }{
		"in a string that cannot be read":     {"host='", "new"},
		"by nothing":                          {"host=h", ""},
		"by one with a NUL character":         {"host=h", "a\x00b"},
		"by one that is too long":             {"host=h", strings.Repeat("x", 2000)},
		"where the string would get too long": {"postgres://u@h/?application_name=" + strings.Repeat("x", maxPGString-40), "a password of some length"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := pgReplace(c.from, c.password); err == nil {
				t.Errorf("%q", got)
			}
		})
	}
}

// FuzzReplacePassword checks that the new password and nothing else is read from the new
// string, and that no old one is left in it.
func FuzzReplacePassword(f *testing.F) {
	for _, s := range []string{
		"postgres://u:p@h:1/d?sslmode=require", "postgresql://h,[::1]:2/", "postgres://@h", "postgres://h?password=&user=a@b",
		"postgres://h?a=/&b=@", "postgres://u:a:b@h?p%61ssword=x&", "host=h user = 'a b' password=\\'x dbname=''", "password='a'user=b",
		"user=u\\", "password=\\", "password", "postgres://?password=1", "postgres:///d?host=h#x", "",
	} {
		f.Add(s, "new")
		f.Add(s, `a'b\ %&=@:/?#`)
	}
	f.Fuzz(func(t *testing.T, s, password string) {
		replaced, err := pgReplace(s, password)
		if err != nil {
			return
		}
		want, err := pgString(s)
		if err != nil {
			t.Fatalf("%q cannot be read and was replaced", s)
		}
		got, err := pgString(replaced)
		if err != nil {
			t.Fatalf("%q becomes %q, which cannot be read", s, replaced)
		}
		want[pgPassword] = password
		if !maps.Equal(got, want) {
			t.Errorf("%q becomes %q: read as %q, want %q", s, replaced, got, want)
		}
		again, err := pgReplace(replaced, password)
		if err != nil || again != replaced {
			t.Errorf("%q becomes %q, and that %q (%v)", s, replaced, again, err)
		}
	})
}
