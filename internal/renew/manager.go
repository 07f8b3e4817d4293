package renew

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
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
	// Rank says how many replicas stand in line for a key before this one, after so many
	// failed attempts in a row. Nil: none.
	Rank func(k broker.Key, failed int) int
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

	clock     *clock
	outage    *outage
	gap       gap
	resyncing chan struct{}                   // has room for the one who reads everything
	changes   iter.Seq2[broker.Change, error] // what follow reads; nil: nobody else writes
	unwatch   context.CancelFunc              // ends it
	apps      *index
	byToken   *tokenIndex
	hub       *hub
	sched     *scheduler
	metrics   *metrics
	log       *slog.Logger

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
		cfg.Rank = func(broker.Key, int) int { return 0 }
	}
	if cfg.Defined == nil {
		cfg.Defined = func(broker.Change) {}
	}
	if cfg.PerHost <= 0 {
		cfg.PerHost = 16
	}
	m := &Manager{
		cfg: cfg, log: cfg.Logger, clock: newClock(cfg.Now), outage: newOutage(), resyncing: make(chan struct{}, 1), apps: newIndex(), byToken: newTokenIndex(), hub: newHub(),
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
		names := slices.Sorted(maps.Keys(m.platforms))
		hint := "there are: " + strings.Join(names, ", ")
		if near := broker.NearestPlatform(a.Platform, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, &broker.Error{
			Code: "unknown_platform", Class: broker.Invalid,
			Message: fmt.Sprintf("app %q: no platform is called %q", a.ID, a.Platform), Hint: hint,
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
			Message: fmt.Sprintf("app %q: platform %q has no mode %q; there are: %s", a.ID, a.Platform, a.Mode, strings.Join(p.Modes, ", ")),
		}
	}
	pool, err := m.poolOf(&full)
	if err != nil {
		return nil, err
	}
	// A million apps share these few words instead of each having its own copies.
	full.Platform, full.Mode = way.platform, way.mode
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

// Registrations name what no two apps may share, see [broker.Platform.Registrations].
func (m *Manager) Registrations(a *broker.App) []string {
	p := m.platforms[a.Platform]
	return p.Registrations(a)
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

// poolOf returns the pool of the host that the app's tokens come from, and writes its base
// URL in the one way. An app of OAuth 2.0 has its tokens from elsewhere, and need not have
// a base URL.
func (m *Manager) poolOf(full *broker.App) (*pool, error) {
	if full.OAuth2 != nil {
		p, err := m.poolFor(full.OAuth2.Origin())
		if err != nil {
			return nil, &broker.Error{Code: "bad_token_url", Class: broker.Invalid, Message: fmt.Sprintf("app %q: its token_url or issuer %s", full.ID, err)}
		}
		if full.BaseURL == "" {
			return p, nil
		}
		if full.BaseURL, _, err = broker.ParseBaseURL(full.BaseURL); err != nil {
			return nil, badBaseURL(full, err)
		}
		return p, nil
	}
	p, err := m.poolFor(full.BaseURL)
	if err != nil {
		return nil, badBaseURL(full, err)
	}
	full.BaseURL = p.baseURL
	return p, nil
}

func badBaseURL(a *broker.App, err error) error {
	return &broker.Error{Code: "bad_base_url", Class: broker.Invalid, Message: fmt.Sprintf("app %q: its base_url %s", a.ID, err)}
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
		return nil, unknownKind(x.def.Load())
	}
	return e, nil
}

// unknownKind says which kinds an app has.
func unknownKind(d *definition) error {
	e := *broker.ErrUnknownKind
	var names []string
	for _, k := range slices.Sorted(maps.Keys(d.kinds)) {
		names = append(names, string(k))
	}
	e.Hint = "the app has: " + strings.Join(names, ", ")
	return &e
}
