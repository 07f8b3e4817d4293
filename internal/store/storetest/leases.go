package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) leases() []test {
	return []test{
		{"OneHolderExcludesAllOthersAndItself_I1", s.exclusion},
		{"LeasesOfOtherNamesAreFree", s.otherNames},
		{"ALeaseRunsOutOnTheStoresClock", s.runsOut},
		{"ExtendKeepsALease", s.extend},
		{"AReleasedLeaseIsFreeAtOnce", s.release},
		{"AFormerHolderHasLostItsLease", s.formerHolder},
		{"TheSameHolderInAnotherTermHasLostItsLease", s.formerTerm},
		{"TermsNeverRepeat", s.terms},
		{"TermsNeverRepeatAfterARestart", s.termsAfterRestart},
		{"AbandonedTellsOfALeaseThatRanOut", s.abandoned},
		{"AbandonedOutlastsARestart", s.abandonedAfterRestart},
		{"ALeaseNeedsATTL", s.noTTL},
		{"TheClockDoesNotGoBack", s.clock},
		{"HostileNamesAreKeptApart", s.hostileLeases},
	}
}

// long is what leases are taken for that must not end while a test runs, on however busy a
// machine.
const long = time.Hour

func take(t testing.TB, st broker.Store, name, holder string, ttl time.Duration) broker.Lease {
	t.Helper()
	l, err := st.Acquire(t.Context(), name, holder, ttl)
	ok(t, "acquire "+name+" for "+holder, err)
	if l.Name != name || l.Holder != holder || l.Term < 1 {
		t.Errorf("acquire %q for %q gave %+v", name, holder, l)
	}
	if d := l.Expiry.Sub(l.Acquired) - ttl; d.Abs() > time.Millisecond {
		t.Errorf("a lease for %v expires %v after %v", ttl, l.Expiry.Sub(l.Acquired), l.Acquired)
	}
	return l
}

// hold takes a lease that does not run out.
func hold(t testing.TB, st broker.Store, name, holder string) broker.Lease {
	t.Helper()
	return take(t, st, name, holder, long)
}

// abandon takes a lease that runs out when the clock is set ahead by the suite's TTL.
func (s suite) abandon(t testing.TB, st broker.Store, name, holder string) broker.Lease {
	t.Helper()
	return take(t, st, name, holder, s.TTL)
}

func (s suite) wantHeld(t testing.TB, st broker.Store, name, holder string) {
	t.Helper()
	_, err := st.Acquire(t.Context(), name, holder, s.TTL)
	wantErr(t, "acquire "+name+" for "+holder, err, broker.ErrLeaseHeld)
}

func (s suite) wantLost(t testing.TB, st broker.Store, l broker.Lease) {
	t.Helper()
	wantErr(t, "extend", st.Extend(t.Context(), l, s.TTL), broker.ErrLeaseLost)
	wantErr(t, "release", st.Release(t.Context(), l), broker.ErrLeaseLost)
}

func (s suite) exclusion(t *testing.T) {
	f := s.Open(t)
	st, other := f.Store, f.Handle()
	l := hold(t, st, "shop", "me")
	s.wantHeld(t, other, "shop", "you")
	s.wantHeld(t, other, "shop", "me")
	s.wantHeld(t, st, "shop", "me")
	ok(t, "release by the other handle", other.Release(t.Context(), l))
	hold(t, other, "shop", "you")
	s.wantHeld(t, st, "shop", "me")
}

func (s suite) otherNames(t *testing.T) {
	st := s.Open(t).Store
	first, second := hold(t, st, "shop", "me"), hold(t, st, "shop2", "me")
	ok(t, "release", st.Release(t.Context(), first))
	s.wantHeld(t, st, "shop2", "me")
	ok(t, "extend", st.Extend(t.Context(), second, long))
	s.wantLost(t, st, broker.Lease{Name: "never taken", Holder: "me", Term: 1})
	s.wantLost(t, st, broker.Lease{Name: "never taken", Holder: "", Term: 0})
}

func (s suite) runsOut(t *testing.T) {
	f := s.Open(t)
	s.inTime(t, f, func(ttl time.Duration) error {
		name := "for " + ttl.String()
		take(t, f.Store, name, "me", ttl)
		f.Advance(ttl / 2)
		_, err := f.Store.Acquire(t.Context(), name, "you", ttl)
		return want("half way", err, broker.ErrLeaseHeld)
	})
	l := s.abandon(t, f.Store, "shop", "me")
	f.Advance(s.TTL)
	s.wantLost(t, f.Store, l)
	hold(t, f.Handle(), "shop", "you")
	s.wantLost(t, f.Store, l)
}

func (s suite) extend(t *testing.T) {
	f := s.Open(t)
	var l broker.Lease
	s.inTime(t, f, func(ttl time.Duration) error {
		l = take(t, f.Store, "for "+ttl.String(), "me", ttl)
		return want("extend", f.Store.Extend(t.Context(), l, long), nil)
	})
	f.Advance(2 * s.TTL)
	s.wantHeld(t, f.Handle(), l.Name, "you")
	ok(t, "extend from now on", f.Store.Extend(t.Context(), l, s.TTL))
	f.Advance(s.TTL)
	s.wantLost(t, f.Store, l)
	if next := hold(t, f.Store, l.Name, "you"); !near(next.Abandoned, l.Acquired) {
		t.Errorf("abandoned is %v, want when the lease was acquired, %v", next.Abandoned, l.Acquired)
	}
}

func (s suite) release(t *testing.T) {
	f := s.Open(t)
	l := hold(t, f.Store, "shop", "me")
	ok(t, "release", f.Store.Release(t.Context(), l))
	s.wantLost(t, f.Store, l)
	hold(t, f.Handle(), "shop", "you")
}

func (s suite) formerHolder(t *testing.T) {
	f := s.Open(t)
	st, other := f.Store, f.Handle()
	old := s.abandon(t, st, "shop", "me")
	f.Advance(s.TTL)
	now := hold(t, other, "shop", "you")
	s.wantLost(t, st, old)
	forged := old
	forged.Term = now.Term
	s.wantLost(t, st, forged)
	s.wantHeld(t, st, "shop", "me")
	ok(t, "extend by the holder", other.Extend(t.Context(), now, long))
	ok(t, "release by the holder", other.Release(t.Context(), now))
}

func (s suite) formerTerm(t *testing.T) {
	f := s.Open(t)
	old := s.abandon(t, f.Store, "shop", "me")
	f.Advance(s.TTL)
	now := hold(t, f.Store, "shop", "me")
	s.wantLost(t, f.Store, old)
	ok(t, "release", f.Store.Release(t.Context(), now))
	again := hold(t, f.Store, "shop", "me")
	s.wantLost(t, f.Store, now)
	ok(t, "extend", f.Store.Extend(t.Context(), again, long))
}

func (s suite) terms(t *testing.T) {
	f := s.Open(t)
	handles := []broker.Store{f.Store, f.Handle()}
	last := int64(0)
	for i := range 12 {
		take := hold
		if i%4 == 0 {
			take = s.abandon
		}
		l := take(t, handles[i%2], "shop", fmt.Sprintf("holder-%d", i%3))
		if l.Term <= last {
			t.Fatalf("term %d came after %d", l.Term, last)
		}
		last = l.Term
		if i%4 == 0 {
			f.Advance(s.TTL)
		} else {
			ok(t, "release", handles[(i+1)%2].Release(t.Context(), l))
		}
	}
}

func (s suite) termsAfterRestart(t *testing.T) {
	f := s.Open(t)
	released, abandoned := hold(t, f.Store, "released", "me"), s.abandon(t, f.Store, "abandoned", "me")
	ok(t, "release", f.Store.Release(t.Context(), released))
	st := s.reopened(t, f)
	f.Advance(s.TTL)
	if l := hold(t, st, "released", "me"); l.Term <= released.Term || !l.Abandoned.IsZero() {
		t.Errorf("after %+v came %+v", released, l)
	}
	if l := hold(t, st, "abandoned", "me"); l.Term <= abandoned.Term {
		t.Errorf("after %+v came %+v", abandoned, l)
	}
	s.wantLost(t, st, released)
	s.wantLost(t, st, abandoned)
}

func (s suite) abandoned(t *testing.T) {
	f := s.Open(t)
	first := s.abandon(t, f.Store, "shop", "me")
	if !first.Abandoned.IsZero() {
		t.Errorf("the first lease came with abandoned %v", first.Abandoned)
	}
	f.Advance(s.TTL)
	second := hold(t, f.Store, "shop", "you")
	if !near(second.Abandoned, first.Acquired) {
		t.Errorf("abandoned is %v, want when the lease that ran out was acquired, %v", second.Abandoned, first.Acquired)
	}
	ok(t, "release", f.Store.Release(t.Context(), second))
	if third := hold(t, f.Store, "shop", "me"); !third.Abandoned.IsZero() {
		t.Errorf("after a clean release came abandoned %v", third.Abandoned)
	}
	fourth := s.abandon(t, f.Store, "other", "me")
	f.Advance(s.TTL)
	wantErr(t, "release after it ran out", f.Store.Release(t.Context(), fourth), broker.ErrLeaseLost)
	if fifth := s.abandon(t, f.Store, "other", "me"); !near(fifth.Abandoned, fourth.Acquired) {
		t.Errorf("after a late release came abandoned %v, want %v", fifth.Abandoned, fourth.Acquired)
	}
	f.Advance(s.TTL)
	if sixth := hold(t, f.Store, "other", "you"); !near(sixth.Abandoned, fourth.Acquired) {
		t.Errorf("after two that ran out came abandoned %v, want the first one's %v", sixth.Abandoned, fourth.Acquired)
	}
}

func (s suite) abandonedAfterRestart(t *testing.T) {
	f := s.Open(t)
	l := s.abandon(t, f.Store, "shop", "me")
	f.Advance(s.TTL / 10)
	st := s.reopened(t, f)
	f.Advance(s.TTL)
	if next := hold(t, st, "shop", "you"); !near(next.Abandoned, l.Acquired) {
		t.Errorf("abandoned is %v, want %v", next.Abandoned, l.Acquired)
	}
}

func (s suite) noTTL(t *testing.T) {
	st := s.Open(t).Store
	for _, ttl := range []time.Duration{0, -1} {
		if _, err := st.Acquire(t.Context(), "shop", "me", ttl); err == nil {
			t.Errorf("a lease was taken for %v", ttl)
		}
	}
	l := hold(t, st, "shop", "me")
	if err := st.Extend(t.Context(), l, 0); err == nil {
		t.Error("a lease was extended for 0")
	}
	s.wantHeld(t, st, "shop", "you")
}

func (s suite) clock(t *testing.T) {
	f := s.Open(t)
	read := func() time.Time {
		now, err := f.Store.Clock(t.Context())
		ok(t, "clock", err)
		return now
	}
	before := read()
	l := s.abandon(t, f.Store, "shop", "me")
	after := read()
	if l.Acquired.Before(before) || l.Acquired.After(after) {
		t.Errorf("a lease was acquired at %v, which is not between %v and %v", l.Acquired, before, after)
	}
	f.Advance(s.TTL)
	if now := read(); now.Before(l.Expiry) {
		t.Errorf("after the lease ran out at %v the clock shows %v", l.Expiry, now)
	}
}

func (s suite) hostileLeases(t *testing.T) {
	st := s.Open(t).Store
	held := map[string]broker.Lease{}
	for _, k := range hostileKeys() {
		held[k.String()] = hold(t, st, k.String(), "holder of '"+k.String())
	}
	for name, l := range held {
		s.wantHeld(t, st, name, "other")
		ok(t, "release", st.Release(t.Context(), l))
		hold(t, st, name, "other")
	}
}

func near(a, b time.Time) bool { return a.Sub(b).Abs() <= time.Microsecond }
