package rekey_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/internal/store/postgres/postgrestest"
)

const credentials = "/api/integrations/credentials"

// scene is a database, and the server processes over it.
type scene struct {
	*testing.T
	dir       string
	jwtSecret []byte
	// arguments configure a process that has the database's root key.
	arguments []string
	server    *apptest.Process
	// keys has an API key of each organization, by its UUID. Organizations are made while
	// traffic goes on.
	keys sync.Map
}

// overBoth runs a test over each kind of database.
func overBoth(t *testing.T, test func(s *scene)) {
	t.Helper()
	cluster := postgrestest.New(t)
	for name, open := range map[string]func(t *testing.T) []string{
		"SQLite":     func(*testing.T) []string { return nil },
		"PostgreSQL": func(t *testing.T) []string { return []string{"--database-url", cluster.Database(t).URL} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := &scene{T: t, dir: dir, jwtSecret: apptest.Prepare(t, dir)}
			s.arguments = append([]string{"--data", dir, "--refresh-workers", "0"}, open(t)...)
			test(s)
		})
	}
}

// serve starts the server, with more flags.
func (s *scene) serve(more ...string) {
	s.Helper()
	s.server = apptest.StartProcess(s, s.dir, s.jwtSecret, nil, append(append(s.arguments[2:len(s.arguments):len(s.arguments)],
		"--credentials-per-provider", "0", "--credentials-per-user", "0"), more...)...)
}

func (s *scene) stop() {
	s.Helper()
	s.server.Signal(os.Interrupt)
	if code := s.server.Wait(); code != 0 {
		s.Errorf("the server ended with %d:\n%s", code, s.server.Output)
	}
}

// newRoot makes a root key and returns where it is.
func (s *scene) newRoot() string {
	s.Helper()
	key, err := seal.GenerateRootKey()
	s.must(err)
	path := filepath.Join(s.TempDir(), "root.key")
	s.must(os.WriteFile(path, key.Reveal(), 0o600))
	return "file:" + path
}

// look opens the database to read it.
func (s *scene) look(do func(db store.Store)) {
	s.Helper()
	c, err := configure(s.arguments)
	s.must(err)
	db, err := app.OpenStore(s.Context(), c)
	s.must(err)
	do(db)
	s.must(db.Close())
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// wantVerified checks the audit log with the root key that is configured now.
func (s *scene) wantVerified(more ...string) {
	s.Helper()
	c, err := configure(append(s.arguments, more...))
	s.must(err)
	s.look(func(db store.Store) {
		options, err := app.Verification(s.Context(), c, db)
		s.must(err)
		report, err := audit.Verify(s.Context(), db, options)
		s.must(err)
		if !report.OK() {
			s.Errorf("the audit log is not whole: %+v", report.Problems)
		}
	})
}

func (s *scene) organization() uuid.UUID {
	s.Helper()
	id := uuid.New()
	s.keys.Store(id, s.server.APIKey(id, "worker"))
	return id
}

func data(label string) string {
	return fmt.Sprintf(`{"host":"sftp.example.com","username":"upload","password":"%s"}`, label)
}

func (s *scene) create(organization uuid.UUID, label string) (id string) {
	s.Helper()
	var c api.Credential
	s.server.Do(apptest.Request{Method: http.MethodPost, Path: credentials, Token: s.user(organization),
		Body: api.CreateCredential{Name: label, Provider: "sftp", CredentialType: "user_password", Credentials: api.SecretObject(data(label))}}).
		Want(s, http.StatusCreated).Into(s, &c)
	return c.ID
}

// user is the one user of an organization, so that all credentials are their own.
func (s *scene) user(organization uuid.UUID) string {
	return s.server.UserToken(organization, uuid.NewSHA1(organization, []byte("user")), strongroom.RoleAppUser)
}

func (s *scene) read(organization uuid.UUID, id string) apptest.Answer {
	s.Helper()
	key, _ := s.keys.Load(organization)
	return s.server.Do(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + "/credentials", Key: key.(string)})
}

func (s *scene) wantData(organization uuid.UUID, id, label string) {
	s.Helper()
	if a := s.read(organization, id).Want(s, http.StatusOK); string(a.Body) != data(label) {
		s.Errorf("credential %s does not open to what was acknowledged", id)
	}
}

// traffic reads and writes an organization's credentials until it is ended.
type traffic struct {
	*scene
	organization uuid.UUID
	// held is what was acknowledged last, by credential.
	held map[string]string
	done chan struct{}
	over sync.WaitGroup

	mu    sync.Mutex
	reads int
}

// begin has a few writers at work, each on credentials of its own.
func (s *scene) begin(organization uuid.UUID, each int) *traffic {
	s.Helper()
	w := &traffic{scene: s, organization: organization, held: map[string]string{}, done: make(chan struct{})}
	for i := range 3 {
		mine := map[string]string{}
		for j := range each {
			label := fmt.Sprintf("%d-%d", i, j)
			mine[s.create(organization, label)] = label
		}
		w.over.Go(func() { w.work(mine) })
	}
	return w
}

func (w *traffic) work(mine map[string]string) {
	var ids []string
	for id := range mine {
		ids = append(ids, id)
	}
	random := rand.New(rand.NewPCG(1, uint64(len(ids))))
	for n := 0; ; n++ {
		select {
		case <-w.done:
			w.mu.Lock()
			defer w.mu.Unlock()
			for id, label := range mine {
				w.held[id] = label
			}
			return
		default:
		}
		id := ids[random.IntN(len(ids))]
		if n%3 == 0 {
			label := fmt.Sprintf("%s-%d", id, n)
			w.server.Do(apptest.Request{Method: http.MethodPatch, Path: credentials + "/" + id, Token: w.user(w.organization),
				Body: api.UpdateCredential{CredentialType: "user_password", Credentials: api.SecretObject(data(label))}}).Want(w, http.StatusOK)
			mine[id] = label
		}
		w.wantData(w.organization, id, mine[id])
		w.mu.Lock()
		w.reads++
		w.mu.Unlock()
	}
}

// end ends the traffic and returns what was acknowledged last.
func (w *traffic) end() map[string]string {
	w.Helper()
	close(w.done)
	w.over.Wait()
	w.Logf("%d reads meanwhile", w.reads)
	if w.reads == 0 {
		w.Error("nothing was read meanwhile")
	}
	return w.held
}
