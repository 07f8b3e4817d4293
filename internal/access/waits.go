package access

import (
	"fmt"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// defaultMaxWaits is how many long polls and watches a client may have at a time.
	defaultMaxWaits = 1000
	// appsPerWait bounds the apps that they watch together: so many for each on average.
	appsPerWait = 100
)

// waits counts who waits for news, so that one client cannot hold all memory.
type waits struct {
	most int // of one client

	mu sync.Mutex
	by map[string]share // by the client's name
}

type share struct{ waits, apps int }

func newWaits(most int) *waits {
	if most <= 0 {
		most = defaultMaxWaits
	}
	return &waits{most: most, by: map[string]share{}}
}

// enter lets a client wait for news of some apps, until leave.
func (w *waits) enter(client string, apps int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.by[client]
	s.waits++
	s.apps += apps
	if s.waits > w.most || s.apps > w.most*appsPerWait {
		return &broker.Error{
			Code: "throttled", Class: broker.Throttled, RetryAfter: 5 * time.Second,
			Message: fmt.Sprintf("the client has %d watches and long polls open, of %d apps", s.waits-1, s.apps-apps),
			Hint:    fmt.Sprintf("at most %d of %d apps are kept for one client: close those that are not needed, and let processes of one machine share one", w.most, w.most*appsPerWait),
		}
	}
	w.by[client] = s
	return nil
}

func (w *waits) leave(client string, apps int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.by[client]
	s.waits--
	s.apps -= apps
	if s.waits == 0 {
		delete(w.by, client)
		return
	}
	w.by[client] = s
}
