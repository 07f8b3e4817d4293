package dropin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/dropin"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// sink takes an answer like a connection does, without keeping it.
type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)             {}

// BenchmarkToken is the handler's own cost: of a read by a client that keeps to its
// promise, and of one that asks early, with a verdict that still holds.
func BenchmarkToken(b *testing.B) {
	const many = 4096
	var clients []*broker.Client
	var requests []*http.Request
	for i := range many {
		key := fmt.Sprintf("key-%d-0123456789abcdef0123456789abcdef", i)
		clients = append(clients, client(fmt.Sprintf("c%d", i), key, "shop"))
		requests = append(requests, httptest.NewRequest(http.MethodGet, tokenPath(appID, key), nil))
	}
	s := newStack(b, stacktest.Config{Clients: clients})
	w := &sink{http.Header{}}
	for range 2 { // the first read waits for the token, the audit makes room, the check is made
		for _, r := range requests {
			s.ServeHTTP(w, r)
		}
	}
	b.Run("kept", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%many == 0 {
				b.StopTimer()
				s.Handler.(*dropin.Handler).Forget() //nolint:forcetypeassert // it is made here
				b.StartTimer()
			}
			s.ServeHTTP(w, requests[i%many])
		}
	})
	b.Run("early", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.ServeHTTP(w, requests[0])
		}
	})
}
