package dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/google/uuid"

	"strongroom/api"
)

// state is dev.json: what a program or a test needs to talk to the server. The key
// alone is read back from it; everything else can be found or made again.
type state struct {
	URL              string           `json:"url"`
	OrganizationID   uuid.UUID        `json:"organization_id"`
	AdminID          uuid.UUID        `json:"admin_id"`
	AdminToken       api.SecretString `json:"admin_token"`
	UserID           uuid.UUID        `json:"user_id"`
	UserToken        api.SecretString `json:"user_token"`
	ServiceAccountID uuid.UUID        `json:"service_account_id"`
	Key              api.SecretString `json:"service_account_key"`
	CredentialID     uuid.UUID        `json:"credential_id"`
}

// maxState bounds what is read of dev.json, in bytes.
const maxState = 64 << 10

// knownKey returns the service account's key that dev.json holds, "" where there is
// none to be had.
func (h *home) knownKey() (api.SecretString, error) {
	f, err := os.Open(h.path(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("the file %s cannot be read: %w", h.path(stateFile), err)
	}
	defer f.Close()
	var known struct {
		Key api.SecretString `json:"service_account_key"`
	}
	if err := json.NewDecoder(io.LimitReader(f, maxState)).Decode(&known); err != nil {
		// Damaged: a new key replaces the one that was in there.
		return "", nil
	}
	return known.Key, nil
}

// save writes dev.json.
func (h *home) save(s state) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("%s cannot be encoded: %w", stateFile, err)
	}
	defer clear(text)
	return h.replace(stateFile, append(text, '\n'))
}
