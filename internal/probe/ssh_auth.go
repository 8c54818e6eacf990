package probe

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"strongroom/secret"
)

// The methods of RFC 4252 and RFC 4256 that are used.
const (
	methodKey      = "publickey"
	methodPassword = "password"
	methodPrompt   = "keyboard-interactive"
)

// methodNames are what people call the methods; a server's other words are not repeated.
var methodNames = []struct{ method, name string }{
	{methodKey, "a key"},
	{methodPassword, "a password"},
	{methodPrompt, "answers to its prompts"},
	{"hostbased", "a trusted host"},
	{"gssapi-with-mic", "Kerberos"},
}

var (
	errNotSignedIn = errors.New("no method is left to sign in with")
	errPrompt      = errors.New("the server asks for more than a password")
)

// sshLogin signs in with what it has, each method once, and remembers how it went.
type sshLogin struct {
	signer   ssh.Signer
	password secret.Value

	// offered is what the server accepts, as it said last.
	offered, tried, accepted []string
	prompted, asksMore       bool
	// last is the method that was tried last; "" where the server asked for none.
	last string
}

// reset forgets how it went, for another connection.
func (l *sshLogin) reset() { *l = sshLogin{signer: l.signer, password: l.password} }

// next chooses the method to try; errNotSignedIn where none is left. A password that was
// refused is not offered again by way of a prompt: it would count as a second failure.
func (l *sshLogin) next(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	l.offered, l.tried, l.accepted = c.AllowedMethods, c.TriedMethods, c.PartialSuccessMethods
	switch {
	case l.signer != nil && l.open(methodKey):
		l.last = methodKey
		return ssh.PublicKeys(l.signer), nil
	case l.password.Empty() || l.did(methodPassword):
	case l.open(methodPassword):
		l.last = methodPassword
		return ssh.Password(string(l.password.Reveal())), nil
	case l.open(methodPrompt):
		l.last = methodPrompt
		return ssh.KeyboardInteractive(l.answer), nil
	}
	return nil, errNotSignedIn
}

// open tells whether the server offers a method that was not used yet.
func (l *sshLogin) open(method string) bool {
	return slices.Contains(l.offered, method) && !l.did(method)
}

func (l *sshLogin) did(method string) bool {
	return slices.Contains(l.tried, method) || slices.Contains(l.accepted, method)
}

// proved tells whether the server let the user in for something that it was shown. It need
// not ask for anything (the method "none", RFC 4252, section 5.2), and its prompts need not
// have a question (RFC 4256, section 3.4).
func (l *sshLogin) proved() bool {
	if l.last == methodPrompt {
		return l.prompted || len(l.accepted) > 0
	}
	return l.last != ""
}

// answer gives the password to the first hidden prompt, if it comes alone. PAM goes on to
// send requests without prompts.
func (l *sshLogin) answer(_, _ string, questions []string, echos []bool) ([]string, error) {
	switch {
	case len(questions) == 0:
		return nil, nil
	case len(questions) == 1 && !echos[0] && !l.prompted:
		l.prompted = true
		return []string{string(l.password.Reveal())}, nil
	}
	l.asksMore = true
	return nil, errPrompt
}

// refusal says why errNotSignedIn came about, as the end of a sentence about the server.
func (l *sshLogin) refusal() string {
	accepts := l.accepts()
	switch {
	case len(l.accepted) > 0:
		return "wants more to sign in than what it accepted so far: it also asks for " + accepts
	case l.asksMore:
		return "asks for more than a password to sign in, such as a code; use an account that needs a password or a key alone"
	case slices.Contains(l.tried, methodKey):
		return "refused the key: it accepts " + accepts + "; check the user name, and that the public key is installed for that user"
	case l.did(methodPassword) || l.did(methodPrompt):
		return "refused the user name or the password: it accepts " + accepts
	}
	have := "a password"
	if l.signer != nil {
		have = "a key"
	}
	return "does not let this user sign in with " + have + ": it accepts " + accepts
}

// accepts lists what the server offers in words: "a key or a password", "a password only".
func (l *sshLogin) accepts() string {
	var names []string
	for _, m := range methodNames {
		if slices.Contains(l.offered, m.method) {
			names = append(names, m.name)
		}
	}
	switch len(names) {
	case 0:
		return "nothing that is supported here"
	case 1:
		return names[0] + " only"
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
