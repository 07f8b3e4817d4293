package renew_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestCrashInTheFirstIssueOfAllI5: nobody knows whether the configured refresh token is used
// up, so that others wait here too.
func TestCrashInTheFirstIssueOfAllI5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		p.grace = time.Hour
		f := grantFleet(t, p, fleetConfig{replicas: 2})
		defer func() { f.close() }()
		var first atomic.Pointer[replica]
		p.set(func(p *provider) {
			p.after = func(v *valve) error {
				p.set(func(p *provider) { p.after = nil })
				i := slices.IndexFunc(f.replicas, func(r *replica) bool { return r.calls == v })
				f.replicas[i].store.Fail(errCrashed)
				first.Store(f.replicas[i])
				return nil
			}
		})
		time.Sleep(time.Second)
		begun := time.Now()
		f.crash(first.Load())
		for f.record(accessToken).Current.Version == 0 {
			if time.Sleep(time.Second); time.Since(begun) > 10*time.Minute {
				t.Fatal("it never got a token")
			}
		}
		if d := time.Since(begun); d < time.Minute || d > 90*time.Second {
			t.Errorf("the refresh token was used again after %v", d)
		}
		time.Sleep(5 * time.Second)
		f.keeps(p)
	})
}

// TestStoreThatWasRestoredI5: what is in memory of a refresh token is stored again.
func TestStoreThatWasRestoredI5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		f := grantFleet(t, p, fleetConfig{replicas: 2})
		defer f.close()
		for range 4 {
			f.keeps(p)
			restore := f.store.Backup()
			old := f.token(f.replicas[0])
			for f.token(f.replicas[0]).Version == old.Version || f.token(f.replicas[1]).Version == old.Version {
				time.Sleep(time.Second)
			}
			restore()
			if err := f.replicas[0].Resync(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			f.keeps(p)
			time.Sleep(5 * time.Minute)
		}
	})
}

// TestAppThatIsChangedKeepsItsGrantI5I8, as long as it names the refresh token that it
// began with.
func TestAppThatIsChangedKeepsItsGrantI5I8(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"the same refresh token": seed, "another one": "rt-other-mustnotbeseen"} {
		for _, amid := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in the middle of an issue %v", name, amid), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := newProvider()
					f := grantFleet(t, p, fleetConfig{replicas: 2})
					defer f.close()
					f.keeps(p)
					old := f.token(f.replicas[0])
					done := make(chan struct{})
					change := func() {
						defer close(done)
						f.app.OAuth2 = &broker.OAuth2{TokenURL: "http://fake/token", Scopes: []string{"more"}}
						f.app.Refresh = broker.NewSecret(begin)
						for _, r := range f.replicas {
							app := f.app
							if err := r.SetApp(t.Context(), &app); err != nil {
								t.Error(err)
							}
						}
					}
					if amid {
						p.set(func(p *provider) {
							p.after = func(*valve) error {
								p.set(func(p *provider) { p.after = nil })
								go change()
								time.Sleep(2 * time.Second)
								return nil
							}
						})
						for p.calls() < 2 {
							time.Sleep(time.Second)
						}
						time.Sleep(time.Second)
					}
					if begin != seed {
						p.grant(begin)
					}
					if !amid {
						change()
					}
					<-done
					time.Sleep(30 * time.Second)
					if tok := f.token(f.replicas[0]); tok.Version == old.Version {
						t.Error("I8: a token of before the change is handed out")
					}
					f.keeps(p)
				})
			})
		}
	}
}

// TestServersWithTwoRefreshTokensConfiguredI5, as while their files are replaced one by one:
// the one that was configured before is used up, and nobody goes back to it.
func TestServersWithTwoRefreshTokensConfiguredI5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		f := grantFleet(t, p, fleetConfig{replicas: 3})
		defer func() { f.close() }()
		time.Sleep(5 * time.Minute)
		f.keeps(p)
		const fresh = "rt-fresh-mustnotbeseen"
		p.grant(fresh)
		f.app.Refresh = broker.NewSecret(fresh)
		f.crash(f.replicas[0])
		f.start()
		for range 4 {
			time.Sleep(10 * time.Minute)
			if p.abused() {
				t.Fatal("I5: a refresh token came again")
			}
		}
		f.crash(f.replicas[0])
		f.start()
		time.Sleep(10 * time.Minute)
		f.keeps(p)
	})
}

func TestRefreshTokensAreSealedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var key atomic.Int32
		p := newProvider()
		f := grantFleet(t, p, fleetConfig{replicas: 2, sealer: agedSealer{key: &key}})
		defer f.close()
		time.Sleep(5 * time.Minute)
		before := f.record(accessToken)
		key.Store(1)
		if n, err := f.replicas[0].Reseal(t.Context()); err != nil || n != 1 {
			t.Errorf("%d records were sealed again, %v", n, err)
		}
		after := f.record(accessToken)
		if after.Refresh[0] != 1 || string(after.Refresh[1:]) != string(before.Refresh[1:]) || after.Seed != before.Seed {
			t.Error("the refresh token is not sealed with the newest key")
		}
		// It is sealed again in the middle of an issue that leaves it as it is.
		p.set(func(p *provider) {
			p.kept = true
			p.after = func(*valve) error {
				key.Store(2)
				_, err := f.replicas[1].Reseal(t.Context())
				return err
			}
		})
		time.Sleep(3 * time.Minute)
		if after = f.record(accessToken); after.Refresh[0] != 2 {
			t.Error("the box of before has come back")
		}
		if p.abused() {
			t.Error("a refresh token came again")
		}
	})
}

// closedSealer opens nothing as long as its key is lost.
type closedSealer struct {
	plainSealer
	lost *atomic.Bool
}

func (s closedSealer) Open(box, ad []byte) ([]byte, error) {
	if s.lost.Load() {
		return nil, broker.ErrUnknownKey
	}
	return s.plainSealer.Open(box, ad)
}

// TestRefreshTokenThatCannotBeOpenedIsNotReplacedI5 by the one it descends from.
func TestRefreshTokenThatCannotBeOpenedIsNotReplacedI5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		var lost atomic.Bool
		f := grantFleet(t, p, fleetConfig{sealer: closedSealer{lost: &lost}})
		defer f.close()
		f.keeps(p)
		n := p.calls()
		lost.Store(true)
		time.Sleep(20 * time.Minute)
		lost.Store(false)
		if p.calls() != n {
			t.Errorf("%d issues with a keyset that opens nothing", p.calls()-n)
		}
		if f.record(accessToken).Failure.Code != "refresh_token_sealed" {
			t.Errorf("told as %+v", f.record(accessToken).Failure)
		}
		time.Sleep(20 * time.Minute)
		f.keeps(p)
	})
}

func TestAppWithoutARefreshTokenSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		f := grantFleet(t, p, fleetConfig{})
		defer f.close()
		app := f.app
		app.ID, app.Refresh = "game", broker.Secret{}
		if err := f.replicas[0].SetApp(t.Context(), &app); err != nil {
			t.Fatal(err)
		}
		_, err := f.replicas[0].Token(t.Context(), broker.Key{App: "game", Kind: broker.AccessToken})
		if e := broker.AsError(err); e.Code != "refresh_token_missing" || !e.Class.Permanent() || e.Hint == "" {
			t.Errorf("got %+v", e)
		}
	})
}

// TestNoGrantIsLostI5 has servers die, be cut off and be slow, answers and writes be lost,
// and everybody ask for tokens. The provider takes a refresh token for used up as soon as
// it came. It is ended only where the next one was with a server that died, or in an answer
// that nobody got.
func TestNoGrantIsLostI5(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			var stores []*flakyStore
			p := newProvider()
			f := grantFleet(t, p, fleetConfig{replicas: 3, wrap: flaky(&stores), seed: rapid.Uint64Min(1).Draw(t, "seed")})
			m := &chainMachine{fleet: f, p: p, holder: map[string]*valve{}, lost: map[string]bool{}, stores: &stores}
			p.set(func(p *provider) {
				p.delivered = func(v *valve, refresh string) { m.holder[refresh] = v }
				p.onReuse = m.reuse
			})
			m.count()
			defer f.close()
			t.Repeat(map[string]func(*rapid.T){
				"wait":  func(t *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 120).Draw(t, "seconds")) * time.Second) },
				"crash": m.kill,
				"cut": func(t *rapid.T) {
					gone(m.one(t).store, time.Duration(rapid.IntRange(1, 45).Draw(t, "seconds"))*time.Second)
				},
				"write": m.loseWrites,
				"call":  m.hurtCalls,
				"renew": m.renew,
				"":      m.check,
			})
			p.set(func(p *provider) { p.before, p.after = nil, nil })
			for _, s := range stores {
				s.spoil(nil, nil)
			}
			time.Sleep(20 * time.Minute)
			if m.check(t); !p.abused() {
				f.keeps(p)
			}
		})
	})
}

type chainMachine struct {
	*fleet
	p      *provider
	stores *[]*flakyStore
	// The provider's lock guards these.
	alive  []*replica
	holder map[string]*valve // who was given a refresh token
	lost   map[string]bool   // those whose answers were lost
	bad    []string
}

// count notes which replicas there are.
func (m *chainMachine) count() {
	m.p.set(func(*provider) { m.alive = slices.Clone(m.replicas) })
}

func (m *chainMachine) one(t *rapid.T) *replica {
	return m.replicas[rapid.IntRange(0, len(m.replicas)-1).Draw(t, "replica")]
}

// reuse is called when one came again for which next was given.
func (m *chainMachine) reuse(next string) {
	died := !slices.ContainsFunc(m.alive, func(r *replica) bool { return r.calls == m.holder[next] })
	stored := false
	if r, err := m.store.Get(m.t.Context(), accessToken); err == nil && len(r.Refresh) > 0 {
		stored = strings.HasSuffix(string(r.Refresh), next)
	}
	if stored || !died && !m.lost[next] {
		m.bad = append(m.bad, next)
	}
}

func (m *chainMachine) check(t *rapid.T) {
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	if len(m.bad) > 0 || m.p.together > 0 {
		t.Fatalf("I5: the refresh tokens before %v came again although these were not lost, and %d at once:\n%s", m.bad, m.p.together, m.log)
	}
	if n := m.p.asked; n > 2000 {
		t.Fatalf("%d issues", n)
	}
}

func (m *chainMachine) kill(t *rapid.T) {
	m.crash(m.one(t))
	m.count()
	m.start()
	m.count()
}

// loseWrites makes writes fail, or lose their answers.
func (m *chainMachine) loseWrites(t *rapid.T) {
	s := rapid.SampledFrom(*m.stores).Draw(t, "store")
	hook := times(rapid.IntRange(1, 8).Draw(t, "times"), errPutLost)
	if rapid.Bool().Draw(t, "before") {
		s.spoil(hook, nil)
	} else {
		s.spoil(nil, hook)
	}
}

// hurtCalls makes calls of the provider slow, and some fail before it acts or kills the
// server, or loses its answer, after it has.
func (m *chainMachine) hurtCalls(t *rapid.T) {
	pause := time.Duration(rapid.IntRange(0, 9).Draw(t, "pause")) * time.Second
	fails := rapid.IntRange(0, 2).Draw(t, "fails")
	cuts := rapid.IntRange(0, 3).Draw(t, "cuts")
	loses := rapid.IntRange(0, 9).Draw(t, "loses") == 0
	m.p.set(func(p *provider) {
		p.before = func(*valve) error {
			time.Sleep(pause)
			p.mu.Lock()
			defer p.mu.Unlock()
			if fails--; fails >= 0 {
				return lostAnswer()
			}
			return nil
		}
		p.after = func(v *valve) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if cuts--; cuts >= 0 {
				for _, r := range m.alive {
					if r.calls == v {
						gone(r.store, 40*time.Second)
					}
				}
			}
			if loses {
				loses = false
				m.lost[p.given[len(p.given)-1]] = true
				return lostAnswer()
			}
			return nil
		}
	})
}

func (m *chainMachine) renew(t *rapid.T) {
	r := m.one(t)
	tok, _, ok := r.Peek(accessToken.App, accessToken.Kind)
	if !ok {
		return
	}
	if !m.p.live(tok) {
		t.Fatal("a dead token is handed out")
	}
	if rapid.Bool().Draw(t, "wanted") {
		_, _ = r.Renew(t.Context(), accessToken, tok.Version) // whether it can be is not the question
	}
}
