package e2e_test

import (
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// A server that is killed at any moment and started again keeps every login that it has
// sent on, sends no code to the platform twice, lets none of its own be redeemed twice, and
// loses no user's token but those whose answer was under way at a kill.
func TestI5KilledAtAnyMomentWhileUsersLogIn(t *testing.T) {
	t.Parallel()
	for name, rotates := range map[string]bool{"refresh tokens stay": false, "refresh tokens are used up": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMill(t, rotates)
			dir, address := t.TempDir(), freeAddress(t)
			m.url = "http://" + address
			m.configure(dir, address)
			server := start(t, dir, "serve")

			stop := make(chan struct{})
			var at sync.WaitGroup
			for range tills {
				at.Go(func() { m.repeat(stop, 60*time.Millisecond, m.logIn) })
			}
			for range askers {
				at.Go(func() { m.repeat(stop, 20*time.Millisecond, m.askToken) })
			}
			var kills []spell
			end := time.Now().Add(max(*hold-17*time.Second, 5*time.Second))
			// A machine that is busy takes longer until there is something to lose.
			for last := end.Add(time.Minute); time.Now().Before(end) || m.redeemed.Load() < tills && time.Now().Before(last); {
				<-time.After(100*time.Millisecond + mathrand.N(1500*time.Millisecond))
				k := spell{from: time.Now()}
				m.kills.Add(1)
				server.kill()
				k.to = time.Now()
				server = start(t, dir, "serve")
				m.kills.Add(1)
				kills = append(kills, k)
			}
			close(stop)
			at.Wait()
			m.settle(kills)
			t.Logf("%d kills; %d logins of %d users, %d codes redeemed, %d answers about them cut off; %d tokens and %d refreshes",
				len(kills), m.logins.Load(), len(m.known), m.redeemed.Load(), m.cut.Load(), m.tokens.Load(), m.refreshes.n)
		})
	}
}

// lastToken asks for a user's token and whether it lives. One that outlived its promise before
// that was known says nothing: a busy machine may take longer than it had left.
func (m *mill) lastToken(user string) (status int, a userAnswer, alive bool, err error) {
	for range 20 {
		asked := time.Now()
		status, a, err = m.call(m.t.Context(), http.MethodGet, "/users/"+user+"/token", "")
		alive = m.up.LiveUser(a.Token)
		if alive || err != nil || status != http.StatusOK || time.Since(asked) < time.Duration(a.ExpiresIn)*time.Second {
			break
		}
	}
	return status, a, alive, err
}

// settle looks at everything once the last server runs on: no user is lost whose refresh
// token was not used up by an answer that was.
func (m *mill) settle(kills []spell) {
	m.t.Helper()
	var at sync.WaitGroup
	var mu sync.Mutex
	var ended []string
	for _, user := range m.known {
		at.Go(func() {
			// The second time it is the refresh token that the first time brought.
			for range 2 {
				status, a, alive, err := m.lastToken(user)
				switch {
				case err == nil && status == http.StatusOK && a.OpenID == user && a.TokenKind == "user" && alive:
				case err == nil && status == http.StatusForbidden && a.Code == "authorization_ended":
					mu.Lock()
					ended = append(ended, user)
					mu.Unlock()
					return
				default:
					m.t.Errorf("I5: the token of %s in the end: %d %s, alive: %v, %v", user, status, a.Code, alive, err)
				}
			}
		})
	}
	at.Wait()
	if m.logins.Load() == 0 || m.redeemed.Load() == 0 || m.refreshes.n == 0 {
		m.t.Error("nothing was done")
	}
	lost := map[string]bool{}
	if m.rotates {
		lost = m.refreshes.lost(m.t, kills)
	}
	for _, user := range ended {
		if !lost[user] {
			m.t.Errorf("I5: what %s granted has ended, and no answer was lost that made it so", user)
		}
	}
	for _, misuse := range m.up.Misuses() {
		// Refresh tokens that are used up were looked at above. What the platform saw of the
		// app's own tokens has tests of its own.
		if misuse.What == sandbox.CodeUsedTwice || misuse.What == sandbox.MixedUpToken || misuse.What == sandbox.BadState ||
			misuse.What == sandbox.RefreshUsedTwice && !m.rotates {
			m.t.Errorf("the platform saw a misuse: %s", misuse.Detail)
		}
	}
	m.t.Logf("%d users have to log in again, %d answers were lost", len(ended), len(lost))
}
