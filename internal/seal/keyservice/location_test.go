package keyservice_test

import (
	"errors"
	"strings"
	"testing"

	"strongroom/internal/seal"
	"strongroom/internal/seal/keyservice"
)

func TestLocationsThatAreRefused(t *testing.T) {
	isolateAWS(t)
	for _, name := range []string{"VAULT_TOKEN", "VAULT_TOKEN_FILE", "VAULT_ADDR", "VAULT_CACERT", "BAO_TOKEN", "BAO_TOKEN_FILE", "BAO_ADDR", "BAO_CACERT"} {
		t.Setenv(name, "")
	}
	const gcp = "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k"
	for _, c := range []struct{ name, where, says string }{
		{"no AWS key", "awskms://?region=eu-west-1", "the key is its id"},
		{"an AWS key with spaces", "awskms://a canary?region=eu-west-1", "the key is its id"},
		{"an ARN of another service", "awskms://arn:aws:s3:eu-west-1:123456789012:key/canary", "the key is its id"},
		{"an ARN of another region", "awskms://arn:aws:kms:eu-west-1:123456789012:key/canary?region=us-east-1", "in the region that is named"},
		{"no region", "awskms://alias/canary", "AWS_REGION"},
		{"a region with a host in it", "awskms://alias/canary?region=x.example.com/", "name the region"},
		{"an unknown parameter", "awskms://alias/canary?regoin=eu-west-1", "the parameters are"},
		{"a parameter twice", "awskms://alias/canary?region=eu-west-1&region=eu-west-2", "once each"},
		{"a query that is none", "awskms://alias/canary?%zz", "NAME=VALUE"},
		{"plain HTTP to another machine", "awskms://alias/canary?region=eu-west-1&endpoint=http://canary.example.com", "https://"},
		{"an endpoint with a password", "awskms://alias/canary?region=eu-west-1&endpoint=https://u:canary@example.com", "an address is a URL"},
		{"a Google key without its ring", "gcpkms://projects/p/locations/l/cryptoKeys/canary", "keyRings"},
		{"a version of a Google key", gcp + "/cryptoKeyVersions/1", "without a version"},
		{"a Google key that climbs", "gcpkms://projects/../locations/l/keyRings/r/cryptoKeys/../canary", "keyRings"},
		{"plain HTTP to another Google", gcp + "?endpoint=http://canary.example.com", "https://"},
		{"an Azure key without its vault", "azurekeyvault:///keys/canary", "VAULT.vault.azure.net"},
		{"an Azure host of somebody else", "azurekeyvault://vault.azure.net.canary.example.com/keys/k", "resource="},
		{"an Azure resource of plain HTTP", "azurekeyvault://canary.example.com/keys/k?resource=http://vault.azure.net", "resource="},
		{"a short Azure version", "azurekeyvault://v.vault.azure.net/keys/canary/1", "/VERSION"},
		{"no Transit key", "hashivault://?address=https://vault.example.com", "the key is a name"},
		{"a Transit key that climbs", "hashivault://../canary?address=https://vault.example.com", "the key is a name"},
		{"a Transit mount that climbs", "hashivault://k?address=https://vault.example.com&mount=../canary", "mount"},
		{"no Vault", "hashivault://canary", "VAULT_ADDR"},
		{"plain HTTP to another Vault", "hashivault://k?address=http://canary.example.com:8200", "https://"},
		{"an unknown service", "canary://k", "hashivault://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := keyservice.Open(t.Context(), c.where, keyservice.Options{})
			if err == nil || k != nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an error that says %q", err, c.says)
			}
			if seal.Away(err) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v: it is to stop the start, and to repeat nothing", err)
			}
		})
	}
}

func TestAServerWithoutATokenIsRefused(t *testing.T) {
	for _, name := range []string{"VAULT_TOKEN", "VAULT_TOKEN_FILE", "BAO_TOKEN", "BAO_TOKEN_FILE", "VAULT_CACERT", "BAO_CACERT"} {
		t.Setenv(name, "")
	}
	_, err := keyservice.Open(t.Context(), "hashivault://k?address=http://127.0.0.1:1", keyservice.Options{})
	wantRefused(t, err, "VAULT_TOKEN_FILE")
	t.Setenv("BAO_TOKEN_FILE", t.TempDir())
	_, err = keyservice.Open(t.Context(), "hashivault://k?address=http://127.0.0.1:1", keyservice.Options{})
	wantRefused(t, err, "cannot be read")
	t.Setenv("VAULT_CACERT", t.TempDir())
	if _, err = keyservice.Open(t.Context(), "hashivault://k?address=http://127.0.0.1:1", keyservice.Options{}); err == nil || errors.Is(err, seal.ErrKeeper) || !strings.Contains(err.Error(), "VAULT_CACERT") {
		t.Errorf("got %v, want that the certificates cannot be read", err)
	}
}
