package e2e_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// balancer stands before a fleet, as a load balancer does that is told which servers to
// use.
type balancer struct {
	process *process // how callers see it
	fleet   *fleet

	mu   sync.Mutex
	away [replicas]bool
	next int
}

func newBalancer(t *testing.T, f *fleet) *balancer {
	t.Helper()
	b := &balancer{fleet: f}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			target, err := url.Parse(b.pick().url)
			if err != nil {
				t.Error(err)
			}
			r.SetURL(target)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			t.Errorf("a call did not get through: %v", err)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(func() {
		front.Close()
		transport.CloseIdleConnections()
	})
	b.process = &process{t: t, url: front.URL}
	return b
}

func (b *balancer) pick() *process {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range replicas {
		b.next = (b.next + 1) % replicas
		if !b.away[b.next] {
			return b.fleet.replicas[b.next].Load()
		}
	}
	panic(errors.New("no server is left"))
}

func (b *balancer) drain(i int) { b.set(i, true) }
func (b *balancer) admit(i int) { b.set(i, false) }

func (b *balancer) set(i int, away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away[i] = away
}
