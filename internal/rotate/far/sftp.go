package far

import (
	"bytes"
	"cmp"
	"context"
	"strings"
	"unicode"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"strongroom"
	"strongroom/internal/probe"
	"strongroom/secret"
)

const (
	memberKeysPath = "authorized_keys_path"
	// defaultKeysPath is below the folder that the user starts in.
	defaultKeysPath = ".ssh/authorized_keys"
)

var errNotOpening = refused("The new key is not in the file of authorized keys, so that the old one is left in it; check authorized_keys_path")

// TestSFTP signs in with a credential's data and starts SFTP. It neither looks at nor writes
// any file. knownHost is the line that an earlier connection left behind, or "".
func (f Far) TestSFTP(ctx context.Context, data secret.Value, knownHost string) strongroom.CheckResult {
	s, err := probe.SFTPData(data)
	if err != nil {
		return unfit(err)
	}
	s.KnownHost = knownHost
	r, err := f.Prober.WithSFTP(ctx, s, func(context.Context, *sftp.Client) error { return nil })
	return concluded(r, err, "Connected and signed in")
}

// AddKey signs in with a credential's data and adds a public key, a line of authorized_keys
// without options and comment, to the user's file; with the comment and the options of the
// key that the credential signs in with, so that what that was restricted to the new one is,
// too. Where the key is in the file, nothing is written.
func (f Far) AddKey(ctx context.Context, data secret.Value, knownHost, public, comment string) strongroom.CheckResult {
	key, err := publicBlob(public)
	if err != nil {
		return unfit(err)
	}
	line := publicLine(key)
	if comment = strings.TrimSpace(strings.Map(visible, comment)); comment != "" {
		line += " " + comment
	}
	var present []byte
	if own, err := PublicOf(data); err == nil {
		if k, err := publicBlob(own); err == nil {
			present = k.Marshal()
		}
	}
	return f.withFile(ctx, data, knownHost, "The new key is in the file of authorized keys", func(ctx context.Context, file *keyFile) error {
		more := addition(file.text, key.Marshal(), present, line)
		if more == nil {
			return nil
		}
		end := int64(len(file.text))
		return file.write(ctx, append(file.text[:end:end], more...), patch{end, more})
	})
}

// RemoveKey signs in with a credential's data and takes the old public key out of the user's
// file, in whichever lines and with whatever options and comments it stands there; but only
// where the new one is in the file, too: otherwise the code is permission, and nothing is
// written. Where the old key is not in the file, nothing is either.
func (f Far) RemoveKey(ctx context.Context, data secret.Value, knownHost, oldPublic, newPublic string) strongroom.CheckResult {
	var keys [2]ssh.PublicKey
	for i, public := range []string{oldPublic, newPublic} {
		var err error
		if keys[i], err = publicBlob(public); err != nil {
			return unfit(err)
		}
	}
	return f.withFile(ctx, data, knownHost, "The old key is not in the file of authorized keys any more", func(ctx context.Context, file *keyFile) error {
		found, ok := removal(file.text, keys[0].Marshal(), keys[1].Marshal())
		switch {
		case !ok:
			return errNotOpening
		case len(found) == 0:
			return nil
		}
		var inPlace []patch
		for _, e := range found {
			// A comment of the same length.
			inPlace = append(inPlace, patch{int64(e.begin), bytes.Repeat([]byte("#"), e.end-e.begin)})
		}
		return file.write(ctx, without(file.text, found), inPlace...)
	})
}

// withFile reads the user's file of authorized keys and has it changed.
func (f Far) withFile(ctx context.Context, data secret.Value, knownHost, done string, change func(context.Context, *keyFile) error) strongroom.CheckResult {
	s, err := probe.SFTPData(data)
	if err != nil {
		return unfit(err)
	}
	d, err := parse(data)
	if err != nil {
		return unfit(err)
	}
	s.KnownHost = knownHost
	path := cmp.Or(d.plain(memberKeysPath), defaultKeysPath)
	r, err := f.Prober.WithSFTP(ctx, s, func(ctx context.Context, client *sftp.Client) error {
		file, err := open(client, path)
		if err != nil {
			return err
		}
		return change(ctx, file)
	})
	return concluded(r, err, done)
}

// visible drops what would break a line.
func visible(r rune) rune {
	if unicode.IsControl(r) {
		return -1
	}
	return r
}
