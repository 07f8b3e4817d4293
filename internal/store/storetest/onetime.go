package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) oneTime() []test {
	return []test{
		{"AValueIsThereUntilItIsTaken", s.takeOnce},
		{"ALookLeavesAValueThere", s.look},
		{"ANameThatIsInUseIsAConflict", s.addTwice},
		{"AValueRunsOutOnTheStoresClockAndFreesItsName", s.valueRunsOut},
		{"AValueNeedsATTL", s.valueTTL},
		{"ValuesAreBytes", s.valuesAreBytes},
		{"HostileNamesAreKeptApart_I8", s.hostileNames},
		{"ValuesOutlastARestart", s.valuesOutlast},
		{"OfManyWhoAddOneWins", s.addOnce},
		{"OfManyWhoAddAfterOneRanOutOneWins", s.addOnceAfter},
		{"OfManyWhoTakeOneGetsIt", s.takeRace},
		{"NothingThatIsAddedAndTakenAtOnceIsGotTwice", s.addAndTake},
		{"ASweepRemovesWhatHasRunOutAndNotMoreThanItsLimit", s.sweep},
		{"ASweepLeavesWhatIsAddedMeanwhile", s.sweepAndAdd},
	}
}

func addValue(t testing.TB, st broker.Store, name, value string, ttl time.Duration) {
	t.Helper()
	ok(t, "add "+name, st.OneTime().Add(t.Context(), name, []byte(value), ttl))
}

func wantValue(t testing.TB, st broker.Store, name, value string) {
	t.Helper()
	got, err := st.OneTime().Look(t.Context(), name)
	ok(t, "look at "+name, err)
	check(t, "look at "+name, value, string(got))
}

func wantNoValue(t testing.TB, st broker.Store, name string) {
	t.Helper()
	_, err := st.OneTime().Look(t.Context(), name)
	wantErr(t, "look at "+name, err, broker.ErrNotFound)
	_, err = st.OneTime().Take(t.Context(), name)
	wantErr(t, "take "+name, err, broker.ErrNotFound)
}

func (s suite) takeOnce(t *testing.T) {
	f := s.Open(t)
	wantNoValue(t, f.Store, "code")
	addValue(t, f.Store, "code", "value", long)
	got, err := f.Handle().OneTime().Take(t.Context(), "code")
	ok(t, "take", err)
	check(t, "take", "value", string(got))
	wantNoValue(t, f.Store, "code")
	addValue(t, f.Handle(), "code", "another", long)
	wantValue(t, f.Store, "code", "another")
}

func (s suite) look(t *testing.T) {
	f := s.Open(t)
	addValue(t, f.Store, "code", "value", long)
	for range 3 {
		wantValue(t, f.Handle(), "code", "value")
	}
	_, err := f.Store.OneTime().Take(t.Context(), "code")
	ok(t, "take after looks", err)
}

func (s suite) addTwice(t *testing.T) {
	f := s.Open(t)
	addValue(t, f.Store, "code", "value", long)
	for _, st := range []broker.Store{f.Store, f.Handle()} {
		for _, value := range []string{"value", "another", ""} {
			wantErr(t, "add", st.OneTime().Add(t.Context(), "code", []byte(value), 2*long), broker.ErrConflict)
		}
	}
	wantValue(t, f.Store, "code", "value")
	// What is only used up has no value at all.
	ok(t, "add of nothing", f.Store.OneTime().Add(t.Context(), "login", nil, long))
	wantErr(t, "add again", f.Handle().OneTime().Add(t.Context(), "login", nil, long), broker.ErrConflict)
}

func (s suite) valueRunsOut(t *testing.T) {
	f := s.Open(t)
	s.inTime(t, f, func(ttl time.Duration) error {
		name := "for " + ttl.String()
		addValue(t, f.Store, name, "value", ttl)
		f.Advance(ttl / 2)
		_, err := f.Store.OneTime().Look(t.Context(), name)
		return want("half way", err, nil)
	})
	addValue(t, f.Store, "code", "value", s.TTL)
	addValue(t, f.Store, "other", "value", long)
	f.Advance(s.TTL)
	wantNoValue(t, f.Store, "code")
	wantValue(t, f.Store, "other", "value")
	addValue(t, f.Handle(), "code", "new", long)
	wantValue(t, f.Store, "code", "new")
	wantErr(t, "add", f.Store.OneTime().Add(t.Context(), "code", nil, long), broker.ErrConflict)
	f.Advance(s.TTL)
	wantValue(t, f.Store, "code", "new")
}

func (s suite) valueTTL(t *testing.T) {
	st := s.Open(t).Store
	for _, ttl := range []time.Duration{0, -1, -time.Hour} {
		if err := st.OneTime().Add(t.Context(), "code", nil, ttl); err == nil {
			t.Errorf("a value was kept for %v", ttl)
		}
	}
	wantNoValue(t, st, "code")
}

func (s suite) valuesAreBytes(t *testing.T) {
	f := s.Open(t)
	for i, value := range [][]byte{nil, {}, {0}, {0xff, 0, '\'', '"', '\\', '%'}, bytes.Repeat([]byte{0, 7, 0xfe}, 20_000)} {
		name := fmt.Sprint(i)
		in := bytes.Clone(value)
		ok(t, "add", f.Store.OneTime().Add(t.Context(), name, in, long))
		clear(in)
		for range 2 {
			got, err := f.Handle().OneTime().Look(t.Context(), name)
			ok(t, "look", err)
			check(t, "look", value, got)
			clear(got)
		}
		got, err := f.Store.OneTime().Take(t.Context(), name)
		ok(t, "take", err)
		check(t, "take", value, got)
	}
}

func (s suite) hostileNames(t *testing.T) {
	f := s.Open(t)
	names := map[string]bool{}
	for _, k := range hostileKeys() {
		for _, name := range []string{k.String(), k.Subject, "code/" + k.Subject} {
			if name != "" {
				names[name] = true
			}
		}
	}
	for name := range names {
		addValue(t, f.Store, name, "value of "+name, long)
	}
	for name := range names {
		wantValue(t, f.Store, name, "value of "+name)
		got, err := f.Store.OneTime().Take(t.Context(), name)
		ok(t, "take", err)
		check(t, "take", "value of "+name, string(got))
	}
}

func (s suite) valuesOutlast(t *testing.T) {
	f := s.Open(t)
	addValue(t, f.Store, "code", "value", long)
	addValue(t, f.Store, "taken", "value", long)
	_, err := f.Store.OneTime().Take(t.Context(), "taken")
	ok(t, "take", err)
	addValue(t, f.Store, "short", "value", s.TTL)
	st := s.reopened(t, f)
	wantValue(t, st, "code", "value")
	wantNoValue(t, st, "taken")
	f.Advance(s.TTL)
	wantNoValue(t, st, "short")
	wantErr(t, "add", st.OneTime().Add(t.Context(), "code", nil, long), broker.ErrConflict)
	if _, err := f.Store.OneTime().Look(t.Context(), "code"); err == nil || errors.Is(err, broker.ErrNotFound) {
		t.Errorf("a closed store was read: %v", err)
	}
}

func (s suite) addOnce(t *testing.T) {
	f := s.Open(t)
	for round := range 10 {
		s.oneAdds(t, f, fmt.Sprintf("round-%d", round))
	}
}

func (s suite) addOnceAfter(t *testing.T) {
	f := s.Open(t)
	for round := range 10 {
		addValue(t, f.Store, fmt.Sprintf("round-%d", round), "old", s.TTL)
	}
	f.Advance(s.TTL)
	for round := range 10 {
		s.oneAdds(t, f, fmt.Sprintf("round-%d", round))
	}
}

func (s suite) oneAdds(t *testing.T, f Fixture, name string) {
	t.Helper()
	winners := race(t, f, broker.ErrConflict, func(st broker.Store, i int) error {
		return st.OneTime().Add(t.Context(), name, []byte(fmt.Sprint(i)), long)
	})
	requireOne(t, winners)
	wantValue(t, f.Handle(), name, fmt.Sprint(winners[0]))
}

func (s suite) takeRace(t *testing.T) {
	f := s.Open(t)
	for round := range 10 {
		name := fmt.Sprintf("round-%d", round)
		addValue(t, f.Store, name, "value of "+name, long)
		winners := race(t, f, broker.ErrNotFound, func(st broker.Store, _ int) error {
			got, err := st.OneTime().Take(t.Context(), name)
			if err == nil && string(got) != "value of "+name {
				t.Errorf("took %q", got)
			}
			return err
		})
		requireOne(t, winners)
	}
}

// Ten names are added and taken by several at once, with a value of its own each time.
func (s suite) addAndTake(t *testing.T) {
	f := s.Open(t)
	name := func(i int) string { return fmt.Sprintf("code-%d", i%10) }
	var mu sync.Mutex
	added, got := map[string]bool{}, map[string]int{}
	note := func(f func()) {
		mu.Lock()
		defer mu.Unlock()
		f()
	}
	race(t, f, nil, func(st broker.Store, i int) error {
		for n := range 10 {
			value := fmt.Sprintf("%d-%d", i, n)
			switch err := st.OneTime().Add(t.Context(), name(i), []byte(value), long); {
			case err == nil:
				note(func() { added[value] = true })
			case !errors.Is(err, broker.ErrConflict):
				return err
			}
			switch taken, err := st.OneTime().Take(t.Context(), name(i)); {
			case err == nil:
				note(func() { got[string(taken)]++ })
			case !errors.Is(err, broker.ErrNotFound):
				return err
			}
		}
		return nil
	})
	for i := range 10 {
		if last, err := f.Store.OneTime().Take(t.Context(), name(i)); err == nil {
			got[string(last)]++
		}
	}
	check(t, "number of values that were taken", len(added), len(got))
	for value, n := range got {
		if n != 1 || !added[value] {
			t.Errorf("%q was taken %d times; it was added: %v", value, n, added[value])
		}
	}
}

func (s suite) sweep(t *testing.T) {
	f := s.Open(t)
	sweep := func(limit int) int {
		t.Helper()
		n, err := f.Handle().OneTime().Sweep(t.Context(), limit)
		ok(t, "sweep", err)
		return n
	}
	check(t, "sweep of nothing", 0, sweep(10))
	for i := range 5 {
		addValue(t, f.Store, fmt.Sprintf("old-%d", i), "value", s.TTL)
	}
	addValue(t, f.Store, "new", "value", long)
	f.Advance(s.TTL)
	addValue(t, f.Store, "old-3", "again", long)
	swept := []int{sweep(0), sweep(3), sweep(3), sweep(3)}
	if swept[1] == 0 { // the store does it by itself
		check(t, "swept", []int{0, 0, 0, 0}, swept)
	} else {
		check(t, "swept", []int{0, 3, 1, 0}, swept)
	}
	wantValue(t, f.Store, "new", "value")
	wantValue(t, f.Store, "old-3", "again")
	wantNoValue(t, f.Store, "old-1")
}

func (s suite) sweepAndAdd(t *testing.T) {
	f := s.Open(t)
	for round := range 20 {
		name := func(i int) string { return fmt.Sprintf("%d-%d", round, i) }
		for i := range crowd {
			addValue(t, f.Store, name(i), "old", time.Millisecond)
		}
		f.Advance(5 * time.Millisecond)
		race(t, f, nil, func(st broker.Store, i int) error {
			if i%5 == 0 {
				_, err := st.OneTime().Sweep(t.Context(), 1000)
				return err
			}
			return st.OneTime().Add(t.Context(), name(i), []byte("new"), long)
		})
		for i := range crowd {
			if i%5 != 0 {
				wantValue(t, f.Store, name(i), "new")
			}
		}
	}
}
