package health_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/health"
	"strongroom/internal/store"
	"strongroom/secret"
)

// try tests data of the quick provider that is not stored.
func (s *scene) try(data secret.Value) (strongroom.CheckResult, error) {
	return s.TestConnection(s.Context(), s.person(), "Quick", "api_key", data)
}

func TestAConnectionIsTestedAndRecorded(t *testing.T) {
	for name, row := range map[string]struct {
		found strongroom.CheckResult
		want  string
	}{
		"one that works":        {works, "user allowed ok"},
		"one that does not":     {fails(strongroom.CheckAuth), "user failed auth"},
		"one without an answer": {fails(strongroom.CheckTimeout), "user failed timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				s.far.says(row.found)
				data := key()
				got, err := s.try(data)
				s.must(err)
				if got.Success != row.found.Success || got.Code != row.found.Code || got.Message != row.found.Message || got.Phases == nil {
					t.Errorf("the result is %+v", got)
				}
				s.wantEvents(strongroom.ActionConnectionTest, row.want)
				e := s.events(strongroom.ActionConnectionTest)[0]
				if e.Provider != "quick" || e.PrincipalID != s.user || e.RequestID != "asked" || e.CredentialID != uuid.Nil {
					t.Errorf("on record is %+v", e)
				}
				tested := s.far.tests()[0]
				if string(tested.Data.Reveal()) != `{"key":"`+canary+`"}` || tested.Provider != "quick" || tested.Type != "api_key" || tested.LookOnly || tested.KnownHost != "" {
					t.Errorf("tested was %+v", tested)
				}
				if strings.Contains(string(data.Reveal()), canary) {
					t.Error("the data was not destroyed")
				}
			})
		})
	}
}

func TestWhatIsNoConnectionIsNotTested(t *testing.T) {
	run(t, func(s *scene) {
		worker := strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindServiceAccount, ID: uuid.New(), OrganizationID: s.organization, Grants: []strongroom.Grant{{}}}}
		for name, row := range map[string]struct {
			caller   strongroom.Caller
			provider string
			typ      strongroom.CredentialType
			data     string
			want     strongroom.Code
		}{
			"a caller who may not":   {worker, "quick", "api_key", `{"key":"` + canary + `"}`, strongroom.CodeForbidden},
			"an unknown provider":    {s.person(), "nobody", "api_key", `{"key":"` + canary + `"}`, strongroom.CodeInvalidProvider},
			"an unknown type":        {s.person(), "quick", "key_file", `{"key":"` + canary + `"}`, strongroom.CodeValidation},
			"data of another schema": {s.person(), "quick", "api_key", `{"key":7,"` + canary + `":1}`, strongroom.CodeValidation},
			"no JSON":                {s.person(), "quick", "api_key", canary, strongroom.CodeValidation},
			"what has no test":       {s.person(), "file_storage", "user_password", `{"host":"h.example","share":"s","username":"u","password":"` + canary + `"}`, strongroom.CodeBadRequest},
			"a test nobody can make": {s.person(), "postgresql", "user_password", `{"connection_string":"postgres://` + canary + `@h/d"}`, strongroom.CodeBadRequest},
		} {
			_, err := s.TestConnection(s.Context(), row.caller, row.provider, row.typ, secret.New([]byte(row.data)))
			if strongroom.CodeOf(err) != row.want || strings.Contains(err.Error(), canary) {
				t.Errorf("%s: answered %v, want %s", name, err, row.want)
			}
			var e *strongroom.Error
			if errors.As(err, &e) && row.want == strongroom.CodeValidation {
				if at := e.Fields[0].Location; at[0] != "body" {
					t.Errorf("%s: the field is at %v", name, at)
				}
			}
		}
		if len(s.far.tests()) != 0 {
			t.Error("something was tested")
		}
		s.wantEvents(strongroom.ActionConnectionTest, "service_account denied forbidden")
	})
}

func TestAResultThatCannotBeRecordedIsNotGivenOut(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		s.far.does(func(context.Context, health.Subject) strongroom.CheckResult {
			s.audit.fails(func() error { return store.ErrUnavailable })
			return works
		})
		got, err := s.try(key())
		if e := s.wantCode(err, strongroom.CodeAuditUnavailable); e.RetryAfter <= 0 || got.Success {
			t.Errorf("the result is %+v, %+v", got, e)
		}
		s.audit.fails(nil)
		check, err := s.TestCredential(s.Context(), s.person(), c.ID, "")
		s.wantCode(err, strongroom.CodeAuditUnavailable)
		s.audit.fails(nil)
		if check.Success {
			t.Errorf("the result is %+v", check)
		}
		s.wantHealth(c.ID, strongroom.HealthUnknown, 0, 0)
		s.audit.fails(func() error { return store.ErrUnavailable })
		_, err = s.TestConnection(s.Context(), strongroom.Unattended(s.organization), "quick", "api_key", key())
		s.wantCode(err, strongroom.CodeAuditUnavailable)
		s.audit.fails(nil)
	})
}

func TestAPanicOfATesterIsAResult(t *testing.T) {
	run(t, func(s *scene) {
		s.far.does(func(_ context.Context, sub health.Subject) strongroom.CheckResult { panic(string(sub.Data.Reveal())) })
		got, err := s.try(key())
		s.must(err)
		if got.Success || got.Code != strongroom.CheckProtocol || !strings.Contains(got.Message, "could not be tested") {
			t.Errorf("the result is %+v", got)
		}
		c := s.create("quick")
		s.ask(c.ID)
		s.wantHealth(c.ID, strongroom.HealthFailing, 1, 0)
		s.wantEvents(strongroom.ActionConnectionTest, "user failed protocol")
		s.wantEvents(strongroom.ActionCredentialTest, "user failed protocol")
		if strings.Count(s.log.String(), "a connection test panicked") != 2 || !strings.Contains(s.log.String(), "stack=") {
			t.Errorf("the log says %s", s.log)
		}
	})
}

func TestATestEndsInTime(t *testing.T) {
	run(t, func(s *scene) {
		s.far.does(func(ctx context.Context, _ health.Subject) strongroom.CheckResult {
			<-ctx.Done()
			return fails(strongroom.CheckTimeout)
		})
		c, began := s.create("quick"), time.Now()
		_, err := s.try(key())
		s.must(err)
		s.ask(c.ID)
		if took := time.Since(began); took != 40*time.Second {
			t.Errorf("two tests took %s", took)
		}
		s.wantHealth(c.ID, strongroom.HealthFailing, 1, 0)
	})
}

// TestATestGoesOnWithoutWhoAskedForIt: whatever it did at the far end was done, and is on
// record.
func TestATestGoesOnWithoutWhoAskedForIt(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		ctx, leave := context.WithCancel(s.Context())
		s.far.does(func(ctx context.Context, _ health.Subject) strongroom.CheckResult {
			leave()
			if ctx.Err() != nil {
				t.Error("the test ends with its caller")
			}
			return fails(strongroom.CheckAuth)
		})
		_, err := s.TestConnection(ctx, s.person(), "quick", "api_key", key())
		s.must(err)
		ctx, leave = context.WithCancel(s.Context())
		defer leave()
		_, err = s.TestCredential(ctx, s.person(), c.ID, "")
		s.must(err)
		s.wantEvents(strongroom.ActionConnectionTest, "user failed auth")
		s.wantEvents(strongroom.ActionCredentialTest, "user failed auth")
		s.wantHealth(c.ID, strongroom.HealthFailing, 1, 1)
	})
}

func TestWhatWillEndIsToldWithTheResult(t *testing.T) {
	run(t, func(s *scene) {
		end := time.Now().Add(72 * time.Hour).UTC().Truncate(time.Second)
		got, err := s.try(secret.New([]byte(`{"key":"` + canary + `","client_secret_expires_at":"` + end.Format(time.RFC3339) + `"}`)))
		s.must(err)
		if len(got.Warnings) != 1 || got.Warnings[0].Kind != "client_secret" || !got.Warnings[0].ExpiresAt.Equal(end) {
			t.Errorf("warned of %+v", got.Warnings)
		}
		found := works
		found.Details = map[string]any{"server_certificate_expires_at": end.Format(time.RFC3339)}
		s.far.says(found)
		c := s.create("quick")
		if got := s.ask(c.ID).Warnings; len(got) != 1 || got[0].Kind != "server_certificate" {
			t.Errorf("warned of %+v", got)
		}
		s.wantHealth(c.ID, strongroom.HealthExpiring, 0, 0)
	})
}

func TestTestsOnDemandAreBounded(t *testing.T) {
	for name, row := range map[string]struct {
		concurrent, perOrganization int
		other                       strongroom.Code
	}{
		"each organization's": {64, 3, ""},
		"all together":        {3, 64, strongroom.CodeRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				s.Service = s.another(health.Options{Concurrent: row.concurrent, PerOrganization: row.perOrganization})
				c, release := s.create("quick"), make(chan struct{})
				s.far.does(func(context.Context, health.Subject) strongroom.CheckResult { <-release; return works })
				ended := make(chan error, 3)
				for range 2 {
					go func() { _, err := s.try(key()); ended <- err }()
				}
				go func() { _, err := s.TestCredential(s.Context(), s.person(), c.ID, ""); ended <- err }()
				synctest.Wait()

				_, err := s.try(key())
				if e := s.wantCode(err, strongroom.CodeRateLimited); e.RetryAfter <= 0 {
					t.Error("nobody says when to come back")
				}
				_, err = s.TestCredential(s.Context(), s.person(), c.ID, "")
				s.wantCode(err, strongroom.CodeRateLimited)
				stranger := s.person()
				stranger.OrganizationID = uuid.New()
				go func() { _, err := s.TestConnection(s.Context(), stranger, "quick", "api_key", key()); ended <- err }()
				synctest.Wait()
				if row.other != "" {
					s.wantCode(<-ended, row.other)
				}
				close(release)
				for range 3 {
					s.must(<-ended)
				}
				if row.other == "" {
					s.must(<-ended)
				}
				_, err = s.try(key())
				s.must(err)
			})
		})
	}
}

func TestEveryTestIsObserved(t *testing.T) {
	run(t, func(s *scene) {
		type seen struct {
			provider string
			trigger  strongroom.CheckTrigger
			success  bool
			took     time.Duration
		}
		var all []seen
		s.Service = s.another(health.Options{
			Testers: map[catalog.Test]health.Tester{catalog.TestHTTP: func(context.Context, health.Subject) strongroom.CheckResult {
				<-time.After(3 * time.Second)
				return works
			}},
			Observe: func(provider string, trigger strongroom.CheckTrigger, r strongroom.CheckResult, took time.Duration) {
				all = append(all, seen{provider, trigger, r.Success, took})
			},
		})
		_, err := s.try(key())
		s.must(err)
		c := s.create("slow")
		s.ask(c.ID)
		stop := s.background(1, s.Service)
		defer stop()
		after(every + time.Minute)
		want := []seen{
			{"quick", strongroom.CheckRequested, true, 3 * time.Second}, {"slow", strongroom.CheckRequested, true, 3 * time.Second},
			{"slow", strongroom.CheckScheduled, true, 3 * time.Second},
		}
		if len(all) != len(want) || all[0] != want[0] || all[1] != want[1] || all[2] != want[2] {
			t.Errorf("observed %+v", all)
		}
	})
}
