package httpapi

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hufu-io/hufu/internal/renew"
)

func (a *API) healthz(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, a.ids.next(), answer{body: map[string]string{"status": "ok"}})
}

// readiness is the answer of /readyz.
type readiness struct {
	Status  string   `json:"status"` // ready | degraded | not_ready
	Apps    int      `json:"apps"`
	Usable  int      `json:"usable"`
	Missing int      `json:"missing"`
	Overdue int      `json:"overdue"`
	Failing int      `json:"failing"`
	Unsaved int      `json:"unsaved"`
	Store   store    `json:"store"`
	Reasons []reason `json:"reasons,omitempty"`
}

// store is how the server stands with what it is kept in.
type store struct {
	Reachable bool `json:"reachable"`
	// Behind is how long ago, in seconds, this server last knew of everything that those
	// that share the store had written. Absent where it shares it with nobody.
	Behind *float64 `json:"behind_seconds,omitempty"`
}

// tooFarBehind is when a server that has not heard from its store says so.
const tooFarBehind = 5 * time.Second

// reason is why the server needs attention: for one key, or without one for itself.
type reason struct {
	App   string `json:"app"`
	Kind  string `json:"kind"`
	State string `json:"state"`
	Code  string `json:"code,omitempty"`
	Class string `json:"class,omitempty"`
	// There is no hint: it may name addresses, and anybody may ask here.
}

// healthLife is how long a computed health is good: it looks at every key, and anybody
// may ask for it, as often as they like.
const healthLife = time.Second

// health keeps the last health that was computed. One request at a time computes it;
// the others get the last one meanwhile.
type health struct {
	mu   sync.Mutex // held while it is computed
	last atomic.Pointer[checkup]
}

type checkup struct {
	renew.Health
	at time.Time
}

func (c *checkup) fresh() bool { return c != nil && time.Since(c.at) < healthLife }

func (h *health) get(compute func() renew.Health) renew.Health {
	last := h.last.Load()
	if last.fresh() {
		return last.Health
	}
	if !h.mu.TryLock() {
		if last != nil {
			return last.Health
		}
		h.mu.Lock() // there is nothing to give yet
	}
	defer h.mu.Unlock()
	if last := h.last.Load(); last.fresh() {
		return last.Health
	}
	now := &checkup{Health: compute()}
	now.at = time.Now()
	h.last.Store(now)
	return now.Health
}

// readyz computes readiness from what is held of every key. One app in trouble makes
// the server degraded, which is still 200: taking it out of service would take the
// tokens of all the other apps away with it. It is not ready while it stops, and when
// there are apps and none of them has a usable token.
func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	h := a.health.get(a.svc.Health)
	ans := answer{status: http.StatusOK}
	body := readiness{
		Status: "ready", Apps: h.Apps, Usable: h.Tokens, Missing: h.Missing, Overdue: h.Overdue,
		Failing: h.Failing, Unsaved: h.Unsaved, Store: store{Reachable: !h.Away}, Reasons: reasons(h.Troubles),
	}
	if h.Shared {
		body.Store.Behind = new(h.Behind.Seconds())
		body.Store.Reachable = body.Store.Reachable && h.Behind < tooFarBehind
	}
	if a.cfg.Keyset != nil {
		if e := a.cfg.Keyset(); e != nil {
			body.Reasons = append(body.Reasons, reason{State: "keyset", Code: e.Code, Class: string(e.Class)})
		}
	}
	if len(body.Reasons) > 0 || !body.Store.Reachable {
		body.Status = "degraded"
	}
	stopping := false
	select {
	case <-a.stopping:
		stopping = true
	default:
	}
	if stopping || h.Missing > 0 && h.Tokens == 0 {
		body.Status, ans.status = "not_ready", http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	ans.body = body
	a.render(w, r, a.ids.next(), ans)
}

func reasons(ts []renew.Trouble) []reason {
	var rs []reason
	for _, t := range ts {
		x := reason{App: t.Key.App, Kind: string(t.Key.Kind), State: t.State}
		if t.Err != nil {
			x.Code, x.Class = t.Err.Code, string(t.Err.Class)
		}
		rs = append(rs, x)
	}
	return rs
}
