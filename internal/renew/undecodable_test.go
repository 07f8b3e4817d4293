package renew_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// illegible is a store that has rows that cannot be decoded.
type illegible struct {
	*memstore.Store
	bad *atomic.Pointer[broker.Key] // one of them; there are others without a key
}

// All implements [broker.TokenStore].
func (s illegible) All(ctx context.Context) iter.Seq2[broker.Record, error] {
	return func(yield func(broker.Record, error) bool) {
		bad := s.bad.Load()
		if bad == nil {
			s.Store.All(ctx)(yield)
			return
		}
		for range 10 {
			if !yield(broker.Record{}, fmt.Errorf("nonsense: %w", broker.ErrUndecodable)) {
				return
			}
		}
		for r, err := range s.Store.All(ctx) {
			if err == nil && r.Key == *bad {
				r, err = broker.Record{Key: r.Key}, fmt.Errorf("record %q: %w", r.Key, broker.ErrUndecodable)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func TestARecordThatCannotBeDecodedTakesNoOtherTokenAway_I3(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bad := new(atomic.Pointer[broker.Key])
		p := newFake(families()["eager"])
		f := fakeFleet(t, p, fleetConfig{wrap: func(s *memstore.Store) storage { return illegible{s, bad} }})
		defer func() { f.close() }()
		tok := f.token(f.replicas[0])
		bad.Store(&broker.Key{App: "other", Kind: broker.AccessToken})
		late := f.start()
		if got := f.token(late); got.Version != tok.Version || p.called() != 1 {
			t.Errorf("a replica that starts has version %d after %d issues, want %d and 1", got.Version, p.called(), tok.Version)
		}
		if err := late.Resync(t.Context()); err != nil {
			t.Errorf("everything is read again: %v", err)
		}
		if got := f.token(late); got.Version != tok.Version {
			t.Errorf("version %d is there after a resync, want %d", got.Version, tok.Version)
		}
	})
}

// What cannot be decoded has not been lost: what memory has of it stays in use, and is not
// stored as if the store had been restored.
func TestARecordThatCannotBeDecodedAnyMoreIsServedFromMemory_I3(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bad := new(atomic.Pointer[broker.Key])
		p := newFake(families()["fixed"])
		f := fakeFleet(t, p, fleetConfig{wrap: func(s *memstore.Store) storage { return illegible{s, bad} }})
		defer f.close()
		r := f.replicas[0]
		tok := f.token(r)
		before := f.record(accessToken)
		bad.Store(&accessToken)
		if err := r.Resync(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if got := f.token(r); !got.Secret.Equal(tok.Secret) || p.called() != 1 {
			t.Errorf("after %d issues it has version %d, want 1 and %d", p.called(), got.Version, tok.Version)
		}
		if after := f.record(accessToken); after.Version != before.Version {
			t.Errorf("it was stored again as version %d, and was %d", after.Version, before.Version)
		}
		log := f.log.String()
		if strings.Contains(log, "has lost what was written") {
			t.Error("it is taken for a record that the store has lost")
		}
		if n := strings.Count(log, "is passed over"); n != 5 || !strings.Contains(log, "records=11") {
			t.Errorf("of 11 rows the log names %d, want 5 and how many there are", n)
		}
	})
}

// A rotation must not take the key away that such a record may need.
func TestResealingTellsOfARecordThatCannotBeDecoded_I3(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bad := new(atomic.Pointer[broker.Key])
		f := fakeFleet(t, newFake(families()["fixed"]), fleetConfig{wrap: func(s *memstore.Store) storage { return illegible{s, bad} }})
		defer f.close()
		f.token(f.replicas[0])
		bad.Store(&broker.Key{App: "other", Kind: broker.AccessToken})
		if n, err := f.replicas[0].Reseal(t.Context()); n != 1 || !errors.Is(err, broker.ErrUndecodable) {
			t.Errorf("%d records were sealed again, with %v; want 1, and the error", n, err)
		}
	})
}
