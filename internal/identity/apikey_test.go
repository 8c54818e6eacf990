package identity_test

import (
	"bytes"
	"crypto/sha256"
	"hash/crc32"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/identity"
)

var (
	organization = uuid.MustParse("0198aaaa-0000-7000-8000-000000000001")
	neighbour    = uuid.MustParse("0198bbbb-0000-7000-8000-000000000002")
	account      = uuid.MustParse("0198cccc-0000-7000-8000-000000000003")
)

// Keys as they were first made: keys in use must be accepted for good.
const (
	oldOrgKey = "saf_org_0198aaaa_0198cccc_redk7X0sFProorQgnYoUn3wcC9yCl0uc7znwzwPZZMl4SbzLg"
	oldSysKey = "saf_sys_0198cccc_lXFKPYVlrL71vF8ZP953aAJIe9NF2oz1EWeCIbpTJzu4eIYrR"
)

type madeKey struct {
	token, prefix string
	hash          [32]byte
}

func mustKey(t testing.TB, organization *uuid.UUID, account uuid.UUID) madeKey {
	t.Helper()
	token, prefix, hash, err := identity.NewAPIKey(organization, account)
	if err != nil {
		t.Fatal(err)
	}
	return madeKey{string(token.Reveal()), prefix, hash}
}

func TestNewAPIKeyRefusesMissingIDs(t *testing.T) {
	none := uuid.Nil
	if _, _, _, err := identity.NewAPIKey(&organization, uuid.Nil); err == nil {
		t.Error("made a key for no account")
	}
	if _, _, _, err := identity.NewAPIKey(&none, account); err == nil {
		t.Error("made a key for the nil organization")
	}
}

func TestHashAPIKeyRefuses(t *testing.T) {
	for _, kind := range []*uuid.UUID{&organization, nil} {
		good := mustKey(t, kind, account).token
		for name, token := range map[string]string{
			"nothing":                "",
			"the mark alone":         "saf_",
			"the front alone":        good[:len(good)-49],
			"one character less":     good[:len(good)-1],
			"one character more":     good + "0",
			"a space before":         " " + good,
			"a space after":          good + " ",
			"an unknown type":        "saf_usr" + good[7:],
			"an upper case mark":     "SAF" + good[3:],
			"upper case hex digits":  strings.Replace(good, "0198cccc", "0198CCCC", 1),
			"swapped digits":         swapped(good),
			"a punctuation mark":     good[:len(good)-10] + "-" + good[len(good)-9:],
			"a letter of two bytes":  good[:len(good)-10] + "é" + good[len(good)-8:],
			"a key of another form":  "sk_live_" + good,
			"a very long one":        strings.Repeat(good, 1000),
			"a JWT":                  "eyJhbGciOiJub25lIn0.e30.",
			"only the right length":  strings.Repeat("x", len(good)),
			"an org key made system": strings.Replace(good, "saf_org_0198aaaa_", "saf_sys_", 1) + strings.Repeat("x", 3),
		} {
			hash, err := identity.HashAPIKey(token)
			if err == nil || !strings.Contains(err.Error(), "mistyped") {
				t.Errorf("%s: got %v, want an error that says mistyped", name, err)
				continue
			}
			if hash != [32]byte{} {
				t.Errorf("%s: a hash came with the error", name)
			}
			if len(token) > 20 && strings.Contains(err.Error(), token[20:]) {
				t.Errorf("%s: the error shows the token", name)
			}
		}
	}
}

// swapped exchanges two neighbouring characters that differ, as a typist would.
func swapped(token string) string {
	b := []byte(token)
	for i := len(b) - 20; ; i++ {
		if b[i] != b[i+1] {
			b[i], b[i+1] = b[i+1], b[i]
			return string(b)
		}
	}
}

func TestHashAPIKeyRefusesEveryChangedCharacter(t *testing.T) {
	good := mustKey(t, &organization, account).token
	for i := range good {
		for _, other := range []byte("0aZ_") {
			changed := []byte(good)
			changed[i] = other
			if changed[i] == good[i] {
				continue
			}
			if _, err := identity.HashAPIKey(string(changed)); err == nil {
				t.Errorf("character %d as %q is accepted", i, other)
			}
		}
	}
}

func TestKeysInUseAreAccepted(t *testing.T) {
	for _, key := range []string{oldOrgKey, oldSysKey} {
		hash, err := identity.HashAPIKey(key)
		if err != nil || hash != sha256.Sum256([]byte(key)) {
			t.Errorf("another hash came back, error %v", err)
		}
	}
}

func TestNewAPIKeyHasTheFormThatScannersKnow(t *testing.T) {
	for _, c := range []struct {
		name         string
		organization *uuid.UUID
		form         string
	}{
		{"organization's", &organization, `^saf_org_0198aaaa_0198cccc_[0-9A-Za-z]{49}$`},
		{"system", nil, `^saf_sys_0198cccc_[0-9A-Za-z]{49}$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := map[string]bool{}
			for range 100 {
				key := mustKey(t, c.organization, account)
				if !regexp.MustCompile(c.form).MatchString(key.token) {
					t.Fatalf("a token is not of the form %s", c.form)
				}
				hash, err := identity.HashAPIKey(key.token)
				if err != nil || hash != key.hash || hash != sha256.Sum256([]byte(key.token)) {
					t.Fatalf("another hash came back, error %v", err)
				}
				random := len(key.token) - 49
				if key.prefix != key.token[:random+6] || len(key.prefix) > 40 {
					t.Errorf("the prefix of %d characters is not the front with 6 of the random ones", len(key.prefix))
				}
				seen[key.token[random:random+43]] = true
			}
			if len(seen) != 100 {
				t.Errorf("%d different keys of 100", len(seen))
			}
		})
	}
}

// The checksum is computed a second way, as a scanner would.
func TestTheChecksumIsCRC32InBase62(t *testing.T) {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for range 100 {
		token := mustKey(t, &organization, account).token
		body, sum := token[:len(token)-6], token[len(token)-6:]
		n := new(big.Int)
		for _, c := range sum {
			n.Add(n.Mul(n, big.NewInt(62)), big.NewInt(int64(strings.IndexRune(digits, c))))
		}
		if n.Cmp(big.NewInt(int64(crc32.ChecksumIEEE([]byte(body))))) != 0 {
			t.Fatal("the last 6 characters are another number than the CRC-32 of the rest")
		}
	}
}

func FuzzHashAPIKey(f *testing.F) {
	f.Add(oldOrgKey)
	f.Add(oldSysKey)
	f.Add("saf_org_00000000_00000000_" + strings.Repeat("0", 49))
	f.Add("saf_sys_")
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		hash, err := identity.HashAPIKey(token)
		if err != nil {
			return
		}
		if len(token) != 75 && len(token) != 66 {
			t.Errorf("accepted a key of %d characters", len(token))
		}
		want := sha256.Sum256([]byte(token))
		if !bytes.Equal(hash[:], want[:]) {
			t.Error("the hash is not the token's SHA-256")
		}
	})
}
