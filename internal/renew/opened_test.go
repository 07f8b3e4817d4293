package renew_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// nosySealer uses the key whose box is opened meanwhile, as others do while the file of
// the keyset is read for a box.
type nosySealer struct {
	plainSealer
	use            atomic.Pointer[func()]
	asking         atomic.Bool
	opened, waited atomic.Int32
}

func (s *nosySealer) Open(box, ad []byte) ([]byte, error) {
	use := s.use.Load()
	if use == nil || !s.asking.CompareAndSwap(false, true) {
		return s.plainSealer.Open(box, ad)
	}
	defer s.asking.Store(false)
	s.opened.Add(1)
	var done atomic.Bool
	go func() {
		(*use)()
		done.Store(true)
	}()
	// Who waits for a mutex stops the bubble's clock, so that turns are counted instead.
	for range 1 << 20 {
		if done.Load() {
			return s.plainSealer.Open(box, ad)
		}
		runtime.Gosched()
	}
	s.waited.Add(1)
	return s.plainSealer.Open(box, ad)
}

// Opening a box may take a look at the keyset's file, and nobody waits for that on a mutex.
func TestNobodyWaitsWhileABoxIsOpened_I3(t *testing.T) {
	t.Parallel()
	for name, rot := range families() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &nosySealer{}
				f := fakeFleet(t, newFake(rot), fleetConfig{replicas: 2, sealer: s, quiet: true})
				defer func() { f.close() }()
				r := f.replicas[1]
				f.token(r)
				use := func() {
					for _, r := range f.replicas {
						if err := r.TryAgain(t.Context(), accessToken); err != nil {
							t.Log(err) // it has failed before, and the store is away
						}
					}
				}
				s.use.Store(&use)
				time.Sleep(30 * time.Second) // They renew, and hear of each other's renewals.
				r.keepFrom(errStoreGone)
				f.replicas[0].keepFrom(errStoreGone)
				time.Sleep(time.Minute) // They renew without the store.
				r.keepFrom(nil)
				f.replicas[0].keepFrom(nil)
				time.Sleep(30 * time.Second)
				s.use.Store(nil)
				if n, waited := s.opened.Load(), s.waited.Load(); waited > 0 || n < 4 {
					t.Errorf("of %d boxes that were opened, %d kept somebody waiting", n, waited)
				}
				f.token(r)
			})
		})
	}
}

// While a box is opened the app may become another one, whose token it is not.
func TestABoxOpenedWhileItsAppBecomesAnotherIsForgotten_I8(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &nosySealer{}
		p := newFake(families()["independent"])
		f := fakeFleet(t, p, fleetConfig{sealer: s})
		defer func() { f.close() }()
		before := f.token(f.replicas[0])
		current, err := f.replicas[0].Replace(t.Context(), accessToken)
		if err != nil || current.Secret.Equal(before.Secret) {
			t.Fatalf("the token was not replaced: %v", err)
		}
		f.crash(f.replicas[0])
		p.behave(func(context.Context, int) error { return errors.New("no tokens today") })
		r := f.prepare()
		if err := r.SetApp(t.Context(), &f.app); err != nil {
			t.Fatal(err)
		}
		other := f.app
		other.AppID = "wxfedcba9876543210"
		use := func() {
			s.use.Store(nil)
			if err := r.SetApp(t.Context(), &other); err != nil {
				t.Error(err)
			}
		}
		s.use.Store(&use)
		f.run(r)
		if n := s.opened.Load(); n != 1 {
			t.Fatalf("the app was changed %d times while a box was opened", n)
		}
		if tok, err := r.Token(t.Context(), accessToken); err == nil {
			t.Errorf("the app is given version %d of what it was before", tok.Version)
		}
		for name, tok := range map[string]broker.Token{"current": current, "previous": before} {
			if k, ok := r.ByToken(tok.Secret); ok {
				t.Errorf("the %s token of the other app is taken for one of %s", name, k)
			}
		}
	})
}
