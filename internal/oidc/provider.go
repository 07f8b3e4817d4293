package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/zitadel/schema"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/login"
)

// Relay is what logs users in, in their browsers: the [login.Relay].
type Relay interface {
	// Scopes are what users of the app may be asked for, the narrowest first. None: they do
	// not log in to it.
	Scopes(app *broker.App) []string
	// Begin sends the browser to the platform. The ref comes back with the user's return, to
	// [Provider.Done] or [Provider.Failed].
	Begin(w http.ResponseWriter, r *http.Request, app *broker.App, scope, ref string)
	// Page ends a login on a page.
	Page(w http.ResponseWriter, r *http.Request, status int, page login.Page)
}

// Config is what a [Provider] is made of. All is required but what says otherwise. The
// functions are called for every request, and ask no store except for Profile.
type Config struct {
	// PublicURL is where browsers and clients reach this server: scheme and host.
	PublicURL string
	Sealer    broker.Sealer
	OneTime   broker.OneTimeStore
	Settings  broker.SettingStore
	Relay     Relay
	// App finds an app by its id, and Client a client by its name. Nil: there is none.
	App    func(id string) *broker.App
	Client func(name string) *broker.Client
	// Authenticate finds the client with a key. Nil: there is none.
	Authenticate func(key string) *broker.Client
	// Allowed reports whether the client may log users in to the app.
	Allowed func(c *broker.Client, app string) bool
	// Profile is what the user shows of herself.
	Profile func(ctx context.Context, app *broker.App, user string) (broker.Profile, error)
	// Audit is told what a client did. Nil: nobody is. It fills in where the call came from.
	Audit      func(r *http.Request, e broker.AuditEntry)
	Now        func() time.Time // nil: time.Now
	Logger     *slog.Logger     // nil: nothing is logged
	Registerer prometheus.Registerer
}

// Provider is an OpenID Connect provider for each app that has a login. It implements the
// relay's continuation. It is safe for concurrent use.
type Provider struct {
	cfg     Config
	held    atomic.Pointer[keys]
	decoder *schema.Decoder
	metrics *metrics
}

var (
	_ Relay              = (*login.Relay)(nil)
	_ login.Continuation = (*Provider)(nil)
)

// New returns a provider with the keys of all replicas over one store, which are made
// where there are none.
func New(ctx context.Context, cfg Config) (*Provider, error) {
	if cfg.Sealer == nil || cfg.OneTime == nil || cfg.Settings == nil || cfg.Relay == nil || cfg.App == nil || cfg.Client == nil ||
		cfg.Authenticate == nil || cfg.Allowed == nil || cfg.Profile == nil {
		return nil, errors.New("a part that an OpenID Connect provider is made of is missing")
	}
	cfg.PublicURL = strings.TrimSuffix(cfg.PublicURL, "/")
	if u, err := url.Parse(cfg.PublicURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Scheme+"://"+u.Host != cfg.PublicURL {
		return nil, fmt.Errorf("public URL %q is not a scheme and a host", cfg.PublicURL)
	}
	if cfg.Audit == nil {
		cfg.Audit = func(*http.Request, broker.AuditEntry) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	k, err := openKeys(ctx, cfg.Settings, cfg.Sealer)
	if err != nil {
		return nil, err
	}
	p := &Provider{cfg: cfg, decoder: schema.NewDecoder(), metrics: newMetrics(cfg.Registerer)}
	p.held.Store(k)
	p.decoder.IgnoreUnknownKeys(true)
	return p, nil
}

// keys are those that are in use. They are replaced as a whole.
func (p *Provider) keys() *keys { return p.held.Load() }

// lookAtKeys is how often the stored keys are looked at.
const lookAtKeys = 10 * time.Minute

// Follow takes up keys that were rotated, at whichever server, until ctx ends. As long as
// they cannot be read, those in use stay in use.
func (p *Provider) Follow(ctx context.Context) {
	tick := time.NewTicker(lookAtKeys)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if k, err := readKeys(ctx, p.cfg.Settings, p.cfg.Sealer); err == nil {
			p.held.Store(k)
		} else if ctx.Err() == nil {
			p.cfg.Logger.WarnContext(ctx, "the keys of OpenID Connect were not read again; those in use stay in use", "error", err)
		}
	}
}

// issuer of an app, as its ID tokens and its metadata have it.
func (p *Provider) issuer(app *broker.App) string { return p.cfg.PublicURL + prefix + app.ID }

// client finds who may log users in to the app under this name.
func (p *Provider) client(app *broker.App, name string) *broker.Client {
	if c := p.cfg.Client(name); c != nil && p.cfg.Allowed(c, app.ID) {
		return c
	}
	return nil
}

// What clients do, as the audit calls it.
const (
	actionExchange = "exchange"
	actionProfile  = "read_profile"
)

// audit tells what a client did with which user of the app.
func (p *Provider) audit(v visit, client, action, user, result string) {
	p.cfg.Audit(v.r, broker.AuditEntry{
		At: p.cfg.Now(), Client: client, Action: action, App: v.app.ID, Target: user, RequestID: v.id, Result: result,
	})
}
