package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"strongroom"
	"strongroom/internal/identity"
	"strongroom/secret"
)

// Issuer is one whose JWTs are accepted.
type Issuer struct {
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
	// JWKSURL, or SecretFile (HS256), or neither: OIDC discovery at the issuer.
	JWKSURL    string `json:"jwks_url"`
	SecretFile string `json:"secret_file"`
	// The claims, as dotted paths.
	ClaimUser         string `json:"claim_user"`
	ClaimOrganization string `json:"claim_organization"`
	ClaimRole         string `json:"claim_role"`
	ClaimEmail        string `json:"claim_email"`
}

// Issuers are read from key=value pairs, or from JSON: one object or a list of them, as
// the configuration file and a variable give them.
type Issuers []Issuer

var _ kong.MapperValue = (*Issuers)(nil)

// Decode implements kong.MapperValue: each flag adds to the list.
func (l *Issuers) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("issuer", &text); err != nil {
		return err
	}
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "[") {
		return strictJSON(text, (*[]Issuer)(l))
	}
	var one Issuer
	err := error(nil)
	if strings.HasPrefix(text, "{") {
		err = strictJSON(text, &one)
	} else {
		err = one.parsePairs(text)
	}
	*l = append(*l, one)
	return err
}

func strictJSON(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("an issuer's settings cannot be read: %w", err)
	}
	return nil
}

// parsePairs reads issuer=URL,audience=NAME,…; the names are those of the JSON form.
func (i *Issuer) parsePairs(text string) error {
	v := reflect.ValueOf(i).Elem()
pairs:
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return errors.New("an issuer is written as key=value pairs: issuer=URL,audience=NAME")
		}
		for f := range v.NumField() {
			if v.Type().Field(f).Tag.Get("json") == strings.TrimSpace(name) {
				v.Field(f).SetString(strings.TrimSpace(value))
				continue pairs
			}
		}
		return unknownSetting(strings.TrimSpace(name))
	}
	return nil
}

// settingName is what a setting's name may look like to be repeated: what stands before
// an = may be a secret that has one in it.
var settingName = regexp.MustCompile(`^[a-z_]{1,20}$`)

func unknownSetting(name string) error {
	if settingName.MatchString(name) {
		return fmt.Errorf("an issuer has no setting %q", name)
	}
	return errors.New("an issuer has a setting that is not known; is there a comma in a value?")
}

// open makes the issuer ready to verify tokens.
func (i Issuer) open(client *http.Client, clock strongroom.Clock, log *slog.Logger) (*identity.Issuer, error) {
	config := identity.IssuerConfig{
		Issuer: i.Issuer, Audience: i.Audience, JWKSURL: i.JWKSURL,
		Claims: identity.ClaimPaths{User: i.ClaimUser, Organization: i.ClaimOrganization, Role: i.ClaimRole, Email: i.ClaimEmail},
	}
	if i.SecretFile != "" {
		value, err := ReadSecretFile(i.SecretFile)
		if err != nil {
			return nil, err
		}
		config.Secret = value
	}
	return identity.NewIssuer(config, client, clock, log)
}

// maxSecretFile bounds what is read of a file that should hold one secret, in bytes.
const maxSecretFile = 16 << 10

// ReadSecretFile reads a file that holds one secret, less its surrounding white space.
// A file that others may read is refused.
func ReadSecretFile(path string) (secret.Value, error) {
	f, err := os.Open(path)
	if err != nil {
		return secret.Value{}, fmt.Errorf("the secret file %s cannot be read: %w", path, err)
	}
	defer f.Close()
	if err := checkPrivate(f); err != nil {
		return secret.Value{}, err
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return secret.Value{}, fmt.Errorf("the secret file %s cannot be read: %w", path, err)
	}
	if len(content) > maxSecretFile {
		return secret.Value{}, fmt.Errorf("the secret file %s is larger than %d bytes: is it the right file?", path, maxSecretFile)
	}
	return secret.New(bytes.TrimSpace(content)), nil
}

// checkPrivate refuses a file that its group or others may read.
func checkPrivate(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("%s cannot be looked at: %w", f.Name(), err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others may read %s: run `chmod 600 %s`", f.Name(), f.Name())
	}
	return nil
}

// issuerTimeout bounds each call of an issuer.
const issuerTimeout = 10 * time.Second
