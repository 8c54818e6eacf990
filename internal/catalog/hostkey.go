package catalog

import (
	"errors"

	"strongroom/internal/sshkey"
)

// checkHostKey accepts what a connection can be pinned to.
func checkHostKey(s string) error {
	if s == "" {
		return nil
	}
	_, err := sshkey.ParseHostKey(s)
	if problem, ok := errors.AsType[sshkey.Problem](err); ok {
		return sentence(problem)
	}
	return err
}
