package renew

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// Config is what a [Manager] is made of. Store, Leaser, Sealer, Platforms, Holder
// and Logger are required.
type Config struct {
	Store     broker.TokenStore
	Leaser    broker.Leaser
	Notifier  broker.Notifier // nil: no other replica writes to the store
	Sealer    broker.Sealer
	Platforms []broker.Platform
	// Holder names this process in leases; no two replicas share one.
	Holder     string
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: metrics are not exported
	// Renewed is told of every renewal that was tried, after the fact. It must not
	// block. Nil: nobody is told.
	Renewed func(Event)
	// PerHost bounds how many planned renewals ask one platform host at a time.
	// Zero: 16.
	PerHost int
	// Rank says how many replicas stand in line for a key before this one. Nil: none.
	Rank func(broker.Key) int
	// Defined is told of apps and clients that were put or deleted, here or by another
	// replica; the zero Change says that some may have been missed. It must not block.
	// Nil: nobody is told.
	Defined func(broker.Change)
	// Now is the local clock. Nil: time.Now. Only tests of skew set it.
	Now func() time.Time
	// Rand gives jitter in [0,1). Nil: random.
	Rand func() float64
}

// Event is one renewal that was tried.
type Event struct {
	Key     broker.Key
	Cause   broker.Cause
	Version broker.Version // of the new token
	Foreign bool           // somebody else had replaced the token
	Err     error
	Took    time.Duration
}

// Manager hands out tokens and renews them. It is safe for concurrent use.
type Manager struct {
	cfg       Config
	platforms map[string]broker.Platform
	mendedMu  sync.Mutex
	mended    []*entry          // while it starts: those whose app was given other secrets
	ways      map[[2]string]way // by platform and mode
	pools     map[string]*pool
	poolsMu   sync.Mutex

	clock   *clock
	outage  *outage
	changes iter.Seq2[broker.Change, error] // what follow reads; nil: nobody else writes
	apps    *index
	byToken *tokenIndex
	hub     *hub
	sched   *scheduler
	metrics *metrics
	log     *slog.Logger

	flights sync.WaitGroup
	closeMu sync.RWMutex
	closed  bool
}

// way is one way of issuing: a platform and one of its modes.
type way struct {
	platform, mode string
	kinds          map[broker.Kind]broker.Source
}

var _ broker.Tokens = (*Manager)(nil)

// New returns a manager without apps. [Manager.Start] makes it work.
func New(cfg Config) (*Manager, error) {
	switch {
	case cfg.Store == nil, cfg.Leaser == nil, cfg.Sealer == nil, cfg.Logger == nil, cfg.Holder == "", len(cfg.Platforms) == 0:
		return nil, errors.New("renew: store, leaser, sealer, logger, holder and platforms are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	if cfg.Rank == nil {
		cfg.Rank = func(broker.Key) int { return 0 }
	}
	if cfg.Defined == nil {
		cfg.Defined = func(broker.Change) {}
	}
	if cfg.PerHost <= 0 {
		cfg.PerHost = 16
	}
	m := &Manager{
		cfg: cfg, log: cfg.Logger, clock: newClock(cfg.Now), outage: newOutage(), apps: newIndex(), byToken: newTokenIndex(), hub: newHub(),
		platforms: map[string]broker.Platform{}, ways: map[[2]string]way{}, pools: map[string]*pool{},
	}
	for _, p := range cfg.Platforms {
		m.platforms[p.Name] = p
		for _, mode := range p.Modes {
			m.ways[[2]string{p.Name, mode}] = way{platform: p.Name, mode: mode, kinds: p.Kinds(mode)}
		}
	}
	m.sched = newScheduler(m.now, m.submit)
	m.metrics = newMetrics(m, cfg.Registerer)
	return m, nil
}

func (m *Manager) now() time.Time { return m.clock.now() }

// Now is the store's time as this process knows it: the clock on which promises end.
func (m *Manager) Now() time.Time { return m.now() }

// define completes an app with its platform's defaults.
func (m *Manager) define(a *broker.App) (*definition, error) {
	p, ok := m.platforms[a.Platform]
	if !ok {
		return nil, &broker.Error{
			Code: "unknown_platform", Class: broker.Invalid,
			Message: fmt.Sprintf("app %q: no platform is called %q", a.ID, a.Platform),
		}
	}
	full := *a
	if full.Mode == "" && len(p.Modes) > 0 {
		full.Mode = p.Modes[0]
	}
	if full.BaseURL == "" {
		full.BaseURL = p.BaseURL
	}
	way, ok := m.ways[[2]string{full.Platform, full.Mode}]
	if !ok {
		return nil, &broker.Error{
			Code: "unknown_mode", Class: broker.Invalid,
			Message: fmt.Sprintf("app %q: platform %q has no mode %q, only %q", a.ID, a.Platform, a.Mode, p.Modes),
		}
	}
	pool, err := m.poolFor(full.BaseURL)
	if err != nil {
		return nil, &broker.Error{Code: "bad_base_url", Class: broker.Invalid, Message: fmt.Sprintf("app %q: its base_url %s", a.ID, err)}
	}
	// A million apps share these few words instead of each having its own copies.
	full.Platform, full.Mode, full.BaseURL = way.platform, way.mode, pool.baseURL
	if full.AppID == full.ID {
		full.AppID = full.ID
	}
	return &definition{app: &full, kinds: way.kinds, pool: pool}, nil
}

// Entry is [broker.Platform.Entry] of an app's platform and base URL.
func (m *Manager) Entry(a *broker.App) string {
	p := m.platforms[a.Platform]
	return p.Entry(a.BaseURL)
}

// Complete returns the app with its platform's defaults filled in, or says why it
// cannot be registered.
func (m *Manager) Complete(a *broker.App) (*broker.App, error) {
	d, err := m.define(a)
	if err != nil {
		return nil, err
	}
	return d.app, nil
}

// App returns the registered app with this id, or nil.
func (m *Manager) App(id string) *broker.App {
	if x := m.apps.get(id); x != nil {
		return x.def.Load().app
	}
	return nil
}

// AppIDs lists the ids of all registered apps, in no order.
func (m *Manager) AppIDs() []string {
	var ids []string
	m.apps.each(func(a *app) { ids = append(ids, a.def.Load().app.ID) })
	return ids
}

// poolFor returns the pool that bounds work at one platform host.
func (m *Manager) poolFor(baseURL string) (*pool, error) {
	m.poolsMu.Lock()
	defer m.poolsMu.Unlock()
	if p := m.pools[baseURL]; p != nil {
		return p, nil
	}
	base, _, err := broker.ParseBaseURL(baseURL)
	if err != nil {
		return nil, err
	}
	p := m.pools[base]
	if p == nil {
		p = &pool{baseURL: base, size: m.cfg.PerHost, run: m.renewDue}
		m.pools[base] = p
	}
	return p, nil
}

// SetApp registers an app, or changes the one with its id. Its stored tokens are
// loaded and its planned renewals scheduled. What failed before is tried again at once: it
// may have been mended by the change, or whoever sets the app again knows that it was
// mended elsewhere. Before [Manager.Start] it only registers.
func (m *Manager) SetApp(ctx context.Context, a *broker.App) error {
	return m.setApp(ctx, a, m.amend)
}

// HearOfApp is [Manager.SetApp] for a change that another replica has made, which has
// seen to it that what failed before is tried again.
func (m *Manager) HearOfApp(ctx context.Context, a *broker.App) error {
	return m.setApp(ctx, a, func(_ context.Context, e *entry) { m.arm(e, m.now()) })
}

func (m *Manager) setApp(ctx context.Context, a *broker.App, loaded func(context.Context, *entry)) error {
	d, err := m.define(a)
	if err != nil {
		return err
	}
	x := m.register(d)
	if !m.sched.running() {
		return nil
	}
	var errs []error
	for _, e := range x.entries() {
		if err := m.reload(ctx, e); err != nil {
			// It is registered all the same, and renewed when the store is back.
			m.arm(e, m.now())
			errs = append(errs, err)
			continue
		}
		loaded(ctx, e)
	}
	return errors.Join(errs...)
}

// register makes the definition current. The kinds that are not derived are kept
// fresh from now on, whether or not anybody has asked for them.
func (m *Manager) register(d *definition) *app {
	x := m.apps.getOrAdd(d)
	if old := x.def.Swap(d); old.app.Source() != d.app.Source() {
		// Another registration at the platform: what is in memory is not its token (I8).
		for _, e := range x.entries() {
			m.forget(e)
		}
	}
	for kind, s := range d.kinds {
		if !s.Derived {
			x.findOrAdd(kind, "")
		}
	}
	return x
}

// amend ends the back-off of a key and has it tried.
func (m *Manager) amend(ctx context.Context, e *entry) {
	if s := e.state.Load(); s.failure != nil {
		if err := m.forgive(ctx, e); err != nil {
			m.log.WarnContext(ctx, "back-off was not ended after a change of the app", "app", e.key().App, "error", err)
		}
	}
	m.arm(e, m.now())
}

// TryAgain ends the back-off of a key, because what failed may have been mended.
func (m *Manager) TryAgain(ctx context.Context, k broker.Key) error {
	e, err := m.entry(k)
	if err != nil {
		return err
	}
	m.amend(ctx, e)
	return nil
}

// forgive ends the back-off of a key.
func (m *Manager) forgive(ctx context.Context, e *entry) error {
	r, err := m.load(ctx, e)
	if err != nil {
		return err
	}
	if r.Failure.IsZero() {
		return nil
	}
	_, rot := e.app.def.Load().source(e.kind)
	return m.save(ctx, e, broker.PlanForgiven(r, rot, m.now()))
}

// RemoveApp stops keeping an app's tokens and deletes their records.
func (m *Manager) RemoveApp(ctx context.Context, id string) error {
	entries, err := m.drop(ctx, id)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, m.erase(ctx, e.key()))
	}
	return errors.Join(errs...)
}

// HearOfRemoval is [Manager.RemoveApp] for an app that another replica has removed: the
// records are that one's to delete, and the app may be there again by now.
func (m *Manager) HearOfRemoval(ctx context.Context, id string) error {
	_, err := m.drop(ctx, id)
	return err
}

// drop forgets an app and returns what was kept of it. Nothing of that is stored any more
// when it returns.
func (m *Manager) drop(ctx context.Context, id string) ([]*entry, error) {
	x := m.apps.remove(id)
	if x == nil {
		return nil, broker.ErrUnknownApp
	}
	x.mu.Lock()
	x.gone = true
	x.mu.Unlock()
	for _, e := range x.entries() {
		e.mu.Lock()
		e.gone = true
		f := e.flight
		m.indexTokens(e, 0, 0, time.Time{})
		e.mu.Unlock()
		m.sched.remove(e)
		if f != nil {
			// It stores nothing any more, but must not find the record erased under it.
			select {
			case <-f.done:
			case <-ctx.Done():
			}
		}
	}
	m.hub.tell(broker.Key{App: id}) // watchers find that it is gone
	return x.entries(), nil
}

// erase deletes the tokens of a key. What was spent of the day's budget stays on
// record, so that an app that is removed and added again does not begin anew.
func (m *Manager) erase(ctx context.Context, k broker.Key) error {
	for {
		r, err := m.cfg.Store.Get(ctx, k)
		if errors.Is(err, broker.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read record %q: %w", k, err)
		}
		_, err = m.put(ctx, broker.Record{Key: k, Version: r.Version, Budget: r.Budget, Source: r.Source})
		if !errors.Is(err, broker.ErrConflict) {
			return err
		}
	}
}

// Held lists the kinds of token that are kept for an app, in the order in which they
// were first asked for.
func (m *Manager) Held(id string) []broker.Kind {
	x := m.apps.get(id)
	if x == nil {
		return nil
	}
	var ks []broker.Kind
	for _, e := range x.entries() {
		if e.subject == "" {
			ks = append(ks, e.kind)
		}
	}
	return ks
}

// entry finds what is held of a key.
func (m *Manager) entry(k broker.Key) (*entry, error) {
	x := m.apps.get(k.App)
	if x == nil {
		return nil, broker.ErrUnknownApp
	}
	e := x.findOrAdd(k.Kind, k.Subject)
	switch {
	case e == nil && m.apps.get(k.App) != x:
		return nil, broker.ErrUnknownApp
	case e == nil:
		return nil, broker.ErrUnknownKind
	}
	return e, nil
}
