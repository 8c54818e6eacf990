package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"strongroom/secret"
)

const plain = "hunter2-canary"

type holder struct {
	Public  secret.Value
	private secret.Value
	pointer *secret.Value
}

func forms(t *testing.T) map[string]string {
	t.Helper()
	v := secret.New([]byte(plain))
	h := holder{Public: v, private: v, pointer: &v}
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%p", "%10s", "%-10v", "%08d"} {
		out["value "+verb] = fmt.Sprintf(verb, v)
		out["pointer "+verb] = fmt.Sprintf(verb, &v)
		out["struct "+verb] = fmt.Sprintf(verb, h)
		out["slice "+verb] = fmt.Sprintf(verb, []secret.Value{v})
		out["map "+verb] = fmt.Sprintf(verb, map[string]secret.Value{"k": v})
	}
	out["error"] = fmt.Errorf("wrapped: %w", errors.New(fmt.Sprint(v))).Error()
	out["json"] = string(must(json.Marshal(h)))
	out["json map key"] = string(must(json.Marshal(map[string]any{"k": v})))
	type named struct{ V secret.Value }
	out["xml"] = string(must(xml.Marshal(named{v})))
	var g bytes.Buffer
	if err := gob.NewEncoder(&g).Encode(struct{ V secret.Value }{v}); err != nil {
		t.Fatal(err)
	}
	out["gob"] = g.String()
	var text, js bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v, "h", h, "p", &v)
	slog.New(slog.NewJSONHandler(&js, nil)).Info("m", "v", v, "h", h, "p", &v)
	out["slog text"], out["slog json"] = text.String(), js.String()
	return out
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestNoFormShowsTheSecret(t *testing.T) {
	hex := fmt.Sprintf("%x", plain)
	for name, got := range forms(t) {
		if strings.Contains(got, plain) || strings.Contains(strings.ToLower(got), hex) || strings.Contains(got, "104 117 110") {
			t.Errorf("%s shows the secret: %s", name, got)
		}
	}
}

func TestDirectFormsSayRedacted(t *testing.T) {
	v := secret.New([]byte(plain))
	for _, got := range []string{v.String(), v.GoString(), fmt.Sprintf("%x", v), fmt.Sprint(&v)} {
		if got != secret.Redacted {
			t.Errorf("got %q, want %q", got, secret.Redacted)
		}
	}
}

func TestRevealGivesTheBytesAndDestroyClearsThem(t *testing.T) {
	v := secret.New([]byte(plain))
	if string(v.Reveal()) != plain {
		t.Fatalf("Reveal returned other bytes")
	}
	v.Destroy()
	if bytes.Contains(v.Reveal(), []byte("hunter")) {
		t.Error("Destroy left the bytes in place")
	}
}

func TestZeroValueIsEmpty(t *testing.T) {
	var v secret.Value
	if !v.Empty() || v.Reveal() != nil {
		t.Error("the zero Value holds something")
	}
	v.Destroy()
}
