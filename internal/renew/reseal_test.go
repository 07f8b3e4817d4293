package renew_test

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

// agedSealer marks its boxes with the number of its newest key.
type agedSealer struct {
	plainSealer
	key *atomic.Int32
}

func (s agedSealer) Seal(p, ad []byte) ([]byte, error) {
	box, err := s.plainSealer.Seal(p, ad)
	return append([]byte{byte(s.key.Load())}, box...), err
}

func (s agedSealer) Open(box, ad []byte) ([]byte, error) {
	if len(box) == 0 {
		return nil, errors.New("no box")
	}
	return s.plainSealer.Open(box[1:], ad)
}

func TestResealingChangesBoxesAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var key atomic.Int32
				f := newFleet(t, fleetConfig{replicas: 2, mode: mode, sealer: agedSealer{key: &key}})
				defer f.close()
				time.Sleep(16 * time.Second) // there is a previous token too
				var wg sync.WaitGroup
				for _, r := range f.replicas {
					f.follow(&wg, r, time.Minute)
				}
				before, tok := f.record(accessToken), f.token(f.replicas[0])
				key.Store(1)
				if n, err := f.replicas[0].Reseal(t.Context()); err != nil || n != 1 {
					t.Errorf("%d records were sealed again, with %v; want 1", n, err)
				}
				after := f.record(accessToken)
				for name, box := range map[string][]byte{"current": after.Current.Box, "previous": after.Previous.Box} {
					if len(box) == 0 || box[0] != 1 {
						t.Errorf("the %s box is not sealed with the newest key", name)
					}
				}
				after.Version, after.Current.Box, after.Previous.Box = before.Version, before.Current.Box, before.Previous.Box
				if after.Current.Version != before.Current.Version || !after.Due.Equal(before.Due) || !after.Current.Until.Equal(before.Current.Until) {
					t.Errorf("the record was %+v and is %+v", before, after)
				}
				time.Sleep(500 * time.Millisecond)
				for _, r := range f.replicas {
					if got := f.token(r); got.Version != tok.Version || !got.Secret.Equal(tok.Secret) {
						t.Errorf("%s gives another token after re-sealing", r.name)
					}
				}
				f.hold(30 * time.Second)
				wg.Wait()
				f.wantNoMisuse()
			})
		})
	}
}

func TestResealingAmidRenewalsLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var key atomic.Int32
		var stores []*flakyStore
		f := newFleet(t, fleetConfig{replicas: 2, mode: wechat.Classic, sealer: agedSealer{key: &key}, wrap: flaky(&stores), quiet: true})
		defer f.close()
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 600 {
				if _, err := f.replicas[0].Reseal(t.Context()); err != nil {
					t.Error(err)
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
		f.hold(time.Minute)
		wg.Wait()
		if n := f.issues(); n > 8 {
			t.Errorf("I1: %d issues in a minute", n)
		}
		// A record that somebody else writes at the same moment is read again.
		key.Store(2)
		stores[0].spoil(f.rival(func(*broker.Record) {}), nil)
		if n, err := f.replicas[0].Reseal(t.Context()); err != nil || n != 1 || f.record(accessToken).Current.Box[0] != 2 {
			t.Errorf("%d records were sealed again, with %v; want 1", n, err)
		}
		stores[0].spoil(times(1, errStoreGone), nil)
		if _, err := f.replicas[0].Reseal(t.Context()); !errors.Is(err, errStoreGone) {
			t.Errorf("got %v, want %v", err, errStoreGone)
		}
		stores[0].spoil(nil, nil)
		f.replicas[0].store.Fail(errStoreGone)
		if _, err := f.replicas[0].Reseal(t.Context()); !errors.Is(err, errStoreGone) {
			t.Errorf("got %v, want %v", err, errStoreGone)
		}
		f.replicas[0].store.Fail(nil)
		f.wantNoMisuse()
	})
}

func TestABoxThatCannotBeOpenedIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lost := false
		f := newFleet(t, fleetConfig{mode: wechat.Stable, sealer: oddSealer{lost: &lost}})
		defer f.close()
		f.token(f.replicas[0])
		before := f.record(accessToken)
		lost = true
		n, err := f.replicas[0].Reseal(t.Context())
		lost = false
		if err != nil || n != 0 || !bytes.Equal(f.record(accessToken).Current.Box, before.Current.Box) {
			t.Errorf("%d records were sealed again, with %v; want none", n, err)
		}
	})
}
