package renew_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// A store that is restored from a backup has tokens that are dead by now.
func TestAStoreThatWentBackInTimeIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for _, c := range []struct {
			name string
			// noticed says how the replicas find out.
			noticed func(f *fleet)
		}{
			{"and the servers are forgotten", func(f *fleet) { time.Sleep(4 * time.Second) }},
			{"and a renewal is due", func(f *fleet) {}},
			{"and everything is read again", func(f *fleet) {
				for _, r := range f.replicas {
					if err := r.Resync(f.t.Context()); err != nil {
						f.t.Fatal(err)
					}
				}
			}},
		} {
			t.Run(mode+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet(t, fleetConfig{replicas: 3, mode: mode, lined: c.name == "and the servers are forgotten", quiet: true})
					defer f.close()
					f.hold(15 * time.Second)
					restore := f.store.Backup()
					f.hold(45 * time.Second)
					seen := f.token(f.replicas[0])
					issues := f.issues()
					restore()
					c.noticed(f)
					f.hold(12 * time.Second)
					for _, r := range f.replicas {
						if got := f.token(r); got.Version < seen.Version {
							t.Errorf("%s: version %d after the store was restored, and %d before", r.name, got.Version, seen.Version)
						}
					}
					rec := f.record(accessToken)
					if rec.Current.Version < seen.Version {
						t.Errorf("the store has version %d, and %d was handed out", rec.Current.Version, seen.Version)
					}
					late := f.start()
					if got := f.token(late); !f.live(got) {
						t.Errorf("a replica that starts afterwards hands out version %d, which is dead", got.Version)
					}
					f.hold(time.Minute)
					// What memory knew is stored again, and nothing is issued for it.
					if n, most := f.issues()-issues, 72/10+2; n > most {
						t.Errorf("I1: %d issues in 72 s, want at most %d", n, most)
					}
					f.wantNoMisuse()
				})
			})
		}
	}
}

func TestAStoreThatLostARecordGetsItBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, sandbox: s, policy: p})
		defer f.close()
		restore := f.store.Backup() // the first token may not be there yet
		tok := f.token(f.replicas[0])
		time.Sleep(time.Minute)
		if f.record(accessToken).Current.Version == 0 {
			t.Fatal("nothing was stored")
		}
		restore()
		if err := f.store.Delete(t.Context(), accessToken, f.record(accessToken).Version); err != nil && !errors.Is(err, broker.ErrNotFound) {
			t.Fatal(err)
		}
		for _, r := range f.replicas {
			if err := r.Resync(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		rec := f.record(accessToken)
		if rec.Current.Version < tok.Version || rec.Current.Box == nil {
			t.Errorf("the store has version %d, want at least %d", rec.Current.Version, tok.Version)
		}
		if f.issues() != 1 {
			t.Errorf("I1: %d issues, want 1", f.issues())
		}
		for _, r := range f.replicas {
			if got := f.token(r); !got.Secret.Equal(tok.Secret) {
				t.Errorf("%s has another token", r.name)
			}
		}
		f.hold(5 * time.Second) // and to the end of what was promised then
	})
}

// A read that was overtaken by a write is no sign that the store has lost anything.
func TestAReadThatWasOvertakenIsNoLoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, wrap: func(s *memstore.Store) storage {
			return slowStore{s, func() time.Duration { return 400 * time.Millisecond }}
		}})
		defer f.close()
		stop := time.After(time.Minute)
		for done := false; !done; {
			select {
			case <-stop:
				done = true
			case <-time.After(90 * time.Millisecond):
				for _, r := range f.replicas {
					go func() { _ = r.Resync(t.Context()) }()
				}
			}
		}
		f.wantLogged("the store went back in time", false)
		f.wantNoMisuse()
	})
}

func (f *fleet) wantLogged(text string, want bool) {
	f.t.Helper()
	if got := strings.Contains(f.log.String(), text); got != want {
		f.t.Errorf("%q was logged: %v, want %v", text, got, want)
	}
}

// The store is restored from a backup that is two writes old, just before a renewal is
// due. The replica that makes it brings the record to the version that the others know,
// with another token.
func TestI3I9AVersionThatComesTwiceIsNotTakenForTheSame(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := realTimes()
				f := newFleet(t, fleetConfig{replicas: 3, mode: mode, sandbox: s, policy: p, lined: true, quiet: true})
				defer f.close()
				f.token(f.replicas[0])
				time.Sleep(time.Second)
				restore := f.store.Backup()
				for f.record(accessToken).Version < 3 {
					time.Sleep(time.Second)
				}
				time.Sleep(time.Until(f.record(accessToken).Due) - 10*time.Millisecond)
				restore()
				time.Sleep(time.Minute) // all have been told that the store has lost something
				rec := f.record(accessToken)
				for _, r := range f.replicas {
					if tok := f.token(r); tok.Version != rec.Current.Version {
						t.Errorf("I9: a minute later %s has version %d, stored is %d", r.name, tok.Version, rec.Current.Version)
					}
				}
				time.Sleep(30 * time.Minute)
				for _, r := range f.replicas {
					if tok, err := r.Token(t.Context(), accessToken); err != nil || !f.live(tok) {
						t.Errorf("I3: half an hour later %s has version %d, which is dead (%v)", r.name, tok.Version, err)
					}
				}
			})
		})
	}
}

// Stores are restored at random while everything goes on.
func TestI2RandomRestores(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("%s/%d", mode, seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet(t, fleetConfig{replicas: 3, mode: mode, lined: true, quiet: true, seed: seed + 1})
					defer f.close()
					rnd := rand.New(rand.NewPCG(seed, 9))
					f.hold(5 * time.Second)
					const minutes = 10
					var wg sync.WaitGroup
					for _, r := range f.replicas {
						f.follow(&wg, r, minutes*time.Minute)
					}
					restores := 0
					wg.Go(func() {
						for end := time.Now().Add((minutes - 1) * time.Minute); time.Now().Before(end); {
							time.Sleep(time.Duration(rnd.IntN(20000)) * time.Millisecond)
							back := f.store.Backup()
							time.Sleep(time.Duration(rnd.IntN(25000)) * time.Millisecond)
							back()
							restores++
						}
					})
					f.hold(minutes * time.Minute)
					wg.Wait()
					time.Sleep(15 * time.Second)
					var last string
					for _, r := range f.replicas {
						tok := f.token(r)
						if last != "" && tok.Secret.Reveal() != last {
							t.Errorf("%s has another token", r.name)
						}
						last = tok.Secret.Reveal()
					}
					t.Logf("%d restores, %d issues, %d missing", restores, f.issues(), f.missing.Load())
					if f.issues() > minutes*6+10 {
						t.Errorf("I1: %d issues", f.issues())
					}
				})
			})
		}
	}
}
