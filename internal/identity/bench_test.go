package identity_test

import (
	"testing"

	"strongroom/internal/identity"
)

func benchmark(b *testing.B, a *identity.Authenticator, p identity.Presented) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthenticateByAPIKey(b *testing.B) {
	keys := &memory{}
	token := keys.add(b, &organization, nil)
	benchmark(b, identity.New(keys, nil, newClock().time), apiKey(token))
}

func BenchmarkAuthenticateByHS256(b *testing.B) {
	a, _ := withSecret(b, identity.ClaimPaths{})
	benchmark(b, a, bearer(hs256(b, nil)))
}

func BenchmarkAuthenticateByEdDSA(b *testing.B) {
	k := newEd("k")
	p := newProvider(b, k)
	benchmark(b, p.authenticator(b), bearer(p.token(b, k)))
}
