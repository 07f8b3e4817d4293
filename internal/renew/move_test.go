package renew_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// naming is a platform whose tokens name the app that they were issued for.
type naming struct{ n atomic.Int64 }

func (p *naming) platforms(*valve) []broker.Platform {
	return []broker.Platform{{
		Name: wechat.Name, Modes: []string{"fake"}, BaseURL: "http://fake",
		Kinds: func(string) map[broker.Kind]broker.Source {
			rot := broker.Rotation{Family: broker.Independent, Limits: broker.Limits{PerDay: 1 << 20, Unplanned: 100}}
			return map[broker.Kind]broker.Source{broker.AccessToken: {Rotation: rot, Issuer: p}}
		},
	}}
}

// Issue implements [broker.Issuer].
func (p *naming) Issue(_ context.Context, req broker.IssueRequest) (broker.Issued, error) {
	return broker.Issued{Token: broker.NewSecret(req.App.AppID + strings.Repeat("x", int(p.n.Add(1)%50))), Lifetime: time.Hour}, nil
}

// changes makes an app another registration and back, many times, while so many readers read,
// and wants its own token after each time.
func (f *fleet) changes(t *testing.T, readers int, read func()) {
	t.Helper()
	r, other := f.replicas[0], f.app
	other.AppID = otherAppID
	for i := range 4000 {
		a := []*broker.App{&other, &f.app}[i%2]
		var reading sync.WaitGroup
		var changed atomic.Bool
		for range readers {
			reading.Go(func() {
				for !changed.Load() && !t.Failed() {
					read()
				}
			})
		}
		if err := r.SetApp(t.Context(), a); err != nil {
			t.Error(err)
		}
		changed.Store(true)
		reading.Wait()
		if tok := f.token(r); !strings.HasPrefix(tok.Secret.Reveal(), a.AppID) {
			t.Errorf("I8: the app is %s, and its token %s", a.AppID, tok.Secret.Reveal())
		}
	}
}

// Whoever looks an app up and then takes its token never has that of what the app was before,
// at whatever instant it becomes another one.
func TestI8AReaderInTheInstantInWhichAnAppChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: "fake", quiet: true, platforms: new(naming).platforms})
		defer f.close()
		r := f.replicas[0]
		f.changes(t, 2, func() {
			a := r.App(accessToken.App)
			tok, _, ok := r.Peek(accessToken.App, accessToken.Kind)
			if ok && r.App(accessToken.App) == a && !strings.HasPrefix(tok.Secret.Reveal(), a.AppID) {
				t.Errorf("I8: the app is %s, and its token %s", a.AppID, tok.Secret.Reveal())
			}
		})
	})
}

// Whoever reads an app's record in the instant in which it becomes another one does not take
// what it was before for what the store has lost of what it is now.
func TestI8ARecordIsReadInTheInstantInWhichAnAppChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, fleetConfig{mode: "fake", quiet: true, platforms: new(naming).platforms})
		defer f.close()
		f.changes(t, 4, func() {
			// A version that is not here yet has the record read.
			_, _ = f.replicas[0].Report(t.Context(), accessToken, 1<<40)
		})
		if n := strings.Count(f.log.String(), "the store has lost"); n > 0 {
			t.Errorf("I8: %d times the store is said to have lost what is another registration's", n)
		}
	})
}

// puts is a store that has something done before the next record is put.
type puts struct {
	*memstore.Store
	before atomic.Pointer[func(broker.Record)]
}

// Put implements [broker.TokenStore].
func (p *puts) Put(ctx context.Context, r broker.Record) (broker.Version, error) {
	if f := p.before.Swap(nil); f != nil {
		(*f)(r)
	}
	return p.Store.Put(ctx, r)
}

// What a store has lost is not stored again as that of what the app is by then, when somebody
// else has written meanwhile.
func TestI8AnAppChangesWhileWhatTheStoreHasLostIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store *puts
		f := newFleet(t, fleetConfig{mode: "fake", quiet: true, platforms: new(naming).platforms, wrap: func(s *memstore.Store) storage {
			store = &puts{Store: s}
			return store
		}})
		defer f.close()
		r, other := f.replicas[0], f.app
		other.AppID = otherAppID
		f.token(r)
		restore := f.store.Backup()
		if _, err := r.Replace(t.Context(), accessToken); err != nil {
			t.Fatal(err)
		}
		restore()
		changed := make(chan struct{})
		store.before.Store(new(func(lost broker.Record) {
			defer close(changed)
			stored := f.record(accessToken)
			if _, err := f.store.Put(t.Context(), stored); err != nil || stored.Version != lost.Version {
				t.Errorf("somebody else has not written: %v", err)
			}
			if err := r.SetApp(t.Context(), &other); err != nil {
				t.Error(err)
			}
		}))
		if err := r.Resync(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-changed
		time.Sleep(time.Second)
		if tok := f.token(r); !strings.HasPrefix(tok.Secret.Reveal(), otherAppID) {
			t.Errorf("I8: the app is %s, and its token %s", otherAppID, tok.Secret.Reveal())
		}
	})
}
