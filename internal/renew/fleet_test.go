package renew_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

const (
	appID  = "wx0123456789abcdef"
	secret = "0123456789abcdef0123456789abcdef"
)

var accessToken = broker.Key{App: "shop", Kind: broker.AccessToken}

// plainSealer stands for the keyset: what it seals can be opened under the same
// associated data only.
type plainSealer struct{}

func (plainSealer) Seal(p, ad []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%d|%s%s", len(ad), ad, p), nil
}

func (plainSealer) Open(box, ad []byte) ([]byte, error) {
	prefix := fmt.Sprintf("%d|%s", len(ad), ad)
	if len(box) < len(prefix) || string(box[:len(prefix)]) != prefix {
		return nil, errors.New("sealed for something else")
	}
	return box[len(prefix):], nil
}

// fleet is replicas over one store in front of one sandbox, all in one bubble.
type fleet struct {
	t        *testing.T
	sandbox  *sandbox.Sandbox
	store    *memstore.Store
	replicas []*replica
	app      broker.App
}

type replica struct {
	*renew.Manager
	store *memstore.Store
	skew  atomic.Int64
	stop  context.CancelFunc
	calls *valve
}

// valve lets a test cut a replica off from the platform.
type valve struct {
	rt http.RoundTripper
	mu sync.Mutex
}

func (v *valve) RoundTrip(r *http.Request) (*http.Response, error) { return v.rt.RoundTrip(r) }

type fleetConfig struct {
	replicas int
	mode     string
	sandbox  sandbox.Config
	policy   broker.Policy
	secrets  []string
}

// newFleet makes a fleet with the short lifetimes of the acceptance: 20 s, overlap
// 6 s, renewed every 10 s. It must be called inside a bubble.
func newFleet(t *testing.T, c fleetConfig) *fleet {
	t.Helper()
	if c.sandbox.Lifetime == 0 {
		c.sandbox.Lifetime, c.sandbox.Overlap = 20*time.Second, 6*time.Second
	}
	c.sandbox.Apps = append(c.sandbox.Apps, sandbox.App{ID: appID, Secret: secret})
	if c.policy == (broker.Policy{}) {
		c.policy = broker.Policy{Overlap: 6 * time.Second, Every: 10 * time.Second}
	}
	if c.secrets == nil {
		c.secrets = []string{secret}
	}
	f := &fleet{
		t: t, sandbox: sandbox.New(c.sandbox), store: memstore.New(memstore.Config{}),
		app: broker.App{ID: "shop", Platform: wechat.Name, AppID: appID, Mode: c.mode, BaseURL: "http://sandbox", Policy: &c.policy},
	}
	for _, s := range c.secrets {
		f.app.Secrets = append(f.app.Secrets, broker.NewSecret(s))
	}
	for range max(c.replicas, 1) {
		f.start()
	}
	return f
}

// start adds a replica and waits until it has started.
func (f *fleet) start() *replica {
	f.t.Helper()
	r := &replica{store: f.store.Handle(), calls: &valve{rt: f.sandbox.Transport()}}
	m, err := renew.New(renew.Config{
		Store: r.store, Leaser: r.store, Notifier: r.store, Sealer: plainSealer{},
		Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(r.calls))},
		Holder:    fmt.Sprintf("replica-%d", len(f.replicas)),
		Logger:    slog.New(slog.NewTextHandler(f.t.Output(), nil)),
		Now:       func() time.Time { return time.Now().Add(time.Duration(r.skew.Load())) },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	r.Manager = m
	ctx, cancel := context.WithCancel(f.t.Context())
	r.stop = cancel
	if err := m.SetApp(ctx, &f.app); err != nil {
		f.t.Fatal(err)
	}
	if err := m.Start(ctx); err != nil {
		f.t.Fatal(err)
	}
	f.replicas = append(f.replicas, r)
	return r
}

// close stops all replicas in good order and checks that the platform saw no misuse.
func (f *fleet) close() {
	f.t.Helper()
	for _, r := range f.replicas {
		if err := r.Close(f.t.Context()); err != nil {
			f.t.Error(err)
		}
		r.stop()
	}
	synctest.Wait()
}

func (f *fleet) wantNoMisuse() {
	f.t.Helper()
	for _, m := range f.sandbox.Misuses() {
		f.t.Errorf("the platform saw a misuse: %+v", m)
	}
}

// hold reads tokens for the given time on every replica and holds each answer to its
// promise (I2): it must live for as long as was said.
func (f *fleet) hold(d time.Duration) (reads int) {
	f.t.Helper()
	var wg sync.WaitGroup
	var n atomic.Int64
	end := time.Now().Add(d)
	for i, r := range f.replicas {
		for w := range 4 {
			wg.Go(func() {
				pause := time.Duration(100+30*i+70*w) * time.Millisecond
				for time.Now().Before(end) {
					tok, err := r.Token(f.t.Context(), accessToken)
					if err != nil {
						f.t.Errorf("replica %d: %v", i, err)
						return
					}
					n.Add(1)
					promise := tok.Promise(r.Now())
					dies, known := f.sandbox.Dies(tok.Secret.Reveal())
					if !known || !f.sandbox.Live(tok.Secret.Reveal()) {
						f.t.Errorf("I2: replica %d handed out a dead token, version %d", i, tok.Version)
					}
					at := time.Now()
					wg.Go(func() {
						time.Sleep(promise)
						if !f.sandbox.Live(tok.Secret.Reveal()) {
							f.t.Errorf("I2: version %d was promised for %v at %v, but died at %v", tok.Version, promise, at, dies)
						}
					})
					time.Sleep(pause)
				}
			})
		}
	}
	wg.Wait()
	return int(n.Load())
}

func TestPromisesHoldOverThreeReplicas(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{wechat.Stable, wechat.Classic} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, fleetConfig{replicas: 3, mode: mode})
				defer f.close()
				reads := f.hold(5 * time.Minute)
				issues := len(f.sandbox.Issues(appID))
				t.Logf("%d reads, %d issues", reads, issues)
				// I1: one issue per renewal, although three replicas renew.
				if low, high := 5*60/20, 5*60/10+1; issues < low || issues > high {
					t.Errorf("I1: %d issues in 5 minutes, want %d to %d", issues, low, high)
				}
				f.wantNoMisuse()
			})
		})
	}
}
