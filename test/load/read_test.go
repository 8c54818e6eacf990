package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/probe/pgtest"
	"strongroom/internal/store/postgres/postgrestest"
)

// BenchmarkSecretsRead is a read from door to door without the network: identity, policy,
// store, seal, and the durable audit record that concurrent reads share.
func BenchmarkSecretsRead(b *testing.B) {
	benchmarkReads(b, apptest.Start(b, unlimited))
}

// BenchmarkSecretsReadOnPostgres is the same over PostgreSQL.
func BenchmarkSecretsReadOnPostgres(b *testing.B) {
	database := postgrestest.On(b, pgtest.Private(b, "fsync=on")).Database(b)
	benchmarkReads(b, apptest.Start(b, func(c *app.Config) {
		unlimited(c)
		c.DatabaseURL = database.URL
	}))
}

func unlimited(c *app.Config) {
	c.CredentialsPerProvider, c.CredentialsPerUser, c.AccountRate, c.AddressRate, c.LogLevel = 0, 0, 0, 0, "info"
}

func benchmarkReads(b *testing.B, s *apptest.Service) {
	stock, err := fill(context.Background(), s.App, 1000, 0)
	if err != nil {
		b.Fatal(err)
	}
	handler, err := s.App.Handler(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			r := httptest.NewRequest(http.MethodGet, "/api/integrations/credentials/"+stock.ids[i%len(stock.ids)].String()+"/credentials", nil)
			r.Header.Set("X-API-Key", stock.keys[0])
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				b.Errorf("answered %d: %s", w.Code, w.Body)
				return
			}
		}
	})
}
