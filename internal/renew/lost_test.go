package renew_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// The store loses its last write (a failover), and another replica, which has not heard
// of it, writes at the same version. Whoever made the lost write has to notice (I2, I9).
func TestI9TwoHistoriesWithOneVersion(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"it only hears", "and everything is read again"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := realTimes()
				f := newFleet(t, fleetConfig{mode: wechat.Classic, sandbox: s, policy: p, quiet: true})
				defer f.close()
				a := f.replicas[0]
				first := f.token(a)
				restore := f.store.Backup()
				for f.token(a).Version == first.Version {
					time.Sleep(100 * time.Millisecond)
				}
				restore() // the renewal's write is lost
				late := f.start()
				time.Sleep(5 * time.Second)
				if how != "it only hears" {
					if err := a.Resync(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(10 * time.Second)
				x, y := f.token(a), f.token(late)
				if !x.Secret.Equal(y.Secret) {
					t.Errorf("I9: versions %d and %d are two tokens, 15 s after the renewal", x.Version, y.Version)
				}
				f.hold(10 * time.Minute)
			})
		})
	}
}

// A token that is known to be dead, and whose replacement failed, is not brought back to
// life by a store that lost the note of it, nor kept from being replaced.
func TestARejectionThatTheStoreLostIsStillReplaced(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{wechat.Stable, wechat.Classic, "control"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := realTimes()
				control := mode == "control"
				if control {
					mode = wechat.Classic
				}
				f := newFleet(t, fleetConfig{replicas: 2, mode: mode, sandbox: s, policy: p, quiet: true})
				defer f.close()
				a := f.replicas[0]
				f.token(a)
				time.Sleep(time.Minute)
				restore := f.store.Backup()
				if control {
					restore = func() {}
				}
				f.sandbox.Kill(f.token(a).Secret.Reveal())
				f.inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 40164, Times: 1})
				if _, err := a.Renew(t.Context(), accessToken, f.token(a).Version); err == nil {
					t.Fatal("renewed in spite of the fault")
				}
				restore()
				for _, r := range f.replicas {
					if err := r.Resync(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				f.sandbox.ClearFaults()
				time.Sleep(20 * time.Minute)
				for _, r := range f.replicas {
					tok, err := r.Token(t.Context(), accessToken)
					st, _ := r.State(accessToken)
					if err != nil || !f.live(tok) {
						t.Errorf("%s: 20 minutes later: version %d, err %v; state due in %v, record due in %v rejected %d", r.name, tok.Version, err, time.Until(st.Due), time.Until(f.record(accessToken).Due), f.record(accessToken).Rejected)
					}
				}
			})
		})
	}
}

// Failures of before a token was issued say nothing about it.
func TestI2AFailureFromABackupDoesNotShortenAPromise(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{mode: wechat.Classic, sandbox: s, policy: p, quiet: true})
		defer f.close()
		a := f.replicas[0]
		first := f.token(a)
		time.Sleep(59 * time.Minute)
		f.inject(sandbox.Fault{Kind: sandbox.FaultStatus})
		for f.record(accessToken).Failure.Attempts < 2 {
			time.Sleep(time.Second)
		}
		restore := f.store.Backup()
		f.sandbox.ClearFaults()
		for f.token(a).Version == first.Version {
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		before, issues := f.token(a), f.issues()
		restore()
		if err := a.Resync(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		after := f.token(a)
		if after.Until.Before(before.Until) || after.Version != before.Version {
			t.Errorf("I2: version %d was promised until %v, and after the restore version %d until %v", before.Version, before.Until, after.Version, after.Until)
		}
		time.Sleep(10 * time.Minute)
		if n := f.issues() - issues; n != 0 {
			t.Errorf("I1: %d issues for a store that was restored", n)
		}
		if !f.live(before) {
			t.Errorf("I2: version %d is dead although it was promised until %v", before.Version, before.Until)
		}
	})
}

// A leaked token does not come back with a backup.
func TestI6ALeakedTokenStaysNobodysAfterARestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{mode: wechat.Classic, sandbox: s, policy: p, quiet: true})
		defer f.close()
		a := f.replicas[0]
		leaked := f.token(a)
		time.Sleep(time.Minute)
		restore := f.store.Backup()
		if _, err := a.Replace(t.Context(), accessToken); err != nil {
			t.Fatal(err)
		}
		if _, found := a.ByToken(leaked.Secret); found {
			t.Fatal("found before")
		}
		restore()
		if err := a.Resync(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if _, found := a.ByToken(leaked.Secret); found {
			t.Error("a token that was replaced because it leaked is taken for one of ours again")
		}
		late := f.start()
		if _, found := late.ByToken(leaked.Secret); found {
			t.Error("a replica that starts later takes it for one of ours")
		}
	})
}

// What the store has lost is found out even where it fails once more meanwhile.
func TestAStoreThatWasRestoredAndFailsAgainIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		var none, all fault
		f := newFleet(t, fleetConfig{
			mode: wechat.Classic, sandbox: s, policy: p, lined: true, quiet: true,
			wrap: func(s *memstore.Store) storage { return brokenPort{s, none.err, all.err} },
		})
		defer f.close()
		a := f.replicas[0]
		first := f.token(a)
		time.Sleep(30 * time.Minute)
		restore := f.store.Backup()
		for f.token(a).Version == first.Version {
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		restore()
		all.set(errStoreGone)
		time.Sleep(5 * time.Second)
		all.set(nil)
		time.Sleep(5 * time.Minute)
		if got, want := f.record(accessToken).Current.Version, f.token(a).Version; got < want {
			t.Errorf("five minutes after the store is well again it has version %d, and memory %d", got, want)
		}
		defined := a.defined.all()
		t.Log(defined)
	})
}

// A reader that makes a replica look at a restored store must not make it deaf.
func TestI9AReplicaThatFoundAStoreRestoredStillHears(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, sandbox: s, policy: p, quiet: true})
		defer f.close()
		a, b := f.replicas[0], f.replicas[1]
		first := f.token(a)
		restore := f.store.Backup()
		for f.token(a).Version == first.Version {
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		restore()
		// A late report of the older token makes b look at the store.
		if _, err := b.ReportToken(t.Context(), accessToken, first.Secret); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if h := b.Health(); h.Unsaved != 0 {
			t.Errorf("b: unsaved %d, ten seconds after it noticed", h.Unsaved)
		}
		// Then the token is replaced by a.
		if _, err := a.Replace(t.Context(), accessToken); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if x, y := f.token(a), f.token(b); !x.Secret.Equal(y.Secret) {
			t.Errorf("I9: a has version %d, b has version %d", x.Version, y.Version)
		}
		_ = a
	})
}

// The budget that was spent survives.
func TestI7ARestoreDoesNotGiveBackTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		f := newFleet(t, fleetConfig{mode: wechat.Classic, sandbox: s, policy: p, quiet: true})
		defer f.close()
		a := f.replicas[0]
		f.token(a)
		time.Sleep(time.Minute)
		restore := f.store.Backup()
		f.inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 40164})
		for range 50 {
			_, _ = a.Renew(t.Context(), accessToken, f.record(accessToken).Current.Version)
			time.Sleep(time.Minute)
		}
		spent := f.record(accessToken)
		restore()
		if err := a.Resync(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		got := f.record(accessToken)
		if got.Budget.Issues < spent.Budget.Issues || got.Budget.Unplanned < spent.Budget.Unplanned || got.Failure.Attempts < spent.Failure.Attempts {
			t.Errorf("spent %+v attempts %d, after the restore %+v attempts %d", spent.Budget, spent.Failure.Attempts, got.Budget, got.Failure.Attempts)
		}
	})
}

// A replica that cannot read everything again after a gap goes on hearing of what comes,
// and says that it may have missed something.
func TestI9AReplicaThatMayHaveMissedSomethingSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := realTimes()
		var none, all fault
		f := newFleet(t, fleetConfig{
			replicas: 2, mode: wechat.Classic, sandbox: s, policy: p, quiet: true,
			wrap: func(s *memstore.Store) storage { return brokenPort{s, none.err, all.err} },
		})
		defer f.close()
		a, b := f.replicas[0], f.replicas[1]
		f.token(a)
		all.set(errStoreGone) // one record that cannot be decoded is enough
		b.keepFrom(errStoreGone)
		time.Sleep(time.Second)
		b.keepFrom(nil)
		time.Sleep(2 * time.Minute)
		if _, err := a.Replace(t.Context(), accessToken); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if x, y := f.token(a), f.token(b); !x.Secret.Equal(y.Secret) {
			t.Errorf("I9: versions %d and %d", x.Version, y.Version)
		}
		if h := b.Health(); h.Behind == 0 && !h.Away {
			t.Errorf("it has heard nothing for minutes and says: %+v", h)
		}
		all.set(nil)
		time.Sleep(3 * time.Second)
	})
}

// The turn of a replica is short against what is left of a token, whatever its lifetime.
func TestI2TurnsFitShortLifetimes(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for _, life := range []time.Duration{8 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second} {
			for _, overlap := range []time.Duration{0, life / 2} {
				t.Run(mode+"/"+life.String()+"/"+overlap.String(), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						c := sandbox.Config{Lifetime: life, Overlap: life / 2}
						f := newFleet(t, fleetConfig{replicas: 3, mode: mode, sandbox: c, policy: broker.Policy{Every: time.Hour, Overlap: overlap}, lined: true, quiet: true})
						defer f.close()
						f.hold(2 * life)
						// The first in line goes.
						for i, r := range f.replicas {
							if r.members.Rank(accessToken, 0) == 0 {
								f.crash(f.replicas[i])
								break
							}
						}
						f.missing.Store(0)
						dead := 0
						for end := time.Now().Add(3 * life); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
							for _, r := range f.replicas {
								if tok, _, ok := r.Peek(accessToken.App, accessToken.Kind); !ok || !f.live(tok) || tok.Promise(r.Now()) <= 0 {
									dead++
								}
							}
						}
						if dead > 0 {
							t.Errorf("for %v a replica had no live token with a promise", time.Duration(dead)*50*time.Millisecond/2)
						}
						f.hold(2 * life)
					})
				})
			}
		}
	}
}
