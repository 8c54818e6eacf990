package catalog

import (
	"errors"

	"strongroom"
	"strongroom/internal/sshkey"
	"strongroom/secret"
)

// checkKeys checks the members that hold private keys.
func (d *dataType) checkKeys(object map[string]any) []strongroom.FieldError {
	var fields []strongroom.FieldError
	for _, k := range d.keys {
		text, ok := object[k.name].(string)
		if !ok {
			continue
		}
		at, passphrase := k.passphrase(object)
		_, err := sshkey.Signer(secret.New([]byte(text)), secret.New([]byte(passphrase)))
		problem, _ := errors.AsType[sshkey.Problem](err)
		about := problem == sshkey.ErrNoPassphrase || problem == sshkey.ErrPassphrase
		switch {
		case err == nil:
		case !about:
			fields = append(fields, fieldError(ErrorInvalidKey, string(problem), k.name))
		case at == "":
			fields = append(fields, fieldError(ErrorInvalidKey, "This key is protected by a passphrase; send one without", k.name))
		case problem == sshkey.ErrNoPassphrase:
			fields = append(fields, fieldError(ErrorPassphrase, "The key is protected; its passphrase is required", at))
		default:
			fields = append(fields, fieldError(ErrorPassphrase, "This is not the key's passphrase", at))
		}
	}
	return fields
}

// passphrase returns the key's passphrase with the name of the member that holds
// it, or that should; "" where the schema has no such member.
func (k keyMember) passphrase(object map[string]any) (at, value string) {
	for _, name := range k.passphrases {
		if s, _ := object[name].(string); s != "" {
			return name, s
		}
	}
	if len(k.passphrases) == 0 {
		return "", ""
	}
	return k.passphrases[0], ""
}
