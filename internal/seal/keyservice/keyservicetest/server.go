package keyservicetest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Server is what the services have in common.
type Server struct {
	t       testing.TB
	handler http.Handler
	secure  bool

	mu      sync.Mutex
	server  *httptest.Server
	address string
	fault   http.HandlerFunc
	asked   int
}

// start has the handler serve on a free port of this machine until the test ends.
func start(t testing.TB, secure bool, handler http.Handler) *Server {
	t.Helper()
	s := &Server{t: t, handler: handler, secure: secure}
	s.open("127.0.0.1:0")
	s.address = s.server.Listener.Addr().String()
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) open(address string) {
	s.t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(s.serve)}}
	if s.secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server = server
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		// Only then does the server notice that the client is gone.
		_, _ = io.Copy(io.Discard, r.Body)
		fault(w, r)
		return
	}
	s.handler.ServeHTTP(w, r)
}

// Address is the host and port.
func (s *Server) Address() string { return s.address }

// Roots believe the server's certificate, where it has one.
func (s *Server) Roots() *x509.CertPool {
	s.mu.Lock()
	defer s.mu.Unlock()
	roots := x509.NewCertPool()
	if c := s.server.Certificate(); c != nil {
		roots.AddCert(c)
	}
	return roots
}

// Stop ends the server and every connection to it.
func (s *Server) Stop() {
	s.mu.Lock()
	server := s.server
	s.mu.Unlock()
	server.CloseClientConnections()
	server.Close()
}

// Restart brings a stopped server back, with its keys, where it was.
func (s *Server) Restart() {
	s.t.Helper()
	s.open(s.address)
}

// Fail has fault answer each request, until it is called with nil.
func (s *Server) Fail(fault http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Asked returns how many requests there were.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Answer returns a fault that answers with a status and a body.
func Answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// symmetric is a key with its versions, from 1.
type symmetric struct {
	versions [][]byte
	disabled bool
}

func newSymmetric() *symmetric {
	k := &symmetric{}
	k.rotate()
	return k
}

func (k *symmetric) rotate() {
	material := make([]byte, 32)
	_, _ = rand.Read(material)
	k.versions = append(k.versions, material)
}

func aead(material []byte) cipher.AEAD {
	block, err := aes.NewCipher(material)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

// seal encrypts under the newest version and returns which that is.
func (k *symmetric) seal(plaintext, associated []byte) (version int, ciphertext []byte) {
	version = len(k.versions)
	return version, aead(k.versions[version-1]).Seal(nil, nil, plaintext, associated)
}

// open decrypts under a version; false where there is none or it does not open.
func (k *symmetric) open(version int, ciphertext, associated []byte) ([]byte, bool) {
	if version < 1 || version > len(k.versions) {
		return nil, false
	}
	plaintext, err := aead(k.versions[version-1]).Open(nil, nil, ciphertext, associated)
	return plaintext, err == nil
}
