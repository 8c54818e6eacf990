package far

import (
	"errors"

	"strongroom/internal/probe"
	"strongroom/secret"
)

// The members of a PostgreSQL credential that a rotation is about.
const (
	memberUser              = "username"
	memberPassword          = "password"
	memberConnectionString  = "connection_string"
	memberAlternateUser     = "alternate_username"
	memberAlternatePassword = "alternate_password"
)

var errNoAlternate = errors.New("the credential names no other role; add alternate_username and alternate_password")

// Role returns the name of the role as which a PostgreSQL credential signs in.
func Role(data secret.Value) (string, error) {
	target, err := probe.PostgreSQLData(data)
	if err != nil {
		return "", err
	}
	return target.Role()
}

// WithPassword returns a PostgreSQL credential's data with the new password in it: in its
// connection string, which wins, where it has one, and in the member of its own where it has
// that or no string. Everything else stays as it is.
func WithPassword(data, newPassword secret.Value) (secret.Value, error) {
	d, err := parse(data)
	if err != nil {
		return secret.Value{}, err
	}
	connectionString, ok := d.text(memberConnectionString)
	if ok {
		replaced, err := probe.ReplacePassword(connectionString, newPassword)
		if err != nil {
			return secret.Value{}, err
		}
		d.set(memberConnectionString, replaced)
	}
	if !ok || d.has(memberPassword) {
		d.set(memberPassword, newPassword)
	}
	return d.encode()
}

// Alternate returns the data as which the other of two roles signs in: the two have changed
// places. ok is false where the credential names no other role.
func Alternate(data secret.Value) (alternate secret.Value, ok bool) {
	d, err := swapped(data)
	if err != nil {
		return secret.Value{}, false
	}
	alternate, err = d.encode()
	return alternate, err == nil
}

// Swap returns the data with the other of two roles in use, with the new password; the one
// that was in use keeps its own, as the other.
func Swap(data, newPassword secret.Value) (secret.Value, error) {
	d, err := swapped(data)
	if err != nil {
		return secret.Value{}, err
	}
	d.set(memberPassword, newPassword)
	return d.encode()
}

func swapped(data secret.Value) (document, error) {
	d, err := parse(data)
	if err != nil {
		return nil, err
	}
	if d.has(memberConnectionString) {
		return nil, errNoAlternate
	}
	for _, name := range []string{memberUser, memberPassword, memberAlternateUser, memberAlternatePassword} {
		if _, ok := d.text(name); !ok {
			return nil, errNoAlternate
		}
	}
	d[memberUser], d[memberAlternateUser] = d[memberAlternateUser], d[memberUser]
	d[memberPassword], d[memberAlternatePassword] = d[memberAlternatePassword], d[memberPassword]
	return d, nil
}
