package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkRefresh measures one exchange where there are few grants and where there are
// many: the two cost about the same.
func BenchmarkRefresh(b *testing.B) {
	for _, grants := range []int{1, 50_000} {
		b.Run(fmt.Sprintf("of %d grants", grants), func(b *testing.B) {
			s := newScene(b)
			var out struct{ Grants []issued }
			s.control("POST", "/grants", map[string]any{"count": grants}, &out)
			token := out.Grants[grants-1].RefreshToken
			handler := s.server.public()
			for b.Loop() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, s.refreshRequest(token))
				token = reply{status: w.Code, body: w.Body.Bytes()}.want(b, http.StatusOK, "").member(b, "refresh_token")
			}
		})
	}
}
