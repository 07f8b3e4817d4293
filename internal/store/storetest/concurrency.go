package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) concurrency() []test {
	return []test{
		{"OfManyFirstPutsOneWins_I1", s.firstPuts},
		{"OfManyPutsAtOneVersionOneWins_I1", s.putsAtOneVersion},
		{"OfPutAndDeleteAtOneVersionOneWins", s.putAndDelete},
		{"NoWriteIsLostAmongMany", s.countUp},
		{"AConflictDoesNotHarmItsNeighbours", s.neighbours},
		{"OfManyFirstLeasesOneIsTaken_I1", s.firstLeases},
	}
}

const crowd = 50

// race calls f at once from a crowd on two handles, and returns who got no error.
// All others must have got refusal.
func race(t *testing.T, f Fixture, refusal error, do func(st broker.Store, i int) error) (winners []int) {
	t.Helper()
	handles := []broker.Store{f.Store, f.Handle()}
	errs := make([]error, crowd)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			<-start
			errs[i] = do(handles[i%2], i)
		})
	}
	close(start)
	wg.Wait()
	for i, err := range errs {
		if err == nil {
			winners = append(winners, i)
		} else if !errors.Is(err, refusal) {
			t.Errorf("loser %d got %v, want %v", i, err, refusal)
		}
	}
	return winners
}

func (s suite) firstPuts(t *testing.T) {
	f := s.Open(t)
	for round := range 10 {
		k := keyOf(fmt.Sprintf("round-%d", round))
		winners := race(t, f, broker.ErrConflict, func(st broker.Store, i int) error {
			_, err := st.Put(t.Context(), broker.Record{Key: k, Secret: fmt.Sprint(i)})
			return err
		})
		requireOne(t, winners)
		check(t, "get", broker.Record{Key: k, Version: 1, Secret: fmt.Sprint(winners[0])}, get(t, f.Store, k))
	}
}

func (s suite) putsAtOneVersion(t *testing.T) {
	f := s.Open(t)
	r := put(t, f.Store, full("shop"))
	for range 10 {
		winners := race(t, f, broker.ErrConflict, func(st broker.Store, i int) error {
			r := r.Clone()
			r.Secret = fmt.Sprint(i)
			_, err := st.Put(t.Context(), r)
			return err
		})
		requireOne(t, winners)
		r.Version++
		r.Secret = fmt.Sprint(winners[0])
		check(t, "get", r, get(t, f.Store, r.Key))
	}
}

func (s suite) putAndDelete(t *testing.T) {
	f := s.Open(t)
	for round := range 10 {
		r := put(t, f.Store, numbered(round))
		winners := race(t, f, broker.ErrConflict, func(st broker.Store, i int) error {
			if i%2 == 0 {
				_, err := st.Put(t.Context(), r)
				return err
			}
			err := st.Delete(t.Context(), r.Key, r.Version)
			if errors.Is(err, broker.ErrNotFound) {
				return broker.ErrConflict // another delete won
			}
			return err
		})
		requireOne(t, winners)
		_, err := f.Store.Get(t.Context(), r.Key)
		if gone := errors.Is(err, broker.ErrNotFound); gone != (winners[0]%2 == 1) {
			t.Errorf("%d won, but the record is deleted: %v", winners[0], gone)
		}
	}
}

func (s suite) countUp(t *testing.T) {
	const each = 5
	f := s.Open(t)
	k := put(t, f.Store, numbered(1)).Key
	race(t, f, nil, func(st broker.Store, _ int) error {
		for range each {
			for {
				r, err := st.Get(t.Context(), k)
				if err != nil {
					return err
				}
				r.Foreign.Count++
				if _, err = st.Put(t.Context(), r); err == nil {
					break
				} else if !errors.Is(err, broker.ErrConflict) {
					return err
				}
			}
		}
		return nil
	})
	r := get(t, f.Store, k)
	if r.Foreign.Count != crowd*each || r.Version != crowd*each+1 {
		t.Errorf("counted to %d at version %d, want %d", r.Foreign.Count, r.Version, crowd*each)
	}
}

func (s suite) neighbours(t *testing.T) {
	f := s.Open(t)
	put(t, f.Store, numbered(0))
	winners := race(t, f, broker.ErrConflict, func(st broker.Store, i int) error {
		r := numbered(i / 2 * (i % 2)) // every other one is the same, and there already
		if i%2 == 1 {
			r = numbered(i)
		}
		_, err := st.Put(t.Context(), r)
		return err
	})
	check(t, "winners", crowd/2, len(winners))
	check(t, "records", crowd/2+1, len(all(t, f.Store)))
}

func (s suite) firstLeases(t *testing.T) {
	f := s.Open(t)
	for round := range 10 {
		name := fmt.Sprintf("lease-%d", round)
		leases := make([]broker.Lease, crowd)
		winners := race(t, f, broker.ErrLeaseHeld, func(st broker.Store, i int) (err error) {
			leases[i], err = st.Acquire(t.Context(), name, fmt.Sprintf("holder-%d", i), long)
			return err
		})
		requireOne(t, winners)
		l := leases[winners[0]]
		if l.Term != 1 || l.Holder != fmt.Sprintf("holder-%d", winners[0]) {
			t.Errorf("%d got %+v", winners[0], l)
		}
		ok(t, "release", f.Store.Release(t.Context(), l))
	}
}

func requireOne(t *testing.T, winners []int) {
	t.Helper()
	if len(winners) != 1 {
		t.Fatalf("winners: %v, want exactly one", winners)
	}
}
