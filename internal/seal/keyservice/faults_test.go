package keyservice_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strongroom/internal/seal"
	"strongroom/internal/seal/keyservice"
	"strongroom/internal/seal/keyservice/keyservicetest"
)

// answers are what no service says of a key, from a proxy or from one that is not well.
var answers = map[string]http.HandlerFunc{
	"500 without a body":           keyservicetest.Answer(500, ""),
	"503 of a proxy":               keyservicetest.Answer(503, "<html>Service Unavailable</html>"),
	"429":                          keyservicetest.Answer(429, `{"errors":["rate limit quota exceeded"]}`),
	"429 in Google's form":         keyservicetest.Answer(429, `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}`),
	"400 that means too many":      keyservicetest.Answer(400, `{"__type":"ThrottlingException","errors":null,"error":{"status":"UNAVAILABLE"}}`),
	"403 of a proxy":               keyservicetest.Answer(403, "<html>Forbidden</html>"),
	"404 of a proxy":               keyservicetest.Answer(404, "not found"),
	"200 of a proxy":               keyservicetest.Answer(200, "<html>Sign in</html>"),
	"200 without a body":           keyservicetest.Answer(200, ""),
	"200 with another object":      keyservicetest.Answer(200, `{"hello":"world"}`),
	"200 with an array":            keyservicetest.Answer(200, `[]`),
	"200 with wrong types":         keyservicetest.Answer(200, `{"Plaintext":1,"plaintext":1,"data":1,"value":1,"key":1}`),
	"200 that is cut off":          keyservicetest.Answer(200, `{"data":{"plaintext":"`),
	"200 that is too long":         keyservicetest.Answer(200, `{"data":"`+strings.Repeat("x", 1<<20)+`"}`),
	"500 that is too long":         keyservicetest.Answer(500, strings.Repeat("x", 1<<20)),
	"a redirect":                   redirect,
	"a connection that breaks off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
}

func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
}

func slow(w http.ResponseWriter, r *http.Request, status int) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte("{"))
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// TestAnswersThatAreNotTheServicesMeanThatItIsAway: what opens later was never refused.
func TestAnswersThatAreNotTheServicesMeanThatItIsAway(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		k := s.mustOpen(t, 0)
		wrapped, err := k.Wrap(t.Context(), []byte("key"), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Run("each", func(t *testing.T) {
			for name, fault := range answers {
				s.Fail(fault)
				key, err := k.Unwrap(t.Context(), wrapped, nil)
				// A key of no bytes, well said, is one that does not open.
				if !seal.Away(err) && !(errors.Is(err, seal.ErrTampered) && name == "200 with another object") || key != nil {
					t.Errorf("%s: unwrap: %v", name, err)
				}
				if _, err := k.Wrap(t.Context(), []byte("key"), nil); !seal.Away(err) {
					t.Errorf("%s: wrap: %v", name, err)
				}
			}
		})
		s.Fail(nil)
		if _, err := k.Unwrap(t.Context(), wrapped, nil); err != nil {
			t.Errorf("once it is well again: %v", err)
		}
	})
}

func TestAServiceThatIsAwayAtTheStartIsAway(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		s.Stop()
		_, err := s.open(t.Context(), 0)
		wantAway(t, err)
		s.Restart()
		s.mustOpenAgain(t)
	})
}

func (s *service) mustOpenAgain(t *testing.T) {
	t.Helper()
	if s.roots != nil {
		s.roots = s.Roots()
	}
	s.mustOpen(t, 0)
}

func TestAKeyThatDoesNotExistIsRefusedAndNotMade(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		for range 2 {
			_, err := keyservice.Open(t.Context(), s.missing, keyservice.Options{RootCAs: s.roots})
			wantRefused(t, err, "no such key")
		}
	})
}

func TestADisabledKeyIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		if s.disable == nil {
			return
		}
		k := s.mustOpen(t, 0)
		wrapped, err := k.Wrap(t.Context(), []byte("key"), nil)
		if err != nil {
			t.Fatal(err)
		}
		s.disable()
		_, err = k.Unwrap(t.Context(), wrapped, nil)
		wantRefused(t, err, "disabled")
		_, err = s.open(t.Context(), 0)
		wantRefused(t, err, "disabled")
	})
}

func TestARefusalIsBelievedAndRepeatsNothing(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		k := s.mustOpen(t, 0)
		s.Fail(keyservicetest.Answer(403, s.refusal))
		_, err := k.Wrap(t.Context(), []byte("key"), nil)
		wantRefused(t, err, "")
		s.wantSecretsKept(t, err)
	})
}

func TestCredentialsThatAreNotAcceptedAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		s.deny(t)
		_, err := s.open(t.Context(), 0)
		wantRefused(t, err, "")
		s.wantSecretsKept(t, err)
	})
}

func TestACallerWhoIsGoneIsToldSo(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		k := s.mustOpen(t, 0)
		ctx, cancel := context.WithCancel(t.Context())
		s.Fail(func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
		if _, err := k.Wrap(ctx, []byte("key"), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

// TestSlowAnswersAreGivenUp asks all of them at once, since each takes its whole deadline.
func TestSlowAnswersAreGivenUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var asking sync.WaitGroup
	for name, start := range services {
		s := start(t)
		k := s.mustOpen(t, 0)
		var asked atomic.Int64
		s.Fail(func(w http.ResponseWriter, r *http.Request) {
			switch asked.Add(1) % 3 {
			case 0:
				slow(w, r, 200)
			case 1:
				slow(w, r, 500)
			}
			<-r.Context().Done()
		})
		for range 3 {
			asking.Go(func() {
				if _, err := k.Wrap(ctx, []byte("key"), nil); !seal.Away(err) || ctx.Err() != nil {
					t.Errorf("%s: got %v, want that the service is out of reach", name, err)
				}
			})
		}
	}
	asking.Wait()
}

// TestAnotherKeyOfTheSameNameOpensNothing: a key that was deleted and made anew.
func TestAnotherKeyOfTheSameNameOpensNothing(t *testing.T) {
	v := keyservicetest.NewTransit(t, vaultToken, "one")
	t.Setenv("VAULT_TOKEN", vaultToken)
	k, err := keyservice.Open(t.Context(), v.URL("one"), keyservice.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := k.Wrap(t.Context(), []byte("key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	v.Recreate("one")
	if _, err := k.Unwrap(t.Context(), wrapped, nil); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("got %v, want ErrTampered", err)
	}
}

func TestTransitRefusesKeysThatCannotBeReliedOn(t *testing.T) {
	v := keyservicetest.NewTransit(t, vaultToken, "one")
	t.Setenv("VAULT_TOKEN", vaultToken)
	k, err := keyservice.Open(t.Context(), v.URL("one"), keyservice.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := k.Wrap(t.Context(), []byte("key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	v.Rotate("one")
	v.Retire(2)
	_, err = k.Unwrap(t.Context(), wrapped, nil)
	wantRefused(t, err, "min_decryption_version")
	for _, c := range []struct {
		kind    string
		derived bool
		says    string
	}{{"rsa-4096", false, "symmetric"}, {"ed25519", false, "symmetric"}, {"aes256-gcm96", true, "derived"}} {
		v.SetType("one", c.kind, c.derived)
		_, err := keyservice.Open(t.Context(), v.URL("one"), keyservice.Options{})
		wantRefused(t, err, c.says)
	}
}

// TestWhoHasThePublicHalfCannotWrap: an organization's key that somebody else made would
// have credentials sealed for them.
func TestWhoHasThePublicHalfCannotWrap(t *testing.T) {
	v := keyservicetest.NewKeyVault(t, "one")
	t.Setenv("IDENTITY_ENDPOINT", v.IdentityEndpoint())
	t.Setenv("IDENTITY_HEADER", keyservicetest.IdentityHeader)
	k, err := keyservice.Open(t.Context(), v.URL("one"), keyservice.Options{RootCAs: v.Roots()})
	if err != nil {
		t.Fatal(err)
	}
	version, public := v.Public("one")
	encrypted, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, make([]byte, 32), nil)
	if err != nil {
		t.Fatal(err)
	}
	forged := fmt.Appendf([]byte{1, 0x02, 0x20}, "%s%s%s", version, encrypted, make([]byte, public.Size()))
	before := v.Asked()
	if _, err := k.Unwrap(t.Context(), append(forged, make([]byte, 60)...), nil); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("got %v, want ErrTampered", err)
	}
	if v.Asked() != before {
		t.Error("the vault was asked to decrypt what nobody had signed")
	}
	v.Permit("one", "wrapKey", "unwrapKey")
	_, err = keyservice.Open(t.Context(), v.URL("one"), keyservice.Options{RootCAs: v.Roots()})
	wantRefused(t, err, "sign")
}

// TestAnAliasIsTheKeyThatItPointsAt: who points it elsewhere names another root key.
func TestAnAliasIsTheKeyThatItPointsAt(t *testing.T) {
	const one, two, replica = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222", "mrk-1234abcd12ab34cd56ef1234567890ab"
	k := keyservicetest.NewKMS(t, one, two, replica)
	isolateAWS(t)
	open := func(key string) seal.Keeper {
		t.Helper()
		keeper, err := keyservice.Open(t.Context(), k.URL(key), keyservice.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return keeper
	}
	k.Alias("strongroom", one)
	aliased := open("alias/strongroom")
	for _, name := range []string{one, k.ARN(one)} {
		if open(name).Fingerprint() != aliased.Fingerprint() {
			t.Errorf("%s has another fingerprint than the alias", name)
		}
	}
	wrapped, err := aliased.Wrap(t.Context(), []byte("key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	k.Alias("strongroom", two)
	if got, err := aliased.Unwrap(t.Context(), wrapped, nil); err != nil || string(got) != "key" {
		t.Errorf("the process that has resolved the alias: %v", err)
	}
	if open("alias/strongroom").Fingerprint() == aliased.Fingerprint() {
		t.Error("the alias points at another key and has the same fingerprint")
	}
	if name := open(replica).(interface{ Name() string }).Name(); !strings.Contains(name, ":*:") {
		t.Errorf("%s: a multi-Region key has a region in its name", name)
	}
}
