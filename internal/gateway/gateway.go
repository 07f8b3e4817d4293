package gateway

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// Meter counts calls and knows which paths of an app the platform has throttled. It is
// quota.Meter.
type Meter interface {
	// Admit returns the platform's own refusal while it would refuse a call for its quota.
	Admit(app, path string) *broker.Error
	// Passed counts a call that the platform answered; err is nil where it did not refuse.
	Passed(app, path string, err *broker.Error)
	// Cleared says that the app's quotas were given back.
	Cleared(app string)
}

// maxNameless bounds the calls at a time that do not say whose they are. Anybody may make
// them who can reach this server.
const maxNameless = 64

// Config is what a [Gateway] is made of. Service, Platforms, Transport and Logger are
// required.
type Config struct {
	Service   *access.Service
	Platforms []broker.Platform
	// Transport takes calls to the platforms. It follows no redirects, unpacks nothing and
	// bounds the time until an answer begins; see [Tune].
	Transport http.RoundTripper
	Meter     Meter // nil: nothing is counted
	// Users remembers tokens of users. Nil: one of its own.
	Users      *Users
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: metrics are not exported
	// RenewTimeout is how long a call whose token was rejected waits for another one.
	// Zero: 10 s.
	RenewTimeout time.Duration
	// Stall is how long a body may stand still. Zero: one minute.
	Stall time.Duration
	// MaxReplay bounds, in bytes, the bodies that are kept to make a call again. Zero: 1 MiB.
	MaxReplay int64
	// ReplayMemory bounds, in bytes, what is kept at a time. Zero: 64 MiB.
	ReplayMemory int64
}

// Gateway is safe for concurrent use.
type Gateway struct {
	cfg       Config
	svc       *access.Service
	log       *slog.Logger
	meter     Meter
	transport http.RoundTripper
	proxy     *httputil.ReverseProxy
	platforms []*broker.Platform // those with an upstream, in the table's order
	byName    map[string]*broker.Platform
	bases     sync.Map // base URL → *url.URL
	keeper    *keeper
	users     *Users
	secrets   secretBook
	nameless  chan struct{} // has a place for each call that does not say whose it is
	trust     *trust
	metrics   *metrics

	background sync.WaitGroup // what goes on after its call
}

// New returns a gateway. Its owner closes it.
func New(cfg Config) (*Gateway, error) {
	if cfg.Service == nil || cfg.Transport == nil || cfg.Logger == nil {
		return nil, errors.New("gateway: service, transport and logger are required")
	}
	setDefault(&cfg.RenewTimeout, 10*time.Second)
	setDefault(&cfg.Stall, time.Minute)
	setDefault(&cfg.MaxReplay, 1<<20)
	setDefault(&cfg.ReplayMemory, 64<<20)
	if cfg.Users == nil {
		cfg.Users = NewUsers()
	}
	g := &Gateway{
		cfg: cfg, svc: cfg.Service, log: cfg.Logger, meter: cfg.Meter, transport: cfg.Transport, byName: map[string]*broker.Platform{},
		keeper: newKeeper(cfg.MaxReplay, cfg.ReplayMemory), users: cfg.Users, trust: newTrust(maxTrusted), nameless: make(chan struct{}, maxNameless), metrics: newMetrics(cfg.Registerer),
	}
	for i := range cfg.Platforms {
		if p := &cfg.Platforms[i]; p.Upstream != nil {
			g.platforms = append(g.platforms, p)
			g.byName[p.Name] = p
		}
	}
	g.proxy = &httputil.ReverseProxy{
		Rewrite: rewrite, Transport: g, BufferPool: newBufferPool(), ErrorHandler: noAnswer,
		ModifyResponse: func(resp *http.Response) error {
			cleanAnswer(resp.Header)
			resp.Header["X-Request-Id"] = []string{callOf(resp.Request.Context()).caller.RequestID}
			return nil
		},
		// It speaks of answers that break off, which callers see.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return g, nil
}

func setDefault[T int64 | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Close waits until nothing goes on any more after its call has ended. If ctx ends before,
// it returns its error, and what goes on ends by itself within the renewal's time.
func (g *Gateway) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		g.background.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // it says all there is to say
	}
}

// noAnswer keeps why the proxy got no answer; who called it says so.
func noAnswer(_ http.ResponseWriter, r *http.Request, err error) {
	callOf(r.Context()).err = fault(r.Context(), err)
}

// Tune makes a transport fit for passing calls on: it keeps many connections to the few
// hosts there are, and lets an answer take its time to begin.
func Tune(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 1024, 512
	t.IdleConnTimeout = 30 * time.Second
	t.ResponseHeaderTimeout = 30 * time.Second
	t.ReadBufferSize, t.WriteBufferSize = 16<<10, 16<<10
	t.DisableCompression = true
	return t
}

// base returns where an app's calls of a path go.
func (g *Gateway) base(a *broker.App, p *broker.Platform, path string) (*url.URL, error) {
	s := p.At(a, path)
	if s == "" {
		return nil, errNoBase
	}
	if u, ok := g.bases.Load(s); ok {
		return u.(*url.URL), nil //nolint:forcetypeassert // the map holds nothing else
	}
	written, _, err := broker.ParseBaseURL(s)
	if err != nil {
		return nil, &broker.Error{Code: "bad_base_url", Class: broker.Misconfigured, Message: "the app's base_url " + err.Error()}
	}
	u, err := url.Parse(strings.TrimRight(written, "/"))
	if err != nil {
		return nil, &broker.Error{Code: "bad_base_url", Class: broker.Misconfigured, Message: "the app's base_url cannot be read"}
	}
	g.bases.Store(s, u)
	return u, nil
}

var errNoBase = &broker.Error{
	Code: broker.ErrNoGateway.Code, Class: broker.ErrNoGateway.Class, Message: "nobody has said where calls on the app go",
	Hint: "set the app's base_url to where its platform's API is",
}
