package rotate

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

// remembered is what a rotation has to know until it ends.
type remembered struct {
	// secret is the new password, or the new private key.
	secret secret.Value
	// public and oldPublic are the keys' public halves, as lines of authorized_keys; empty
	// where a password is rotated.
	public, oldPublic string
}

func (r remembered) destroy() { r.secret.Destroy() }

// stored is how remembered is encoded. The secret is no string: strings cannot be erased.
type stored struct {
	Secret    []byte `json:"secret"`
	Public    string `json:"public,omitempty"`
	OldPublic string `json:"old_public,omitempty"`
}

func binding(organization, rotation uuid.UUID) seal.Binding {
	return seal.Binding{Purpose: seal.Rotation, OrganizationID: organization, RecordID: rotation, Version: 1}
}

// sealed encrypts what is to be remembered for the rotation of this id.
func (s *Service) sealed(ctx context.Context, organization, rotation uuid.UUID, r remembered) ([]byte, error) {
	text, err := json.Marshal(stored{Secret: r.secret.Reveal(), Public: r.public, OldPublic: r.oldPublic})
	if err != nil {
		return nil, errors.New("what a rotation has to remember cannot be encoded")
	}
	plain := secret.New(text)
	defer plain.Destroy()
	return s.Sealer.Seal(ctx, binding(organization, rotation), plain)
}

// recall decrypts it. The receiver destroys it.
func (s *Service) recall(ctx context.Context, r store.SealedRotation) (remembered, error) {
	plain, err := s.Sealer.Open(ctx, binding(r.OrganizationID, r.ID), r.Sealed)
	if err != nil {
		return remembered{}, err
	}
	defer plain.Destroy()
	var text stored
	if json.Unmarshal(plain.Reveal(), &text) != nil {
		return remembered{}, errors.New("what a rotation has to remember is not of the expected form")
	}
	return remembered{secret: secret.New(text.Secret), public: text.Public, oldPublic: text.OldPublic}, nil
}
