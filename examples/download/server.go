package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"strongroom/secret"
)

// connectTimeout bounds connecting and signing in.
const connectTimeout = 30 * time.Second

// server is an SSH server, and how to sign in to it.
type server struct {
	address string
	user    string
	methods []ssh.AuthMethod
	keys    hostKeys
}

// credential is the data of an SFTP credential, of any of its types. Keys and passphrases
// have two spellings.
type credential struct {
	Host                 string      `json:"host"`
	Port                 json.Number `json:"port"`
	Username             string      `json:"username"`
	AuthType             string      `json:"auth_type"`
	Password             string      `json:"password"`
	PrivateKeyData       string      `json:"private_key_data"`
	PrivateKey           string      `json:"private_key"`
	PrivateKeyPassphrase string      `json:"private_key_passphrase"`
	Passphrase           string      `json:"passphrase"`
	HostKey              oneOrMore   `json:"host_key"`
}

// newServer reads the credential's data. knownHost is the line of known_hosts that
// Strongroom keeps of the first connection; it may be empty.
func newServer(data secret.Value, knownHost string) (*server, error) {
	var c credential
	if json.Unmarshal(data.Reveal(), &c) != nil {
		return nil, errors.New("the credential's data is not that of an SFTP server")
	}
	port, err := cmp.Or(c.Port, "22").Float64()
	if err != nil {
		return nil, errors.New("the credential's port is no number")
	}
	host := strings.Trim(c.Host, "[]")
	s := &server{address: net.JoinHostPort(host, strconv.Itoa(int(port))), user: c.Username}
	if s.keys, err = trusted(c.HostKey, knownHost, host, int(port)); err != nil {
		return nil, err
	}
	s.methods, err = c.methods()
	return s, err
}

// methods are the key and the password; auth_type says which where it is there.
func (c credential) methods() (methods []ssh.AuthMethod, err error) {
	if key := cmp.Or(c.PrivateKeyData, c.PrivateKey); key != "" && c.AuthType != "password" {
		var signer ssh.Signer
		if passphrase := cmp.Or(c.PrivateKeyPassphrase, c.Passphrase); passphrase != "" {
			signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(passphrase))
		} else {
			signer, err = ssh.ParsePrivateKey([]byte(key))
		}
		if err != nil {
			return nil, errors.New("the credential's private key cannot be opened")
		}
		methods = append(methods, ssh.PublicKeys(signer))
	}
	if c.Password != "" && c.AuthType != "private_key" {
		methods = append(methods, ssh.Password(c.Password))
	}
	return methods, nil
}

// connect signs in, once the server has shown a key that is trusted. It shows one a
// connection, of a kind that it is asked for: each kind is asked for in turn.
func (s *server) connect(ctx context.Context) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	shown := ""
	for _, kind := range hostKeyKinds {
		connection, err := s.attempt(ctx, kind)
		var negotiation *ssh.AlgorithmNegotiationError
		var other *untrusted
		switch {
		case errors.As(err, &negotiation):
		case errors.As(err, &other):
			shown = cmp.Or(shown, other.fingerprint)
		default:
			return connection, err
		}
	}
	if shown == "" {
		return nil, fmt.Errorf("the server at %s and this program have no algorithm in common", s.address)
	}
	return nil, fmt.Errorf("the server at %s shows the host key %s and not %s; nothing was sent to it. Ask its operator whether the key was changed, and only then store the new one as host_key",
		s.address, shown, strings.Join(s.keys, " or "))
}

// attempt connects and signs in, with a host key by one of the algorithms.
func (s *server) attempt(ctx context.Context, algorithms []string) (*ssh.Client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, fmt.Errorf("the server is not reached: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	inner, channels, requests, err := ssh.NewClientConn(conn, s.address, &ssh.ClientConfig{
		User: s.user, Auth: s.methods, HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error { return s.keys.check(key) },
	})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("signing in at %s failed: %w", s.address, err)
	}
	return ssh.NewClient(inner, channels, requests), nil
}
