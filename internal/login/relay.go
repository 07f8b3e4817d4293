package login

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/turns"
)

// Config is what a [Relay] is made of. PublicURL, Sealer, OneTime, App, Exchange and Logger
// are required.
type Config struct {
	// PublicURL is where browsers reach this server: scheme://host[:port].
	PublicURL string
	Sealer    broker.Sealer
	OneTime   broker.OneTimeStore
	Platforms []broker.Platform
	// App returns nil where there is no app of this id.
	App func(id string) *broker.App
	// Exchange has the platform's code turned into a grant, which is on durable storage when it
	// returns. Scope is what the user was asked for.
	Exchange func(ctx context.Context, app *broker.App, scope string, code broker.Secret) (broker.User, error)
	// Now is the store's clock. Nil: [time.Now].
	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: nothing is counted
	// Audit is called for every login that came to an exchange, with what came of it. Nil: nobody is told.
	Audit func(r *http.Request, app, requestID string, u broker.User, err error)
}

// Continuation is a protocol that begins logins of its own and goes on when they end. One of
// its methods is called for a login that ends, and writes the answer. Of a login that is given
// up, or comes back in another browser, too late or once more, it hears nothing: the user is
// shown a page.
type Continuation interface {
	// Done goes on with a user who has logged in.
	Done(w http.ResponseWriter, r *http.Request, app *broker.App, ref string, u broker.User)
	// Failed goes on with one who has not. The error is one of OAuth 2 (RFC 6749, 4.1.2.1), and the
	// description is plain ASCII without secrets.
	Failed(w http.ResponseWriter, r *http.Request, app *broker.App, ref, oauthError, description string)
}

// Relay is the browser's side of logging in. All methods but Continue are safe for
// concurrent use.
type Relay struct {
	cfg     Config
	web     map[string]broker.WebAuthorization // by platform
	secure  bool                               // browsers come by https
	cont    Continuation
	turns   *turns.Turns // of apps, whose logins are at the platform or at the store
	notes   sparing
	pages   *pages
	metrics *metrics
}

// New returns a relay.
func New(cfg Config) (*Relay, error) {
	if cfg.Sealer == nil || cfg.OneTime == nil || cfg.App == nil || cfg.Exchange == nil || cfg.Logger == nil {
		return nil, errors.New("login: the sealer, the one-time store, the apps, the exchange and the logger are required")
	}
	if err := checkPublicURL(cfg.PublicURL); err != nil {
		return nil, fmt.Errorf("login: public URL %q: %w", cfg.PublicURL, err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p, err := newPages()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("login: register metrics: %w", err)
	}
	r := &Relay{
		cfg: cfg, web: map[string]broker.WebAuthorization{}, secure: strings.HasPrefix(cfg.PublicURL, "https:"),
		turns: turns.New(atOnce), pages: p, metrics: m,
	}
	for _, p := range cfg.Platforms {
		if p.Web != nil {
			r.web[p.Name] = p.Web
		}
	}
	return r, nil
}

func checkPublicURL(s string) error {
	if err := broker.CheckRedirect(s); err != nil {
		return fmt.Errorf("it is no place for browsers: %w", err)
	}
	if u, err := url.Parse(s); err != nil || u.Path != "" {
		return errors.New("it has a path: want scheme://host[:port]")
	}
	return nil
}

// Continue sets who goes on with logins of [Relay.Begin]. It is called once at most, before
// the first request.
func (r *Relay) Continue(c Continuation) { r.cont = c }

// The paths below /oauth/{app}.
const (
	authorizePath = "/authorize"
	callbackPath  = "/callback"
)

// ServeHTTP serves /oauth/{app}/authorize and /oauth/{app}/callback, and a page that says
// so for everything else.
//
// Only GET is taken: a HEAD is sent by previews of links and by scanners, and must not use up a
// login.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	ctx, v := req.Context(), visit{w: w, r: req, id: arrive(w)}
	id, path, ok := route(req.URL)
	if !ok {
		r.end(ctx, v, nil, nowhere.as(nil, ""))
		return
	}
	if req.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		r.end(ctx, v, nil, badMethod.as(nil, ""))
		return
	}
	if fault := r.admit(&v, r.cfg.App(id)); fault != nil {
		r.end(ctx, v, nil, *fault)
		return
	}
	if path == authorizePath {
		r.authorize(ctx, v)
		return
	}
	r.callback(ctx, v)
}

// route takes a path apart. What is escaped in it means nothing here.
func route(u *url.URL) (app, path string, ok bool) {
	rest, below := strings.CutPrefix(u.Path, "/oauth/")
	i := strings.IndexByte(rest, '/')
	if !below || i < 0 || u.RawPath != "" {
		return "", "", false
	}
	app, path = rest[:i], rest[i:]
	return app, path, broker.ValidAppID(app) && (path == authorizePath || path == callbackPath)
}

// visit is one request of a browser.
type visit struct {
	w   http.ResponseWriter
	r   *http.Request
	id  string // of the request
	app *broker.App
	web broker.WebAuthorization
}

// admit finds out how users log in to the app, and whether it is a user who asks.
func (r *Relay) admit(v *visit, app *broker.App) *fault {
	if app == nil || app.Login == nil || r.web[app.Platform] == nil {
		return new(noLogin.as(nil, ""))
	}
	v.app, v.web = app, r.web[app.Platform]
	if prefetch(v.r.Header) {
		// A browser that is refused asks again when the user really goes there.
		return new(unseen.as(nil, ""))
	}
	return nil
}

// prefetch reports whether a browser loads a page that nobody has asked to see yet: it would
// use up a login.
func prefetch(h http.Header) bool {
	for _, name := range [...]string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		for _, value := range h.Values(name) {
			value = strings.ToLower(value)
			if strings.Contains(value, "prefetch") || strings.Contains(value, "preview") || strings.Contains(value, "prerender") {
				return true
			}
		}
	}
	return false
}

// callbackURL is where the platform sends browsers back to.
func (r *Relay) callbackURL(app *broker.App) string {
	return r.cfg.PublicURL + "/oauth/" + app.ID + callbackPath
}
