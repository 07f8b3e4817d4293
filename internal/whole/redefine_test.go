package whole_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/store/memstore"
	"github.com/hufu-io/hufu/internal/whole"
)

const moverKey = "mover-key-0123456789abcdef0123456789abcdef"

// twoHouses answers for a platform that is at two places, each of which has its own apps.
type twoHouses struct {
	mu sync.Mutex
	// during is called in the middle of the next request that the first house gets of a path.
	during map[string]func()
	n      int
	alive  map[string]bool // tokens
	strays []string
}

// RoundTrip implements [http.RoundTripper].
func (h *twoHouses) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	first := r.URL.Host == "first.test"
	h.mu.Lock()
	f := h.during[r.URL.Path]
	if f != nil && first {
		delete(h.during, r.URL.Path)
	}
	h.mu.Unlock()
	if f != nil && first {
		f()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	house := strings.TrimSuffix(r.URL.Host, ".test")
	if r.URL.Path == "/auth/token" {
		if !bytes.Contains(body, []byte("secret-of-"+house)) {
			h.strays = append(h.strays, house+" was shown "+string(body))
		}
		h.n++
		tok := fmt.Sprintf("token-%d-of-%s-0123456789abcdef", h.n, house)
		h.alive[tok] = true
		return said(r, 200, map[string]any{"code": 0, "data": map[string]any{"token": tok, "ttl": 7200}}), nil
	}
	tok := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.URL.Path == "/ticket" && h.alive[tok] && strings.Contains(tok, "-of-"+house):
		return said(r, 200, map[string]any{"code": 0, "ticket": "ticket-of-" + house + "-0123456789abcdef", "ttl": 7200}), nil
	case tok != "" && !strings.Contains(tok, "-of-"+house):
		h.strays = append(h.strays, r.URL.String()+" was shown "+tok)
	case !h.alive[tok]:
	default:
		return said(r, 200, map[string]any{"code": 0, "house": house}), nil
	}
	return said(r, 200, map[string]any{"code": 4001, "msg": "bad token"}), nil
}

// withTicket gives a platform a ticket that its access token brings.
func withTicket(d declared.Definition) declared.Definition {
	d.Modes[0].Tokens = append(d.Modes[0].Tokens, declared.Token{
		Kind: "ticket", From: broker.AccessToken, Request: declared.Request{Method: http.MethodGet, Path: "/ticket"},
		Answer: declared.Answer{Token: "ticket", Lifetime: "ttl"}, Rotation: broker.Rotation{Family: broker.Independent, Limits: broker.Limits{PerDay: 2000, Unplanned: 100}},
	})
	return d
}

func (h *twoHouses) killAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.alive)
}

// I8: an app that is moved to another place while a call on it is under way. The call began as
// one at the first place, and what belongs to the other one does not go there.
func TestI8AnAppMovesWhileACallIsUnderWay(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	for name, c := range map[string]struct {
		at   string // the request in the middle of which the app moves
		dead bool   // the token is, when the call is made
		sure bool   // it has opened the path before, so that its rejection is believed
		none bool   // there is none
		ask  string // another call than one that is passed on
	}{
		"while it is rejected":          {at: "/things", dead: true},
		"while it is surely rejected":   {at: "/things", dead: true, sure: true},
		"while its token is checked":    {at: "/ping", dead: true},
		"while another token is issued": {at: "/auth/token", dead: true},
		"while its first is issued":     {at: "/auth/token", none: true},
		"while an SDK waits":            {at: "/auth/token", none: true, ask: "/auth/token"},
		"while a ticket waits":          {at: "/auth/token", none: true, ask: "/v1/apps/mill/tokens/ticket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &twoHouses{during: map[string]func(){}, alive: map[string]bool{}}
				s, err := whole.New(t.Context(), whole.Config{
					Holder: "server", Store: memstore.New(memstore.Config{}), Keys: keys, Platforms: h, Described: []declared.Definition{withTicket(acmeDefinition())},
					Clients: []*broker.Client{{
						Name: "mover", Key: registry.HashKey(moverKey), Apps: []string{"*"}, Rights: broker.Rights(broker.Admin | broker.Read | broker.Call | broker.Renew), Handout: broker.HandoutReal, Origin: broker.FromFile,
					}},
				})
				if err != nil {
					t.Fatal(err)
				}
				do := func(method, path, body string) *httptest.ResponseRecorder {
					r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
					r.Header.Set("Authorization", "Bearer "+moverKey)
					w := httptest.NewRecorder()
					s.ServeHTTP(w, r)
					return w
				}
				put := func(house string) {
					w := do(http.MethodPut, "/v1/apps/mill", fmt.Sprintf(`{"platform":%q,"app_id":"mill-of-%s","secret":"secret-of-%s","params":{"tenant":"t1"},"base_url":"http://%s.test"}`, acmeName, house, house, house))
					if w.Code >= 300 {
						t.Errorf("put: %d %s", w.Code, w.Body)
					}
				}
				move := func() {
					put("second")
					time.Sleep(time.Second) // and its first token comes
				}
				if c.none {
					h.during[c.at] = move
				}
				put("first")
				if !c.none {
					time.Sleep(time.Second)
					synctest.Wait()
					if c.sure {
						do(http.MethodGet, "/gateway/mill/things", "")
					}
					h.during[c.at] = move
				}
				if c.dead {
					h.killAll()
				}
				call := func() string {
					switch c.ask {
					case "":
						return do(http.MethodGet, "/gateway/mill/things", "").Body.String()
					case "/auth/token":
						return do(http.MethodPost, c.ask, fmt.Sprintf(`{"app":"mill-of-first","key":%q,"tenant":"t1"}`, moverKey)).Body.String()
					default:
						return do(http.MethodGet, c.ask, "").Body.String()
					}
				}
				began := time.Now()
				got := call()
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("the call ended %v after it began, for a token that was not its app's any more", took)
				}
				if c.ask == "/auth/token" && strings.Contains(got, "-of-second") {
					t.Errorf("I8: who asks for the app at the first place gets %s", got)
				}
				if got = call(); c.ask != "/auth/token" && !strings.Contains(got, "second") {
					t.Errorf("after the move: %s", got)
				}
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
				for _, x := range h.strays {
					t.Errorf("I8: %s", x)
				}
				if len(h.during) > 0 {
					t.Error("the app did not move")
				}
			})
		})
	}
}
