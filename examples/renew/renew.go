package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"strongroom/api"
	"strongroom/client"
)

const lesson = `Nothing is to be done: Strongroom renews the token by itself, and whoever fetches the credential gets one that is valid.
The refresh token is better left alone. Where refresh tokens rotate, each works once: one that is used at the provider
behind Strongroom's back is dead in Strongroom, and when Strongroom uses it next the provider ends the whole grant.
`

// renew says what the credential holds and, if forced, has it renewed.
func renew(ctx context.Context, strongroom *client.Client, id string, force bool, w io.Writer) error {
	refreshToken, err := fetch(ctx, strongroom, id)
	if err != nil {
		return err
	}
	// After the data, since fetching it may have renewed the token.
	about, err := strongroom.Get(ctx, id)
	if err != nil {
		return err
	}
	describe(w, about, refreshToken)
	if !force {
		_, err := io.WriteString(w, lesson)
		return err
	}
	after, err := strongroom.Refresh(ctx, id)
	if err != nil {
		return fmt.Errorf("it was not renewed: %w", err)
	}
	_, err = fmt.Fprintf(w, "Strongroom has renewed it: version %d is now %d, and its end has moved from %s to %s.\n",
		about.Version, after.Version, when(about.ExpiresAt), when(after.ExpiresAt))
	return err
}

// fetch opens the credential, and tells whether a refresh token is among its data.
func fetch(ctx context.Context, strongroom *client.Client, id string) (refreshToken bool, err error) {
	data, err := strongroom.Open(ctx, id)
	if refused := (*client.Error)(nil); errors.As(err, &refused) && refused.Code == "reauthorization_required" {
		return false, fmt.Errorf("no program can renew it, a person has to connect the account again: %w", err)
	}
	if err != nil {
		return false, err
	}
	defer data.Destroy()
	var members struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	if json.Unmarshal(data.Reveal(), &members) != nil || members.AccessToken == "" {
		return false, errors.New("there is no access token in this credential: it is none of OAuth's, and nothing of it is renewed")
	}
	return members.RefreshToken != "", nil
}

func describe(w io.Writer, about api.Credential, refreshToken bool) {
	_, _ = fmt.Fprintf(w, "%q is a credential for %s: %s, version %d.\n", about.Name, about.Provider, about.Status, about.Version)
	_, _ = fmt.Fprintf(w, "It came with an access token that is valid until %s.\n", when(about.ExpiresAt))
	if refreshToken {
		_, _ = fmt.Fprintln(w, "It came with a refresh token.")
	} else {
		_, _ = fmt.Fprintln(w, "It came without a refresh token: the provider gave none, or this service account's grants do not show it.")
	}
	if about.NextRefreshAt != nil {
		_, _ = fmt.Fprintf(w, "Strongroom renews it at %s, or sooner if somebody needs it.\n", when(about.NextRefreshAt))
	} else {
		_, _ = fmt.Fprintln(w, "Strongroom has no renewal ahead of it.")
	}
}

func when(t *time.Time) string {
	if t == nil {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}
