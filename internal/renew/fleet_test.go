package renew_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	members "github.com/hufu-io/hufu/internal/fleet"
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

var (
	accessToken = broker.Key{App: "shop", Kind: broker.AccessToken}
	jsapiTicket = broker.Key{App: "shop", Kind: broker.JSAPITicket}
)

// tester is what the harness needs of a test: *testing.T and *rapid.T have it.
type tester interface {
	Helper()
	Context() context.Context
	Output() io.Writer
	Logf(format string, args ...any)
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

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

// storage is what a replica needs of a store.
type storage interface {
	broker.TokenStore
	broker.Leaser
	broker.Notifier
}

// fleet is replicas over one store in front of one sandbox, all in one bubble.
type fleet struct {
	t        tester
	config   fleetConfig
	sandbox  *sandbox.Sandbox
	store    *memstore.Store
	replicas []*replica
	crashed  []*replica
	started  int
	app      broker.App
	log      *book
	missing  atomic.Int64 // reads that got no token
}

// replica is one process of the fleet.
type replica struct {
	*renew.Manager
	name    string
	store   *memstore.Store
	skew    atomic.Int64
	stop    context.CancelFunc
	calls   *valve
	events  *events
	away    atomic.Bool      // its store is
	back    atomic.Int64     // when its store was given back
	members *members.Members // nil, unless the fleet is lined up
	defined heard
	alone   atomic.Int64 // issues that began while its store was away, but for those that are known to have failed
}

type fleetConfig struct {
	replicas int
	mode     string
	sandbox  sandbox.Config
	policy   broker.Policy
	secrets  []string
	// on is the sandbox of another fleet, for those who share an app at the platform.
	on *sandbox.Sandbox
	// wrap stands between a replica and its store.
	wrap func(*memstore.Store) storage
	// sealer of each replica; nil: plainSealer.
	sealer broker.Sealer
	// platforms of each replica; nil: WeChat at the sandbox.
	platforms func(*valve) []broker.Platform
	renewed   func()
	// refresh is the refresh token that the app is configured with.
	refresh string
	// lined makes the replicas know each other and stand in line for the keys.
	lined   bool
	appless bool   // the replicas do not know the app
	seed    uint64 // zero: not repeatable
	quiet   bool   // no log in the test's output
}

// shortPolicy is the acceptance's: an overlap of 6 s, renewed every 10 s.
func shortPolicy() broker.Policy {
	return broker.Policy{Overlap: 6 * time.Second, Every: 10 * time.Second}
}

// realTimes are the platform's own figures, for tests that run for days.
func realTimes() (sandbox.Config, broker.Policy) {
	return sandbox.Config{Lifetime: 2 * time.Hour, Overlap: 5 * time.Minute}, broker.Policy{Every: time.Hour, Overlap: 5 * time.Minute}
}

// newFleet makes a fleet with the short lifetimes of the acceptance: 20 s, overlap
// 6 s, renewed every 10 s. It must be called inside a bubble.
func newFleet(t tester, c fleetConfig) *fleet {
	t.Helper()
	if c.sandbox.Lifetime == 0 {
		c.sandbox.Lifetime, c.sandbox.Overlap = 20*time.Second, 6*time.Second
	}
	c.sandbox.Apps = append(c.sandbox.Apps, sandbox.App{ID: appID, Secret: secret})
	if c.policy == (broker.Policy{}) {
		c.policy = shortPolicy()
	}
	if c.secrets == nil {
		c.secrets = []string{secret}
	}
	f := &fleet{
		t: t, config: c, sandbox: c.on, store: memstore.New(memstore.Config{}), log: &book{},
		app: broker.App{ID: "shop", Platform: wechat.Name, AppID: appID, Mode: c.mode, BaseURL: "http://sandbox", Policy: &c.policy},
	}
	if f.sandbox == nil {
		f.sandbox = sandbox.New(c.sandbox)
	}
	f.app.Refresh = broker.NewSecret(c.refresh)
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
	r := f.prepare()
	if !f.config.appless {
		if err := r.SetApp(f.t.Context(), &f.app); err != nil {
			f.t.Fatal(err)
		}
	}
	f.run(r)
	return r
}

// prepare adds a replica that knows no app and has not started.
func (f *fleet) prepare() *replica {
	f.t.Helper()
	r := &replica{
		name: fmt.Sprintf("replica-%d", f.started), store: f.store.Handle(),
		events: &events{},
	}
	r.calls = newValve(f.sandbox.Transport(), r.away.Load)
	f.started++
	ports := storage(r.store)
	if f.config.wrap != nil {
		ports = f.config.wrap(r.store)
	}
	out := io.Writer(f.log)
	if !f.config.quiet {
		out = io.MultiWriter(f.t.Output(), f.log)
	}
	sealer := f.config.sealer
	if sealer == nil {
		sealer = plainSealer{}
	}
	platforms := f.config.platforms
	if platforms == nil {
		platforms = func(v *valve) []broker.Platform {
			return []broker.Platform{wechat.Platform(platform.NewCaller(v))}
		}
	}
	var jitter func() float64
	if f.config.seed != 0 {
		jitter = seeded(f.config.seed, r.name)
	}
	log := slog.New(slog.NewTextHandler(out, nil)).With("replica", r.name)
	var rank func(broker.Key, int) int
	if f.config.lined {
		rank = r.lineUp(f.t, log)
	}
	m, err := renew.New(renew.Config{
		Store: ports, Leaser: ports, Notifier: ports, Sealer: sealer, Platforms: platforms(r.calls), Holder: r.name,
		Logger: log, Rank: rank, Defined: r.defined.add,
		Now: func() time.Time { return time.Now().Add(time.Duration(r.skew.Load())) },
		Renewed: func(e renew.Event) {
			r.renewed(e)
			if f.config.renewed != nil {
				f.config.renewed()
			}
		}, Rand: jitter,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	r.Manager = m
	f.replicas = append(f.replicas, r)
	return r
}

// keepFrom takes the store away from a replica, or gives it back.
func (r *replica) keepFrom(err error) {
	if r.away.Swap(err != nil) && err == nil {
		r.back.Store(time.Now().UnixNano())
	}
	r.store.Fail(err)
}

func (r *replica) renewed(e renew.Event) {
	away := r.away.Load() || time.Now().Add(-e.Took).UnixNano() < r.back.Load()
	if away && (e.Err == nil || broker.AsError(e.Err).Unknown) {
		r.alone.Add(1)
	}
	r.events.add(e)
}

// run starts a prepared replica.
func (f *fleet) run(r *replica) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	r.stop = cancel
	if r.members != nil {
		if err := r.members.Join(ctx); err != nil {
			f.t.Fatal(err)
		}
		go r.members.Run(ctx)
	}
	if err := r.Start(ctx); err != nil {
		f.t.Fatal(err)
	}
}

// lineUp makes a replica one of the fleet's members, and says how it ranks among them.
func (r *replica) lineUp(t tester, log *slog.Logger) func(broker.Key, int) int {
	var err error
	r.members, err = members.New(members.Config{
		Roll: r.store, Name: r.name, Logger: log,
		Forgotten: func(ctx context.Context) error { return r.Resync(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.members.Rank
}

// crash ends a replica as kill -9 does: what it had in memory is gone, no call of it
// reaches the store or the platform any more, answers under way find nobody, and its
// leases are not released.
func (f *fleet) crash(r *replica) {
	f.t.Helper()
	r.store.Fail(errCrashed)
	r.calls.cut()
	r.stop()
	f.crashed = append(f.crashed, r)
	f.replicas = slices.DeleteFunc(f.replicas, func(o *replica) bool { return o == r })
}

var errCrashed = errors.New("the process is gone")

// close stops all replicas in good order, and sees off what is left of those that
// crashed: a bubble counts its goroutines.
func (f *fleet) close() {
	f.t.Helper()
	for _, r := range slices.Concat(f.replicas, f.crashed) {
		if err := r.Close(context.Background()); err != nil {
			f.t.Error(err)
		}
		r.stop()
	}
	synctest.Wait()
}

// record is the stored record of a key; the zero record where there is none.
func (f *fleet) record(k broker.Key) broker.Record {
	f.t.Helper()
	r, err := f.store.Get(f.t.Context(), k)
	if err != nil && !errors.Is(err, broker.ErrNotFound) {
		f.t.Fatal(err)
	}
	return r
}

// token reads the access token of a replica, which must have one.
func (f *fleet) token(r *replica) broker.Token {
	f.t.Helper()
	tok, err := r.Token(f.t.Context(), accessToken)
	if err != nil {
		f.t.Fatalf("%s: %v", r.name, err)
	}
	return tok
}

func (f *fleet) live(tok broker.Token) bool { return f.sandbox.Live(tok.Secret.Reveal()) }

// calls counts what was asked of the platform's token endpoints, refused or not.
func (f *fleet) calls() int {
	n := 0
	for _, r := range f.replicas {
		n += r.calls.count("/cgi-bin/token") + r.calls.count("/cgi-bin/stable_token")
	}
	return n
}

// checks counts the harmless calls that find out whether a token lives.
func (f *fleet) checks() int {
	n := 0
	for _, r := range f.replicas {
		n += r.calls.count("/cgi-bin/get_api_domain_ip")
	}
	return n
}

func (f *fleet) issues() int { return f.sandbox.Counts(appID).Issues }

func (f *fleet) wantNoMisuse() {
	f.t.Helper()
	for _, m := range f.sandbox.Misuses() {
		f.t.Errorf("the platform saw a misuse: %+v", m)
	}
}

// inject makes calls of the token endpoints fail.
func (f *fleet) inject(fault sandbox.Fault) {
	fault.Path = "/cgi-bin/token"
	f.sandbox.Inject(fault)
	fault.Path = "/cgi-bin/stable_token"
	f.sandbox.Inject(fault)
}

// book keeps what was logged.
type book struct {
	mu   sync.Mutex
	text []byte
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

// heard keeps what the manager told of definitions.
type heard struct {
	mu   sync.Mutex
	list []broker.Change
}

func (h *heard) add(c broker.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, c)
}

func (h *heard) all() []broker.Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.list)
}

// events keeps what the manager told its observer.
type events struct {
	mu   sync.Mutex
	list []renew.Event
}

func (x *events) add(e renew.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list = append(x.list, e)
}

func (x *events) all() []renew.Event {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.list)
}

// seeded is randomness that a test can repeat: it depends on the instant and on who
// asks, and not on the order in which goroutines ask.
func seeded(seed uint64, name string) func() float64 {
	return func() float64 {
		h := fnv.New64a()
		_, _ = fmt.Fprint(h, seed, name, time.Now().UnixNano())
		return rand.New(rand.NewPCG(seed, h.Sum64())).Float64()
	}
}
