package oauth_test

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
)

func TestTheChallengeOfTheStandard(t *testing.T) {
	// RFC 7636, appendix B.
	if got := oauth.Challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("the challenge is %s", got)
	}
}

func TestVerifiersAndStatesAreLongAndNeverTheSame(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	seen := map[string]bool{}
	for range 100 {
		verifier, err := oauth.NewVerifier()
		if err != nil {
			t.Fatal(err)
		}
		state, err := oauth.NewState()
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{string(verifier.Reveal()), state} {
			if !form.MatchString(text) || seen[text] {
				t.Fatalf("%q is too short, of other characters, or came twice", text)
			}
			seen[text] = true
		}
	}
}

func TestAuthorizationsThatCannotBegin(t *testing.T) {
	for name, endpoint := range map[string]string{
		"no endpoint":       "",
		"no host":           "/authorize",
		"no address":        "https://a b\x7f/canary",
		"a query in pieces": "https://idp.example/authorize?a;canary",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := oauth.AuthorizationURL(catalog.OAuth{AuthorizationEndpoint: endpoint}, oauth.AuthorizationParameters{})
			if err == nil || got != "" {
				t.Fatalf("got %q and no error", got)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes the address: %v", err)
			}
		})
	}
}

func TestTheAuthorizationRequest(t *testing.T) {
	def := catalog.OAuth{
		AuthorizationEndpoint:   "https://idp.example/authorize?tenant=x&state=theirs#part",
		AuthorizationParameters: map[string]string{"access_type": "offline", "client_id": "theirs"},
		ScopeSeparator:          ",",
	}
	p := oauth.AuthorizationParameters{
		ClientID: "client & co", RedirectURI: "https://here.example/callback?x=1", Scopes: []string{"openid", "mail.read"},
		State: "state", Challenge: "challenge", Nonce: "nonce", LoginHint: "person@example.com",
	}
	got := mustAuthorizationURL(t, def, p)
	if base, _, _ := strings.Cut(got.String(), "?"); base != "https://idp.example/authorize" || got.Fragment != "" {
		t.Errorf("the address is %s", got)
	}
	want := url.Values{
		"response_type": {"code"}, "client_id": {"client & co"}, "redirect_uri": {"https://here.example/callback?x=1"},
		"scope": {"openid,mail.read"}, "state": {"state"}, "code_challenge": {"challenge"}, "code_challenge_method": {"S256"},
		"nonce": {"nonce"}, "login_hint": {"person@example.com"}, "tenant": {"x"}, "access_type": {"offline"},
	}
	if got.Query().Encode() != want.Encode() {
		t.Errorf("the query is\n%s, want\n%s", got.Query().Encode(), want.Encode())
	}
}

func TestWhatTheAuthorizationRequestLeavesOut(t *testing.T) {
	def := catalog.OAuth{AuthorizationEndpoint: "https://idp.example/authorize"}
	q := mustAuthorizationURL(t, def, oauth.AuthorizationParameters{Scopes: []string{"a", "b"}, Nonce: "nonce"}).Query()
	if q.Has("nonce") || q.Has("login_hint") || q.Get("scope") != "a b" {
		t.Errorf("the query is %v", q)
	}
	if q := mustAuthorizationURL(t, def, oauth.AuthorizationParameters{}).Query(); q.Has("scope") {
		t.Errorf("a scope is asked for though there is none: %v", q)
	}
}

func mustAuthorizationURL(t *testing.T, def catalog.OAuth, p oauth.AuthorizationParameters) *url.URL {
	t.Helper()
	text, err := oauth.AuthorizationURL(def, p)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func variableDefinition() catalog.OAuth {
	return catalog.OAuth{
		Discovery:             "https://{subdomain}.acme.example/{region}",
		AuthorizationEndpoint: "https://{subdomain}.acme.example/authorize",
		TokenEndpoint:         "https://login.acme.example/{region}/token?for={subdomain}",
		RevocationEndpoint:    "https://{subdomain}.acme.example/revoke",
		UserinfoEndpoint:      "https://{subdomain}.acme.example/me",
		JWKSURI:               "https://{subdomain}.acme.example/keys",
		Issuer:                "https://{subdomain}.acme.example/{tenantid}/v2.0",
		Variables: []catalog.Variable{
			{Name: "subdomain", Pattern: "^(?:[a-z0-9.-]+)$", Example: "yours"},
			{Name: "region", Pattern: "eu|us", Default: "eu"},
		},
	}
}

func TestVariablesThatDoNotFill(t *testing.T) {
	long := strings.Repeat("a", 254)
	for name, values := range map[string]map[string]string{
		"none":                      nil,
		"an empty one":              {"subdomain": ""},
		"another's":                 {"region": "eu"},
		"of upper case":             {"subdomain": "CANARY"},
		"of two lines":              {"subdomain": "canary\n"},
		"too long":                  {"subdomain": long},
		"dots alone":                {"subdomain": ".."},
		"a value of no region":      {"subdomain": "ours", "region": "canary"},
		"a prefix of a region":      {"subdomain": "ours", "region": "eucanary"},
		"a placeholder for another": {"subdomain": "{region}canary"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := oauth.Fill(variableDefinition(), values)
			var v *oauth.VariableError
			if !errors.As(err, &v) || v.Name == "" || v.Message == "" {
				t.Fatalf("the error is %v", err)
			}
			if strings.Contains(strings.ToLower(err.Error()), "canary") || strings.Contains(err.Error(), long) {
				t.Errorf("the error quotes the value: %v", err)
			}
		})
	}
}

func TestNoPatternLetsAValueLeaveItsPlace(t *testing.T) {
	def := catalog.OAuth{TokenEndpoint: "https://{host}/token", Variables: []catalog.Variable{{Name: "host", Pattern: "(?s).*"}}}
	for _, value := range []string{"a/b", "a?b", "a#b", "a@b", "a:1", "a%2fb", `a\b`, "a b", "a\x00", "ä", ".", "...", "{x}", "a&b"} {
		if got, err := oauth.Fill(def, map[string]string{"host": value}); err == nil {
			t.Errorf("%q became %s", value, got.TokenEndpoint)
		}
	}
}

func TestDefinitionsThatCannotBeFilled(t *testing.T) {
	for name, def := range map[string]catalog.OAuth{
		"a placeholder of no variable":      {TokenEndpoint: "https://{host}/token"},
		"an issuer's of no variable":        {Issuer: "https://{host}/"},
		"the token's tenant in an address":  {TokenEndpoint: "https://{tenantid}/token"},
		"a pattern that is no expression":   {Variables: []catalog.Variable{{Name: "a", Pattern: "(", Default: "a"}}},
		"a default that its pattern is not": {Variables: []catalog.Variable{{Name: "a", Pattern: "b", Default: "a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := oauth.Fill(def, map[string]string{"tenantid": "x"}); err == nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestVariablesFillEveryAddress(t *testing.T) {
	def := variableDefinition()
	got, err := oauth.Fill(def, map[string]string{"subdomain": "our-team", "access_token": "x"})
	if err != nil {
		t.Fatal(err)
	}
	want := def
	want.Discovery = "https://our-team.acme.example/eu"
	want.AuthorizationEndpoint = "https://our-team.acme.example/authorize"
	want.TokenEndpoint = "https://login.acme.example/eu/token?for=our-team"
	want.RevocationEndpoint = "https://our-team.acme.example/revoke"
	want.UserinfoEndpoint = "https://our-team.acme.example/me"
	want.JWKSURI = "https://our-team.acme.example/keys"
	want.Issuer = "https://our-team.acme.example/{tenantid}/v2.0"
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if def.TokenEndpoint != variableDefinition().TokenEndpoint {
		t.Error("filling changed the definition itself")
	}
}
