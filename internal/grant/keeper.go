package grant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/turns"
)

// Config is what a [Keeper] is made of. Store, Sealer, Platforms and Holder are required.
type Config struct {
	Store     broker.GrantStore
	Sealer    broker.Sealer
	Platforms []broker.Platform
	// Holder names this process among those that share the store.
	Holder string
	// Now is the store's clock. Nil: [time.Now].
	Now func() time.Time
	// Rand draws from [0,1) for jitter. Nil: random.
	Rand       func() float64
	Logger     *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: metrics are not exported
}

// Keeper is safe for concurrent use.
type Keeper struct {
	cfg     Config
	log     *slog.Logger
	memory  *memory
	doubts  *doubts
	turns   *turns.Turns // of apps
	metrics *metrics

	mu      sync.Mutex // guards what follows; a leaf
	flights map[flightKey]*flight
	closed  bool
	flying  sync.WaitGroup // refreshes and exchanges
}

// New returns a keeper.
func New(cfg Config) (*Keeper, error) {
	if cfg.Store == nil || cfg.Sealer == nil || len(cfg.Platforms) == 0 || cfg.Holder == "" {
		return nil, errors.New("grant: store, sealer, platforms and holder are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Keeper{
		cfg: cfg, log: cfg.Logger, memory: newMemory(), doubts: newDoubts(), turns: turns.New(maxTurns),
		metrics: newMetrics(cfg.Registerer), flights: map[flightKey]*flight{},
	}, nil
}

// begin keeps [Keeper.Close] waiting until the function that it returns is called, or says
// that it is too late to begin anything.
func (k *Keeper) begin() (end func(), err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, broker.ErrShuttingDown
	}
	k.flying.Add(1)
	return k.flying.Done, nil
}

// Close waits until the refreshes and exchanges under way have ended, or ctx, and begins none any more.
func (k *Keeper) Close(ctx context.Context) error {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	landed := make(chan struct{})
	go func() {
		k.flying.Wait()
		close(landed)
	}()
	select {
	case <-landed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for refreshes and exchanges under way: %w", ctx.Err())
	}
}

// maxTurns is how many calls are made for the refreshes of one app at a time: when all users
// come back after an outage, the platform is not to fall over (I7).
const maxTurns = 64

// alone runs a call in the app's turn.
func alone[T any](ctx context.Context, k *Keeper, app *broker.App, call func() (T, error)) (T, error) {
	leave, ok := k.turns.Take(ctx, app.ID)
	if !ok {
		var none T
		return none, busy()
	}
	defer leave()
	return call()
}

// platform returns the app's platform, or nil.
func (k *Keeper) platform(app *broker.App) *broker.Platform {
	i := slices.IndexFunc(k.cfg.Platforms, func(p broker.Platform) bool { return p.Name == app.Platform })
	if i < 0 {
		return nil
	}
	return &k.cfg.Platforms[i]
}

// web returns the platform's way to log users in.
func (k *Keeper) web(app *broker.App) (broker.WebAuthorization, error) {
	if p := k.platform(app); p != nil && p.Web != nil {
		return p.Web, nil
	}
	return nil, broker.ErrNoLogin
}

// source names the registration that users grant something to. In which way the app's own
// tokens are issued, and by which of the platform's entries, makes no difference to them.
func (k *Keeper) source(app *broker.App) string {
	entry := app.BaseURL
	if p := k.platform(app); p != nil {
		entry = p.Entry(app.BaseURL)
	}
	return (&broker.App{Platform: app.Platform, AppID: app.AppID, BaseURL: entry}).Source()
}

// withSecrets makes a call that a secret opens, with each of the app's in turn until one is
// not refused. What a code would be used up for is not tried with the next.
func withSecrets[T any](app *broker.App, call func(broker.Secret) (T, error)) (T, error) {
	var none T
	err := error(&broker.Error{Code: "no_secret", Class: broker.Misconfigured, Message: "the app has no secret", Hint: "give it one in the configuration"})
	for _, s := range app.Secrets {
		var got T
		if got, err = call(s); err == nil {
			return got, nil
		}
		if e := broker.AsError(err); e.Unknown || e.Class != broker.BadCredential {
			break
		}
	}
	return none, err
}
