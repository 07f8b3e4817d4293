package e2e_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// I4: however many call while a token dies again and again, each death costs one renewal,
// and nobody sees it: not with a key, not with the real token that was handed out at the
// beginning, not with a virtual one.
func TestI4NoCallerSeesTheDeathsOfAToken(t *testing.T) {
	t.Parallel()
	const crowd, deaths = 60, 4
	for app, id := range map[string]string{"stable": stableID, "classic": classicID} {
		t.Run(app, func(t *testing.T) {
			t.Parallel()
			mode := sandbox.Mode(app)
			up := startUpstream(t, sandbox.Config{Allow: []sandbox.MisuseKind{sandbox.KilledToken}}, nil)
			server := start(t, configure(t, up.url, "overlap: 5m", callers), "serve")
			doors := server.doors(t, app, id)
			asked := func() int { c := up.Counts(id); return c.StableCalls + c.ClassicCalls }
			issues, renewals := len(up.Issues(id)), asked()

			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: crowd}}
			t.Cleanup(client.CloseIdleConnections)
			var made [crowd]atomic.Int64
			stop := make(chan struct{})
			var at sync.WaitGroup
			for i := range crowd {
				d := doors[i%len(doors)]
				at.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						method, path, body := http.MethodGet, "/cgi-bin/user/get", io.Reader(nil)
						if n%2 == 1 {
							method, path = http.MethodPost, "/cgi-bin/message/custom/send"
							body = strings.NewReader(`{"touser":"o1","msgtype":"text","text":{"content":"hello"}}`)
						}
						a, err := askWith(client, d.request(t, method, server.url, path, body))
						if err != nil || !a.ok() {
							t.Errorf("I4: a call with %s: %v %v", d.name, a, err)
							return
						}
						made[i].Add(1)
					}
				})
			}
			// In each life of the token every caller begins and ends a call, so that none has two
			// deaths in one: a call is made once more, and not twice.
			lives := func() {
				var enough [crowd]int64
				for i := range made {
					enough[i] = made[i].Load() + 2
				}
				waitFor(t, "calls", func() bool {
					for i := range made {
						if made[i].Load() < enough[i] {
							return t.Failed()
						}
					}
					return true
				})
			}
			lives()
			for range deaths {
				if lived, err := up.KillCurrent(id, mode); err != nil || !lived {
					t.Errorf("the token was dead already (%v)", err)
				}
				lives()
			}
			close(stop)
			at.Wait()
			if n := len(up.Issues(id)) - issues; n != deaths {
				t.Errorf("I4: %d issues for %d deaths", n, deaths)
			}
			if n := asked() - renewals; n != deaths {
				t.Errorf("I4: the platform was asked %d times for %d deaths", n, deaths)
			}
			for _, m := range up.Misuses() {
				t.Errorf("the platform saw a misuse: %s", m.Detail)
			}
			for _, d := range doors {
				key := map[string]string{"real": realKey, "virtual": virtualKey}[d.handout]
				if tok := server.handedOut(t, id, key); d.shows != "" && (tok == d.shows) != (d.handout == "virtual") {
					t.Errorf("%s: what is handed out in the end is the same as in the beginning: %v", d.name, tok == d.shows)
				}
			}
		})
	}
}
