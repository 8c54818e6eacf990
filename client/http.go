package client

import (
	"net"
	"net/http"
	"time"
)

// callTimeout bounds one request, answer included: longer than Strongroom lets one take by
// default, so that its sentence arrives.
const callTimeout = 40 * time.Second

// newHTTP returns what sends requests where the caller brings nothing.
func newHTTP() *http.Client {
	return &http.Client{
		Timeout: callTimeout,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 16,
			// Shorter than Strongroom's own, so that no request meets a connection that is closing.
			IdleConnTimeout: 90 * time.Second,
		},
	}
}
