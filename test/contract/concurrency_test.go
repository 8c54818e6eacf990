package contract_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

func TestChangesAtOnceFollowOneAnother(t *testing.T) { onEither(t, nil, changesAtOnceFollowOneAnother) }

func changesAtOnceFollowOneAnother(t *testing.T, s *scene) {
	program := s.account(s.here.id)
	id := s.store(s.here.owner, sftp("x", "first"))
	path := credentialsPath + "/" + id
	const writers, each = 4, 8
	var mu sync.Mutex
	answers := map[int64]string{}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				password := fmt.Sprintf("%d-%d", w, i)
				a, err := s.Try(s.here.owner.sign(apptest.Request{Method: "PATCH", Path: path, Body: replacement(password)}))
				if err != nil || a.Status != 200 && a.Status != 409 {
					t.Errorf("a change is answered %d %v: %s", a.Status, err, a.Body)
					return
				}
				if a.Status == 409 {
					continue
				}
				var got struct{ Version int64 }
				a.Into(t, &got)
				mu.Lock()
				if answers[got.Version] != "" {
					t.Errorf("version %d was given twice", got.Version)
				}
				answers[got.Version] = password
				mu.Unlock()
			}
		})
	}
	group.Wait()
	last := int64(s.object(s.get(s.here.owner, path), 200)["version"].(float64))
	want(t, "the last version", last, len(answers)+1)
	for version := int64(2); version <= last; version++ {
		if answers[version] == "" {
			t.Errorf("nobody was answered version %d", version)
		}
	}
	want(t, "the data", s.opened(program, id), sftp("", answers[last])["credentials"])
	if len(answers) < each {
		t.Errorf("of %d changes only %d came through", writers*each, len(answers))
	}
}

func TestAfterADeletionNoReadSucceeds(t *testing.T) { onEither(t, nil, afterADeletionNoReadSucceeds) }

func afterADeletionNoReadSucceeds(t *testing.T, s *scene) {
	program := s.account(s.here.id)
	path := credentialsPath + "/" + s.store(s.here.owner, sftp("x", "pw"))
	s.get(program, path+"/credentials").Want(t, 200)
	s.afterwards(t, program, path+"/credentials", 404, func() { s.call(s.here.owner, "DELETE", path, nil).Want(t, 204) })
}

func TestAfterAKeysDeletionNoRequestOfItsSucceeds(t *testing.T) {
	onEither(t, nil, afterAKeysDeletionNoRequestOfItsSucceeds)
}

func afterAKeysDeletionNoRequestOfItsSucceeds(t *testing.T, s *scene) {
	path := credentialsPath + "/" + s.store(s.here.owner, sftp("x", "pw"))
	account, _ := s.newAccount(s.here.admin, "sync")
	key, _, program := s.newKey(s.here.admin, account, object{"name": "key"})
	s.afterwards(t, program, path+"/credentials", 401, func() { s.call(s.here.admin, "DELETE", key, nil).Want(t, 204) })
}

// afterwards reads all the while, and holds every read that began after end returned to
// the status; those before it may end either way.
func (s *scene) afterwards(t *testing.T, w who, path string, status int, end func()) {
	t.Helper()
	const readers = 4
	ended := make(chan struct{})
	reading := make(chan struct{}, readers)
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for rounds := 0; ; rounds++ {
				over := false
				select {
				case <-ended:
					over = true
				default:
				}
				a, err := s.Try(w.sign(apptest.Request{Method: "GET", Path: path}))
				allowed := []int{200, status}
				if over {
					allowed = []int{status}
				}
				if err != nil || !slices.Contains(allowed, a.Status) {
					t.Errorf("a read is answered %d %v, want one of %v", a.Status, err, allowed)
					over = true
				}
				if rounds == 0 {
					reading <- struct{}{}
				}
				if over {
					return
				}
			}
		})
	}
	for range readers {
		<-reading
	}
	end()
	close(ended)
	group.Wait()
}

func TestCreatingAtOnceKeepsTheLimit(t *testing.T) {
	onEither(t, func(c *app.Config) { c.CredentialsPerProvider = 5 }, creatingAtOnceKeepsTheLimit)
}

func creatingAtOnceKeepsTheLimit(t *testing.T, s *scene) {
	var group sync.WaitGroup
	statuses := make(chan int, 12)
	for range cap(statuses) {
		group.Go(func() {
			a, err := s.Try(s.here.owner.sign(apptest.Request{Method: "POST", Path: credentialsPath, Body: sftp("x", "pw")}))
			if err != nil {
				t.Error(err)
			}
			statuses <- a.Status
		})
	}
	group.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	want(t, "the answers", count, map[int]int{201: 5, 400: 7})
	want(t, "the list", len(s.list(s.get(s.here.owner, credentialsPath))), 5)
}

func TestOneNameAtOnceIsTakenOnce(t *testing.T) { onEither(t, nil, oneNameAtOnceIsTakenOnce) }

func oneNameAtOnceIsTakenOnce(t *testing.T, s *scene) {
	var group sync.WaitGroup
	statuses := make(chan int, 8)
	for range cap(statuses) {
		group.Go(func() {
			a, err := s.Try(s.here.admin.sign(apptest.Request{Method: "POST", Path: accountsPath, Body: object{"name": "sync"}}))
			if err != nil {
				t.Error(err)
			}
			statuses <- a.Status
		})
	}
	group.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	want(t, "the answers", count, map[int]int{201: 1, 409: 7})
}
