package oauth

import "strongroom/secret"

// Client is who asks a provider: an OAuth client (RFC 6749, section 2).
type Client struct {
	ID string
	// Secret is empty for a public client.
	Secret secret.Value
}

// Destroy overwrites everything of the token that is secret.
func (t Token) Destroy() {
	t.Members.Destroy()
	t.IDToken.Destroy()
}

// AccessToken returns a copy of the access token; empty where there is none.
func (t Token) AccessToken() secret.Value {
	o, err := parseObject(t.Members.Reveal(), MaxAnswer)
	if err != nil {
		return secret.Value{}
	}
	return secret.New([]byte(stringOf(o[memberAccessToken])))
}
