package foresight_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/foresight"
	"strongroom/secret"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// in returns the time so many days from now, as a text.
func in(days int) string { return now.Add(time.Duration(days) * day).Format(time.RFC3339) }

// certificates returns a bundle of those that end so many days from now.
func certificates(tb testing.TB, days ...int) string {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	var bundle strings.Builder
	for i, d := range days {
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: "canary CA"}, NotBefore: now.Add(-1000 * day), NotAfter: now.Add(time.Duration(d) * day)}
		der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
		if err != nil {
			tb.Fatal(err)
		}
		bundle.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return bundle.String()
}

func provider(tb testing.TB, name string) catalog.Provider {
	tb.Helper()
	known, err := catalog.Load("")
	if err != nil {
		tb.Fatal(err)
	}
	p, ok := known.Provider(name)
	if !ok {
		tb.Fatalf("there is no provider %s", name)
	}
	return p
}

func object(tb testing.TB, members map[string]any) secret.Value {
	tb.Helper()
	data, err := json.Marshal(members)
	if err != nil {
		tb.Fatal(err)
	}
	return secret.New(data)
}

// ends is what warnings say, without their sentences.
type ends map[string]time.Time

func wantEnds(t *testing.T, got []strongroom.Warning, want ends) {
	t.Helper()
	for i, w := range got {
		if at, ok := want[w.Kind]; !ok || !at.Equal(w.ExpiresAt) || w.ExpiresAt.Location() != time.UTC {
			t.Errorf("warned that the %s ends at %s, want %v", w.Kind, w.ExpiresAt, want)
		}
		if i > 0 && w.ExpiresAt.Before(got[i-1].ExpiresAt) {
			t.Error("the soonest is not first")
		}
		if !strings.Contains(w.Message, w.ExpiresAt.Format(time.DateOnly)) || strings.Contains(w.Message, "canary") {
			t.Errorf("the sentence is %q", w.Message)
		}
		if past := !now.Before(w.ExpiresAt); strings.Contains(w.Message, " ended ") != past || strings.Contains(w.Message, " ends ") == past {
			t.Errorf("%q, at %s", w.Message, now)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d warnings, want %d: %v", len(got), len(want), got)
	}
}

// TestWhatIsStoredIsForeseen: the ends that the data and a test's details hold.
func TestWhatIsStoredIsForeseen(t *testing.T) {
	at := func(days int) time.Time { return now.Add(time.Duration(days) * day) }
	verified := func(pem string) map[string]any {
		return map[string]any{"sslmode": "verify-full", "sslrootcert": pem}
	}
	sas := func(end string) map[string]any {
		return map[string]any{"sas_token": "sv=2024-11-04&se=" + end + "&sp=rw&sig=canary"}
	}
	for name, row := range map[string]struct {
		data, found map[string]any
		want        ends
	}{
		"nothing that ends":     {map[string]any{"password": "canary"}, map[string]any{"server_version": "17"}, nil},
		"no object":             {nil, nil, nil},
		"a CA in a month":       {verified(certificates(t, 30)), nil, ends{"ca_certificate": at(30)}},
		"a CA after a month":    {verified(certificates(t, 31)), nil, nil},
		"a CA that has ended":   {verified(certificates(t, -400)), nil, ends{"ca_certificate": at(-400)}},
		"a bundle's last end":   {verified(certificates(t, -5, 20, 3)), nil, ends{"ca_certificate": at(20)}},
		"a bundle with one new": {verified(certificates(t, -5, 900)), nil, nil},
		"a CA in no PEM":        {verified("canary"), nil, nil},
		"a CA that a mode without verification passes over": {map[string]any{"sslmode": "prefer", "sslrootcert": certificates(t, 2)}, nil, nil},
		"a CA where no mode is said":                        {map[string]any{"sslrootcert": certificates(t, 2)}, nil, nil},
		"a CA whose mode is in a URL": {map[string]any{"sslrootcert": certificates(t, 2), "connection_string": "postgres://u:canary@h/d?x=1&sslmode=verify-ca"}, nil,
			ends{"ca_certificate": at(2)}},
		"a CA whose mode is in pairs": {map[string]any{"sslrootcert": certificates(t, 2), "connection_string": "host=h sslmode = 'require' password=canary"}, nil,
			ends{"ca_certificate": at(2)}},
		"a CA whose mode the connection string takes back": {map[string]any{"sslmode": "verify-full", "sslrootcert": certificates(t, 2), "connection_string": "postgres://h/d?sslmode=disable"}, nil, nil},

		"a server's certificate in two weeks":    {nil, map[string]any{"server_certificate_expires_at": in(14)}, ends{"server_certificate": at(14)}},
		"a server's certificate later":           {nil, map[string]any{"server_certificate_expires_at": in(15)}, nil},
		"a server's certificate that has ended":  {nil, map[string]any{"server_certificate_expires_at": in(-1)}, ends{"server_certificate": at(-1)}},
		"a server's certificate that is no text": {nil, map[string]any{"server_certificate_expires_at": 7}, nil},

		"a signature to the second":         {sas("2026-05-10T11:12:13Z"), nil, ends{"sas_token": time.Date(2026, 5, 10, 11, 12, 13, 0, time.UTC)}},
		"a signature to the minute":         {sas("2026-05-10T11:12Z"), nil, ends{"sas_token": time.Date(2026, 5, 10, 11, 12, 0, 0, time.UTC)}},
		"a signature to the day":            {sas("2026-05-10"), nil, ends{"sas_token": time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)}},
		"a signature with fractions":        {sas("2026-05-10T11:12:13.5000000Z"), nil, ends{"sas_token": time.Date(2026, 5, 10, 11, 12, 13, 5e8, time.UTC)}},
		"a signature that is escaped":       {sas("2026-05-10T11%3A12%3A13Z"), nil, ends{"sas_token": time.Date(2026, 5, 10, 11, 12, 13, 0, time.UTC)}},
		"a signature with an offset":        {sas("2026-05-10T11:12:13+02:00"), nil, ends{"sas_token": time.Date(2026, 5, 10, 9, 12, 13, 0, time.UTC)}},
		"a signature with its mark":         {map[string]any{"sas_token": "?se=2026-05-10&sig=canary"}, nil, ends{"sas_token": time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)}},
		"a signature that ends later":       {sas("2026-06-10"), nil, nil},
		"a signature that has ended":        {sas("2025-05-10"), nil, ends{"sas_token": time.Date(2025, 5, 10, 0, 0, 0, 0, time.UTC)}},
		"a signature by an access policy":   {map[string]any{"sas_token": "sv=2024-11-04&si=canary&sig=canary"}, nil, nil},
		"a signature whose end is no time":  {sas("canary"), nil, nil},
		"a signature that is wrongly put":   {sas("2026%ZZ"), nil, nil},
		"a signature in an address":         {map[string]any{"sas_url": "https://x.example/c?sv=1&se=2026-05-10&sig=canary"}, nil, ends{"sas_token": time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)}},
		"a signature in a string":           {map[string]any{"connection_string": "BlobEndpoint=https://x.example/;SharedAccessSignature=sv=1&se=2026-05-10&sig=canary=="}, nil, ends{"sas_token": time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)}},
		"an account key in a string":        {map[string]any{"connection_string": "AccountName=x;AccountKey=canary=="}, nil, nil},
		"the first of several signatures":   {map[string]any{"sas_token": "se=2026-05-12&sig=canary", "sas_url": "https://x.example/?se=2026-05-11&sig=canary"}, nil, ends{"sas_token": time.Date(2026, 5, 11, 0, 0, 0, 0, time.UTC)}},
		"a client secret in a month":        {map[string]any{"client_secret_expires_at": in(30)}, nil, ends{"client_secret": at(30)}},
		"a client secret by the day":        {map[string]any{"client_secret_expires_at": "2026-05-03"}, nil, ends{"client_secret": time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC)}},
		"a client secret later":             {map[string]any{"client_secret_expires_at": in(31)}, nil, nil},
		"a client secret that has ended":    {map[string]any{"client_secret_expires_at": in(-3)}, nil, ends{"client_secret": at(-3)}},
		"a client secret's end as a number": {map[string]any{"client_secret_expires_at": 7}, nil, nil},
		"an end that no JSON can say":       {map[string]any{"client_secret_expires_at": "0000-01-01T00:00:00+23:00"}, nil, nil},
		"several ends, the soonest first": {
			map[string]any{"sslmode": "require", "sslrootcert": certificates(t, 9), "client_secret_expires_at": in(3)}, map[string]any{"server_certificate_expires_at": in(5)},
			ends{"ca_certificate": at(9), "client_secret": at(3), "server_certificate": at(5)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			data := secret.New([]byte(`["canary"]`))
			if row.data != nil {
				data = object(t, row.data)
			}
			wantEnds(t, foresight.Warnings(now, strongroom.Credential{Type: "user_password"}, provider(t, "postgresql"), data, row.found), row.want)
		})
	}
}

func TestAGrantIsForeseen(t *testing.T) {
	at := func(days int) *time.Time { t := now.Add(time.Duration(days) * day); return &t }
	tokens := map[string]any{"access_token": "canary", "refresh_token": "canary"}
	with := func(end string) map[string]any {
		return map[string]any{"refresh_token": "canary", "refresh_token_expires_at": end}
	}
	failing := strongroom.StatusRefreshFailing
	for name, row := range map[string]struct {
		provider   string
		data       map[string]any
		credential strongroom.Credential
		want       ends
	}{
		"in use": {"microsoft", tokens, strongroom.Credential{UpdatedAt: *at(-200), LastRefreshedAt: at(0)}, nil},
		// 90 days without use end it.
		"idle for most of its time":               {"microsoft", tokens, strongroom.Credential{UpdatedAt: *at(-80)}, ends{"oauth_grant": *at(10)}},
		"renewed since it was stored":             {"microsoft", tokens, strongroom.Credential{UpdatedAt: *at(-80), LastRefreshedAt: at(-70)}, nil},
		"idle, and due to be used before its end": {"microsoft", tokens, strongroom.Credential{UpdatedAt: *at(-80), Status: strongroom.StatusActive, Renewal: strongroom.Renewal{NextAt: at(1)}}, nil},
		"idle, because its renewals fail":         {"microsoft", tokens, strongroom.Credential{UpdatedAt: *at(-80), Status: failing, Renewal: strongroom.Renewal{NextAt: at(1)}}, ends{"oauth_grant": *at(10)}},
		"idle for too long":                       {"microsoft", tokens, strongroom.Credential{UpdatedAt: *at(-95), Status: strongroom.StatusNeedsReauth}, ends{"oauth_grant": *at(-5)}},
		"without a refresh token":                 {"microsoft", map[string]any{"access_token": "canary"}, strongroom.Credential{UpdatedAt: *at(-80)}, nil},
		"of a client alone":                       {"microsoft", tokens, strongroom.Credential{Type: "client_credentials", UpdatedAt: *at(-80)}, nil},
		"of a provider that says nothing of it":   {"calendly", tokens, strongroom.Credential{UpdatedAt: *at(-900)}, nil},
		"of a provider without OAuth":             {"sftp", tokens, strongroom.Credential{UpdatedAt: *at(-900)}, nil},
		"with an end in two weeks":                {"google", with(in(14)), strongroom.Credential{UpdatedAt: now}, ends{"oauth_grant": *at(14)}},
		"with an end later":                       {"google", with(in(15)), strongroom.Credential{UpdatedAt: now}, nil},
		"with an end, and idle before":            {"google", with(in(12)), strongroom.Credential{UpdatedAt: *at(-170)}, ends{"oauth_grant": *at(10)}},
		"with an end before it has been idle":     {"google", with(in(2)), strongroom.Credential{UpdatedAt: *at(-170)}, ends{"oauth_grant": *at(2)}},
		"with an end that is none":                {"google", with("canary"), strongroom.Credential{UpdatedAt: now}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := row.credential
			if c.Type == "" {
				c.Type = "oauth2"
			}
			wantEnds(t, foresight.Warnings(now, c, provider(t, row.provider), object(t, row.data), nil), row.want)
		})
	}
}

// TestAGrantThatMayNotLieIdleLongIsNotAlwaysAboutToEnd: the warning would be there from the
// first day on.
func TestAGrantThatMayNotLieIdleLongIsNotAlwaysAboutToEnd(t *testing.T) {
	p := provider(t, "microsoft")
	o := *p.OAuth
	o.Refresh.Idle = 10 * day
	p.OAuth = &o
	tokens := object(t, map[string]any{"refresh_token": "canary"})
	c := strongroom.Credential{Type: "oauth2", UpdatedAt: now.Add(-4 * day)}
	wantEnds(t, foresight.Warnings(now, c, p, tokens, nil), nil)
	c.UpdatedAt = now.Add(-5 * day)
	wantEnds(t, foresight.Warnings(now, c, p, tokens, nil), ends{"oauth_grant": now.Add(5 * day)})
}

func FuzzWarnings(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `{"sas_token":"se=2026-05-02&sig=x"}`, `{"sas_url":"http://x?se=%","connection_string":"SharedAccessSignature=se=2026-05-02T01:02Z;sslmode=require"}`,
		`{"client_secret_expires_at":"0000-01-01T00:00:00+23:59"}`, `{"client_secret_expires_at":"2026-05-03"}`, `{"client_secret_expires_at":{"a":[1]}}`,
		`{"refresh_token":"x","refresh_token_expires_at":"2026-05-03T00:00:00Z"}`, `{"sslmode":"require","sslrootcert":"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"}`,
	} {
		f.Add([]byte(seed))
	}
	p := provider(f, "microsoft")
	f.Fuzz(func(t *testing.T, data []byte) {
		c := strongroom.Credential{Type: "oauth2", UpdatedAt: now}
		got := foresight.Warnings(now, c, p, secret.New(data), map[string]any{"server_certificate_expires_at": string(data)})
		if len(got) > 5 {
			t.Errorf("%d warnings", len(got))
		}
		for _, w := range got {
			if now.Before(w.ExpiresAt.Add(-31*day)) || len(w.Message) > 200 {
				t.Errorf("warned of %s: %q", w.ExpiresAt, w.Message)
			}
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("the warnings cannot be stored: %v", err)
		}
	})
}

// TestTheEndOfAClientSecretCanBeStored: as a day or as a time, with each credential that has
// one of an application's.
func TestTheEndOfAClientSecretCanBeStored(t *testing.T) {
	known, err := catalog.Load("")
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]any{"client_id": "6c0c2a3e-93f4-4f5b-9d2f-0f6a2f6d1f10", "client_secret": "canary-secret", "tenant_id": "contoso.onmicrosoft.com"}
	for provider, typ := range map[string]strongroom.CredentialType{
		"sharepoint_client_secret": "client_credentials", "microsoft": "client_credentials", "azure_blob": "client_credentials", "azure_blob/receive": "azure_blob_receive",
	} {
		provider, receive, _ := strings.Cut(provider, "/")
		t.Run(string(typ)+" of "+provider, func(t *testing.T) {
			data := maps.Clone(members)
			if provider == "azure_blob" {
				data["account_name"] = "examplestorage"
			}
			if receive != "" {
				data["container"] = "documents"
			}
			for end, want := range map[any]strongroom.Code{
				"2026-05-03": "", "2026-05-03T00:00:00Z": "", "2026-05-03T02:00:00+02:00": "",
				"2026-02-31": strongroom.CodeValidation, "May 2026": strongroom.CodeValidation, 7: strongroom.CodeValidation,
			} {
				data["client_secret_expires_at"] = end
				checked, err := known.Check(provider, typ, object(t, data).Reveal())
				if strongroom.CodeOf(err) != want {
					t.Errorf("%v: answered %v", end, err)
				}
				if want == "" {
					c := strongroom.Credential{Type: typ, UpdatedAt: now}
					p, _ := known.Provider(provider)
					wantEnds(t, foresight.Warnings(now, c, p, secret.New(checked.Data), nil), ends{"client_secret": time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC)})
				}
			}
		})
	}
}
