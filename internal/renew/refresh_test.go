package renew_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestEachRefreshTokenIsUsedOnceByTheFleetI1I5(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{false, true} {
		t.Run(fmt.Sprintf("kept %v", kept), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProvider()
				p.kept = kept
				f := grantFleet(t, p, fleetConfig{replicas: 3})
				defer f.close()
				for range 300 {
					f.keeps(p)
					time.Sleep(10 * time.Second)
				}
				if n := p.calls(); n < 23 || n > 27 {
					t.Errorf("I1: %d issues in 50 minutes, want one in two", n)
				}
			})
		})
	}
}

// step is one of a renewal, at which a server dies.
type step int

const (
	beforeTheProviderActs step = iota
	beforeTheAnswer
	beforeTheWrite
	afterTheWrite
)

func TestCrashInAnIssueI5(t *testing.T) {
	t.Parallel()
	for at, name := range []string{"before the provider acts", "before the answer", "before the write", "after the write"} {
		for _, grace := range []time.Duration{0, 5 * time.Minute} {
			for _, survivors := range []int{0, 2} {
				t.Run(fmt.Sprintf("%s, grace %v, %d survivors", name, grace, survivors), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { crashInRefresh(t, step(at), grace, survivors) })
				})
			}
		}
	}
}

func crashInRefresh(t *testing.T, at step, grace time.Duration, survivors int) {
	var stores []*flakyStore
	p := newProvider()
	p.grace = grace
	f := grantFleet(t, p, fleetConfig{replicas: 1 + survivors, wrap: flaky(&stores)})
	defer func() { f.close() }()
	f.keeps(p)
	old := f.token(f.replicas[0])
	var victim atomic.Pointer[replica]
	kill := func(r *replica) error {
		victim.Store(r)
		r.store.Fail(errCrashed)
		r.calls.cut()
		return errCrashed
	}
	var armed atomic.Bool
	armed.Store(true)
	for i, r := range f.replicas {
		hook := func(rec broker.Record) error {
			if rec.Current.Version != old.Version && armed.Swap(false) {
				return kill(r)
			}
			return nil
		}
		switch at {
		case beforeTheWrite:
			stores[i].spoil(hook, nil)
		case afterTheWrite:
			stores[i].spoil(nil, hook)
		case beforeTheProviderActs, beforeTheAnswer:
		}
	}
	call := func(v *valve) error {
		if armed.Swap(false) {
			if i := slices.IndexFunc(f.replicas, func(r *replica) bool { return r.calls == v }); i >= 0 {
				_ = kill(f.replicas[i])
			}
			return lostAnswer()
		}
		return nil
	}
	p.set(func(p *provider) {
		switch at {
		case beforeTheProviderActs:
			p.before = call
		case beforeTheAnswer:
			p.after = call
		case beforeTheWrite, afterTheWrite:
		}
	})
	for victim.Load() == nil {
		time.Sleep(time.Second)
	}
	f.crash(victim.Load())
	if survivors == 0 {
		f.start()
	}
	for range 150 { // I3: the old token is served all the while
		for _, r := range f.replicas {
			if tok := f.token(r); !p.live(tok) {
				t.Fatalf("I3: a dead token is handed out while another lives")
			}
		}
		time.Sleep(time.Second)
	}
	lost := grace == 0 && (at == beforeTheAnswer || at == beforeTheWrite)
	if !lost {
		if f.token(f.replicas[0]).Version == old.Version {
			t.Error("the renewal was not repeated")
		}
		f.keeps(p)
		return
	}
	// The next refresh token was with the dead alone. It is shown, and begins anew with
	// another one at once.
	rec := f.record(accessToken)
	if rec.Failure.Code != "refresh_token_ended" || len(rec.Refresh) == 0 {
		t.Errorf("the record says %+v, and has a refresh token of %d bytes", rec.Failure, len(rec.Refresh))
	}
	f.authorizeAgain(p)
}

// authorizeAgain gives the app a new refresh token, which works at once.
func (f *fleet) authorizeAgain(p *provider) {
	f.t.Helper()
	before := f.token(f.replicas[0])
	const fresh = "rt-fresh-mustnotbeseen"
	p.grant(fresh)
	f.app.Refresh = broker.NewSecret(fresh)
	for _, r := range f.replicas {
		app := f.app
		if err := r.SetApp(f.t.Context(), &app); err != nil {
			f.t.Fatal(err)
		}
	}
	time.Sleep(20 * time.Second)
	if got := f.token(f.replicas[0]); got.Version == before.Version || !p.live(got) {
		f.t.Error("a new refresh token is not used at once")
	}
	if f.chain() != p.newest() {
		f.t.Errorf("I5: %s is stored, and the provider gave %s", f.chain(), p.newest())
	}
}

// TestShakyStoreI5: no write that fails or loses its answer costs a refresh token, or has
// one used twice; and no token is seen before the refresh token that came with it is stored.
func TestShakyStoreI5(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 7, 60} {
		for _, how := range []string{"fails", "loses its answer"} {
			t.Run(fmt.Sprintf("%s %d times", how, n), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var stores []*flakyStore
					p := newProvider()
					f := grantFleet(t, p, fleetConfig{replicas: 2, wrap: flaky(&stores)})
					defer f.close()
					f.keeps(p)
					old := f.token(f.replicas[0])
					for _, s := range stores {
						if hook := times(n, errPutLost); how == "fails" {
							s.spoil(hook, nil)
						} else {
							s.spoil(nil, hook)
						}
					}
					for range 400 {
						time.Sleep(time.Second)
						for _, r := range f.replicas {
							if tok := f.token(r); tok.Version != old.Version && f.record(accessToken).Current.Version < tok.Version {
								t.Fatal("I5: a token is handed out that came with a refresh token that is not stored")
							}
						}
					}
					for _, s := range stores {
						s.spoil(nil, nil)
					}
					time.Sleep(5 * time.Second)
					f.keeps(p)
					if n := p.calls(); n > 5 {
						t.Errorf("%d issues in seven minutes", n)
					}
				})
			})
		}
	}
}

// TestServerCutOffFromTheStoreAfterAnIssueI5: others wait for it, and it stores the next
// refresh token when it can. Nobody else uses the one before.
func TestServerCutOffFromTheStoreAfterAnIssueI5(t *testing.T) {
	t.Parallel()
	for _, cut := range []time.Duration{time.Second, 14 * time.Second, 16 * time.Second, time.Minute} {
		for _, all := range []bool{false, true} {
			t.Run(fmt.Sprintf("for %v, all %v", cut, all), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := newProvider()
					f := grantFleet(t, p, fleetConfig{replicas: 3})
					defer f.close()
					f.keeps(p)
					old := f.token(f.replicas[0])
					var cutOff atomic.Bool
					p.set(func(p *provider) {
						p.after = func(v *valve) error {
							if cutOff.Swap(true) {
								return nil
							}
							for _, r := range f.replicas {
								if all || r.calls == v {
									gone(r.store, cut)
								}
							}
							return nil
						}
					})
					begun := time.Now()
					for !cutOff.Load() {
						time.Sleep(100 * time.Millisecond)
					}
					if unsaved := 0; cut > time.Second {
						for _, r := range f.replicas {
							unsaved += r.Health().Unsaved
						}
						if unsaved != 1 {
							t.Errorf("%d servers say that something is not stored, want one", unsaved)
						}
					}
					for f.record(accessToken).Current.Version == old.Version {
						if time.Sleep(100 * time.Millisecond); time.Since(begun) > 10*time.Minute {
							t.Fatal("it was never stored")
						}
					}
					time.Sleep(time.Second)
					f.keeps(p)
					if n := p.calls(); n != 2 {
						t.Errorf("%d issues, want 2", n)
					}
				})
			})
		}
	}
}

// TestIssueThatOutlivesItsLeaseI5: nobody sends the refresh token once more while it may be
// under way, not even for an administrator.
func TestIssueThatOutlivesItsLeaseI5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		f := grantFleet(t, p, fleetConfig{replicas: 3})
		defer f.close()
		f.keeps(p)
		var slow atomic.Bool
		p.set(func(p *provider) {
			p.before = func(*valve) error {
				if !slow.Swap(true) {
					time.Sleep(55 * time.Second) // whatever its deadline is
				}
				return nil
			}
		})
		for !slow.Load() {
			time.Sleep(time.Second)
		}
		time.Sleep(20 * time.Second)
		for _, r := range f.replicas {
			if tok, err := r.Replace(t.Context(), accessToken); err == nil && tok.Version > 1 && p.calls() > 2 {
				t.Errorf("%s: replaced by version %d", r.name, tok.Version)
			}
		}
		time.Sleep(2 * time.Minute)
		f.keeps(p)
	})
}

// TestStoreThatIsAwayI3I5: nothing is issued that could not be kept, and what lives is
// served.
func TestStoreThatIsAwayI3I5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		f := grantFleet(t, p, fleetConfig{replicas: 2})
		defer f.close()
		f.keeps(p)
		tok := f.token(f.replicas[0])
		f.lose(errStoreGone)
		for time.Now().Before(tok.Expiry) {
			for _, r := range f.replicas {
				if got := f.token(r); got.Version != tok.Version {
					t.Error("another token is served")
				}
			}
			time.Sleep(time.Second)
		}
		if _, err := f.replicas[0].Token(t.Context(), accessToken); broker.AsError(err).Code != "store_unreachable" {
			t.Errorf("got %v", err)
		}
		if _, err := f.replicas[0].Renew(t.Context(), accessToken, tok.Version); err == nil {
			t.Error("renewed without the store")
		}
		if n := p.calls(); n != 1 {
			t.Errorf("%d issues, want none without the store", n-1)
		}
		f.lose(nil)
		time.Sleep(20 * time.Second)
		f.keeps(p)
	})
}

// TestUnknownOutcomeIsTriedAgainWithTheSameRefreshTokenI5, which a provider takes that has
// not acted, or that forgives for a while.
func TestUnknownOutcomeIsTriedAgainWithTheSameRefreshTokenI5(t *testing.T) {
	t.Parallel()
	for _, acted := range []bool{false, true} {
		t.Run(fmt.Sprintf("acted %v", acted), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProvider()
				var calls atomic.Int64
				lose := func(*valve) error {
					if n := calls.Add(1); n == 2 || n == 3 && !acted {
						time.Sleep(3 * time.Second)
						return lostAnswer()
					}
					return nil
				}
				if p.before = lose; acted {
					p.before, p.after, p.grace = nil, lose, time.Minute
				}
				f := grantFleet(t, p, fleetConfig{replicas: 2})
				defer f.close()
				f.keeps(p)
				old := f.token(f.replicas[0])
				time.Sleep(150 * time.Second)
				if acted {
					// Of two answers that were lost the first one's token is too old by now.
					if p.set(func(p *provider) { p.reused = 0 }); f.token(f.replicas[0]).Version == old.Version {
						return
					}
				}
				f.keeps(p)
				if f.token(f.replicas[0]).Version == old.Version {
					t.Error("the renewal was not repeated")
				}
			})
		})
	}
}

// TestOneRefusalDoesNotEndAGrantI5: it is permanent, asked again slowly, and the refresh
// token stays.
func TestOneRefusalDoesNotEndAGrantI5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		f := grantFleet(t, p, fleetConfig{replicas: 2})
		defer f.close()
		f.keeps(p)
		tok := f.token(f.replicas[0])
		p.set(func(p *provider) { p.before = func(*valve) error { return broker.ErrRefreshEnded } })
		time.Sleep(time.Until(tok.Expiry) + time.Second)
		_, err := f.replicas[0].Token(t.Context(), accessToken)
		if e := broker.AsError(err); e.Code != "refresh_token_ended" || !e.Class.Permanent() || !strings.Contains(e.Hint, "authorize the app") {
			t.Errorf("got %+v", e)
		}
		time.Sleep(2 * time.Hour)
		if n := p.calls(); n > 18 {
			t.Errorf("%d issues in two hours, want that it is asked slowly", n)
		}
		p.set(func(p *provider) { p.before = nil })
		time.Sleep(20 * time.Minute)
		f.keeps(p)
	})
}

// TestNewRefreshTokenInTheFileBeginsAnewAtOnce, when a server starts with it.
func TestNewRefreshTokenInTheFileBeginsAnewAtOnce(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{false, true} { // it has never had a token
		t.Run(fmt.Sprintf("at first %v", first), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProvider()
				p.ended = first
				f := grantFleet(t, p, fleetConfig{})
				defer func() { f.close() }()
				if !first {
					f.keeps(p)
				}
				p.set(func(p *provider) { p.ended = true })
				time.Sleep(time.Hour)
				f.crash(f.replicas[0])
				const fresh = "rt-fresh-mustnotbeseen"
				p.grant(fresh)
				f.app.Refresh = broker.NewSecret(fresh)
				f.start()
				time.Sleep(5 * time.Second)
				if _, _, ok := f.replicas[0].Peek(accessToken.App, accessToken.Kind); !ok || f.chain() != p.newest() {
					t.Error("the new refresh token was not used at once")
				}
				// Without one in the file what is stored goes on.
				f.crash(f.replicas[0])
				f.app.Refresh = broker.Secret{}
				f.start()
				time.Sleep(5 * time.Minute)
				if tok := f.token(f.replicas[0]); !p.live(tok) || p.abused() {
					t.Error("the stored refresh token was not used")
				}
			})
		})
	}
}

// TestRefreshTokenWithoutATokenIsKeptI5: an answer that is of no use has used it up all the
// same.
func TestRefreshTokenWithoutATokenIsKeptI5(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(*broker.Issued) error{
		"an error": func(i *broker.Issued) error {
			i.Token = broker.Secret{}
			return errors.New("a token type nobody knows")
		},
		"no lifetime": func(i *broker.Issued) error { i.Lifetime = 0; return nil },
	} {
		for _, trouble := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, store trouble %v", name, trouble), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var stores []*flakyStore
					p := newProvider()
					f := grantFleet(t, p, fleetConfig{replicas: 2, wrap: flaky(&stores)})
					defer f.close()
					f.keeps(p)
					var calls atomic.Int64
					p.set(func(p *provider) {
						p.alter = func(i *broker.Issued) error {
							if calls.Add(1) > 3 {
								return nil
							}
							if trouble {
								for _, s := range stores {
									s.spoil(times(4, errPutLost), nil)
								}
							}
							return alter(i)
						}
					})
					time.Sleep(5 * time.Minute)
					if n := calls.Load(); n < 4 {
						t.Errorf("%d issues", n)
					}
					f.keeps(p)
				})
			})
		}
	}
}
