package grant_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/grant"
)

// eachTrouble runs a test once for everything that may happen to a process at each of its
// calls, until it gets through without. It returns how many calls that were.
func eachTrouble(t *testing.T, troubles []trouble, usesUp bool, test func(t *testing.T, f *fleet, p *process)) int {
	t.Helper()
	sealer := newSealer(t)
	for n := 1; ; n++ {
		through := false
		for _, what := range troubles {
			p := &process{at: n, what: what}
			t.Run(fmt.Sprintf("call %d, trouble %d", n, what), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p.buried = make(chan struct{})
					f := newFleet(t, sealer, 1)
					t.Cleanup(func() { close(p.buried) })
					f.usesUp = usesUp
					test(t, f, p)
				})
				through = p.happened() == ""
			})
		}
		if through || t.Failed() {
			return n - 1
		}
	}
}

func (f *fleet) process(p *process, holder string) *server {
	s := &server{f: f, Keeper: f.keeper(holder, disk{p, f.store.Handle().Grants()}, p.platform)}
	f.servers = append(f.servers, s)
	return s
}

// TestCrashInExchangeI5: a login that was acknowledged is kept, whenever the server dies, and
// its code is sent at most once.
func TestCrashInExchangeI5(t *testing.T) {
	t.Parallel()
	calls := eachTrouble(t, []trouble{diesBefore, diesAfter}, true, func(t *testing.T, f *fleet, p *process) {
		app := newApp()
		err := errDead
		p.run(func() {
			_, err = f.process(p, "dying").Exchange(f.Context(), app, string(info), f.code(app, "mo", info))
		})
		tok, later := f.servers[0].Token(t.Context(), app, "mo", info, 0)
		if err == nil && later != nil {
			t.Errorf("after death at %s the login is lost: %v", p.happened(), later)
		}
		if later == nil {
			f.good(app, "mo", tok)
		}
		f.login(app, "mo", info) // and the user can log in again
		f.get(f.servers[0], app, "mo", info)
	})
	if calls != 3 {
		t.Errorf("an exchange has %d calls, of which all are to be tried: the platform, reading, writing", calls)
	}
}

// TestExchangeOverAShakyStoreI5: what the platform gives once is kept, whichever one call of
// the store fails or loses its answer.
func TestExchangeOverAShakyStoreI5(t *testing.T) {
	t.Parallel()
	eachTrouble(t, []trouble{fails, loses}, true, func(t *testing.T, f *fleet, p *process) {
		app := newApp()
		_, err := f.process(p, "shaky").Exchange(t.Context(), app, string(info), f.code(app, "mo", info))
		if p.happened() == "the platform" {
			f.fails(err, "platform_timeout") // whether it was used up nobody knows, so that it is not sent again
			f.counts(exchanging, map[trouble]int{fails: 0, loses: 1}[p.what])
			return
		}
		if err != nil {
			t.Fatalf("with trouble at %s: %v", p.happened(), err)
		}
		f.get(f.servers[0], app, "mo", info)
		f.counts(exchanging, 1)
	})
}

// TestCrashInRefreshI5: whenever a server dies that renews a token, the others get one, unless
// the refresh token that the platform has given was with the dead alone. A token that was
// handed out is stored.
func TestCrashInRefreshI5(t *testing.T) {
	t.Parallel()
	for _, usesUp := range []bool{false, true} {
		for _, restarts := range []bool{false, true} { // under the name that it had
			t.Run(fmt.Sprintf("used up %v, same name %v", usesUp, restarts), func(t *testing.T) {
				t.Parallel()
				calls := eachTrouble(t, []trouble{diesBefore, diesAfter}, usesUp, func(t *testing.T, f *fleet, p *process) {
					app := newApp()
					f.login(app, "mo", info)
					expired()
					var got broker.Token
					err := errDead
					p.run(func() { got, err = f.process(p, "dying").Token(f.Context(), app, "mo", info, 0) })
					asked := f.count(refreshing)
					stored := f.row(app, "mo", info).Issued.Equal(time.Now())
					next := f.servers[0]
					if restarts {
						next = &server{f: f, Keeper: f.keeper("dying", f.store.Handle().Grants(), through)}
						f.servers = append(f.servers, next)
					}
					begun := time.Now()
					tok, later := next.Token(t.Context(), app, "mo", info, 0)
					waited := time.Since(begun)
					switch {
					case later == nil:
						f.good(app, "mo", tok)
					case err == nil || !usesUp || asked == 0 || stored:
						t.Errorf("after death at %s the grant is lost: %v", p.happened(), later)
					default:
						f.fails(later, "authorization_ended") // and the user is asked to log in
					}
					if err == nil && !tok.Secret.Equal(got.Secret) {
						t.Error("a token was handed out that was not stored")
					}
					if stored && f.count(refreshing) != asked {
						t.Error("a token was stored and renewed again")
					}
					if f.reused > 0 && stored {
						t.Error("a used-up refresh token was sent although the new one was stored")
					}
					if waited > 25*time.Second || restarts && waited > time.Second {
						t.Errorf("the claim of the dead kept others waiting for %v", waited)
					}
				})
				if calls != 5 {
					t.Errorf("a refresh has %d calls, of which all are to be tried: two reads, the claim, the platform, the write", calls)
				}
			})
		}
	}
}

// TestRefreshOverAShakyStoreI5: no one call of the store that fails or loses its answer costs
// a grant or a second refresh.
func TestRefreshOverAShakyStoreI5(t *testing.T) {
	t.Parallel()
	eachTrouble(t, []trouble{fails, loses}, true, func(t *testing.T, f *fleet, p *process) {
		app := newApp()
		f.login(app, "mo", info)
		expired()
		s := f.process(p, "shaky")
		tok, err := s.Token(t.Context(), app, "mo", info, 0)
		if p.happened() == "the platform" {
			f.fails(err, "platform_timeout")
			time.Sleep(2 * time.Second)
			if tok, err = s.Token(t.Context(), app, "mo", info, 0); p.what == loses {
				f.fails(err, "authorization_ended") // nobody has the new refresh token
				return
			}
			f.counts(refreshing, 1)
		}
		if err != nil { // what was to be read or claimed was not, and nothing else has happened
			f.fails(err, "store_unreachable")
			begun := time.Now()
			if tok, err = s.Token(t.Context(), app, "mo", info, 0); time.Since(begun) > 0 {
				t.Errorf("waited %v for its own claim", time.Since(begun))
			}
		}
		if err != nil {
			t.Fatalf("with trouble at %s: %v", p.happened(), err)
		}
		f.good(app, "mo", tok)
		if got := f.get(f.servers[0], app, "mo", info); !got.Secret.Equal(tok.Secret) || got.Version != tok.Version {
			t.Error("another token is stored than was handed out")
		}
		f.counts(refreshing, 1)
	})
}

// TestCrashInImportI5 is the same for what is imported.
func TestCrashInImportI5(t *testing.T) {
	t.Parallel()
	eachTrouble(t, []trouble{diesBefore, diesAfter, fails, loses}, true, func(t *testing.T, f *fleet, p *process) {
		app := newApp()
		in := f.elsewhere(app, "mo", info)
		err := errDead
		p.run(func() { _, err = f.process(p, "shaky").Import(f.Context(), app, in) })
		if err != nil && (p.what == fails || p.what == loses) {
			t.Fatalf("with trouble at %s: %v", p.happened(), err)
		}
		if err == nil {
			f.get(f.servers[0], app, "mo", info)
		}
	})
}

// elsewhere is a grant that somebody else's server has.
func (f *fleet) elsewhere(app *broker.App, user string, kind broker.Kind) (in grant.Imported) {
	f.set(func(p *fakePlatform) {
		o := owner{registration(app), user, kind}
		g := p.issue(o, p.newRefresh(o))
		in = grant.Imported{
			OpenID: user, UnionID: g.UnionID, Scope: string(kind), Access: g.Access, Expiry: time.Now().Add(g.Lifetime),
			Refresh: g.Refresh, Deadline: time.Now().Add(g.RefreshLifetime), Authorized: time.Now(),
		}
	})
	return in
}
