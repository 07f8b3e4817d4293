package httpapi

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// Config is what an [API] is made of. Service and Logger are required.
type Config struct {
	Service *access.Service
	Logger  *slog.Logger
	// Metrics serves /metrics. Nil: the path does not exist.
	Metrics http.Handler
	// Gateway serves /gateway/{app}/… for clients that show their key. Nil: the paths do
	// not exist.
	Gateway Gateway
	// DropIn serves every path that is not the native API's. Nil: they do not exist.
	DropIn     http.Handler
	Registerer prometheus.Registerer
	// RotateKeys adds a new key to the keyset and seals everything with it. Nil: the
	// call does not exist.
	RotateKeys func() (api.KeyRotation, error)
	// Login serves the pages that browsers come to when their users log in, below
	// /oauth/{app}/. Nil: they do not exist.
	Login http.Handler
	// OpenID serves OpenID Connect below /oauth/{app}/. Nil: the paths do not exist.
	OpenID OpenID
	// Keyset says why what others do to the keyset cannot be followed, with a code and a
	// class, or nil. Nil: it always can.
	Keyset func() *broker.Error
	// Quotas tells of the calls that passed. Nil: the call does not exist.
	Quotas *access.Quotas
	// Doctor examines apps. Nil: the call does not exist.
	Doctor *access.Doctor
	// MaxBody bounds request bodies in bytes. Zero: 64 KiB.
	MaxBody int64
	// MaxWait bounds ?wait=. Zero: one minute.
	MaxWait time.Duration
}

// API is the handler of all paths. It is safe for concurrent use.
type API struct {
	cfg      Config
	svc      *access.Service
	log      *slog.Logger
	ids      *requestIDs
	mux      *http.ServeMux
	stopping chan struct{}
	health   health
	failures *prometheus.CounterVec
}

// New returns the API.
func New(cfg Config) (*API, error) {
	if cfg.Service == nil || cfg.Logger == nil {
		return nil, errors.New("httpapi: service and logger are required")
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 64 << 10
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = time.Minute
	}
	a := &API{
		cfg: cfg, svc: cfg.Service, log: cfg.Logger, ids: newRequestIDs(), mux: http.NewServeMux(), stopping: make(chan struct{}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hufu", Name: "http_errors_total", Help: "Error answers of the native API, by status.",
		}, []string{"status"}),
	}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(a.failures)
	}
	a.routes()
	return a, nil
}

func (a *API) routes() {
	keyed := func(pattern string, h handler) { a.mux.HandleFunc(pattern, a.serve(h)) }
	keyed("GET /v1/apps/{app}/tokens/{kind}", a.getToken)
	keyed("PUT /v1/apps/{app}/tokens/{kind}", a.importToken)
	keyed("POST /v1/apps/{app}/tokens/{kind}/renew", a.renewToken)
	keyed("GET /v1/apps", a.listApps)
	keyed("GET /v1/apps/{app}", a.getApp)
	keyed("PUT /v1/apps/{app}", a.putApp)
	keyed("POST /v1/apps/{app}/check", a.checkApp)
	keyed("DELETE /v1/apps/{app}", a.deleteApp)
	keyed("GET /v1/clients", a.listClients)
	keyed("POST /v1/clients", a.addClient)
	keyed("DELETE /v1/clients/{name}", a.deleteClient)
	keyed("GET /v1/audit", a.getAudit)
	if a.cfg.RotateKeys != nil {
		keyed("POST /v1/keys/rotate", a.rotateKeys)
	}
	if a.cfg.Quotas != nil {
		keyed("GET /v1/apps/{app}/quota", a.getQuota)
	}
	if a.cfg.Doctor != nil {
		keyed("GET /v1/apps/{app}/doctor", a.getDoctor)
	}
	a.userRoutes(keyed)
	a.mux.HandleFunc("GET /v1/watch", a.watch)
	a.mux.HandleFunc("GET /healthz", a.healthz)
	a.mux.HandleFunc("GET /readyz", a.readyz)
	if a.cfg.Metrics != nil {
		a.mux.Handle("GET /metrics", a.cfg.Metrics)
	}
	a.mux.HandleFunc("/v1/", a.undeclaredKeyed)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		a.mux.HandleFunc(path, a.undeclared)
	}
	if a.cfg.DropIn != nil {
		a.mux.Handle("/", a.cfg.DropIn)
	} else {
		a.mux.HandleFunc("/", a.undeclaredKeyed)
	}
}

// userRoutes are the calls that are about the users of apps.
func (a *API) userRoutes(keyed func(string, handler)) {
	keyed("POST /v1/apps/{app}/users/exchange", a.exchange)
	keyed("POST /v1/apps/{app}/users/import", a.importUsers)
	keyed("GET /v1/apps/{app}/users", a.listUsers)
	keyed("GET /v1/apps/{app}/users/{openid}", a.getUser)
	keyed("DELETE /v1/apps/{app}/users/{openid}", a.deleteUser)
	keyed("GET /v1/apps/{app}/users/{openid}/token", a.getUserToken)
	keyed("POST /v1/apps/{app}/users/{openid}/token/renew", a.renewUserToken)
	keyed("GET /v1/apps/{app}/users/{openid}/profile", a.getProfile)
	keyed("GET /v1/apps/{app}/users/{openid}/subscription", a.getSubscription)
	keyed("POST /v1/apps/{app}/sessions", a.startSession)
	keyed("POST /v1/apps/{app}/sessions/{openid}/verify", a.verify)
	keyed("POST /v1/apps/{app}/sessions/{openid}/decrypt", a.decrypt)
	keyed("GET /v1/apps/{app}/jssdk", a.signPage)
	keyed("GET /v1/apps/{app}/jssdk/agent", a.signAgentPage)
	keyed("GET /v1/apps/{app}/jssdk/card", a.signCard)
	keyed("GET /v1/apps/{app}/jssdk/choose-card", a.signChoice)
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer a.survive(w, r)
	if r.Method == http.MethodGet && a.serveHot(w, r) {
		return
	}
	if h := a.browsers(r); h != nil {
		w.Header()["X-Request-Id"] = []string{a.ids.next()}
		h.ServeHTTP(w, r)
		return
	}
	if isNative(r.URL.Path) || a.cfg.DropIn == nil {
		a.mux.ServeHTTP(w, r)
		return
	}
	if a.cfg.Gateway != nil && strings.HasPrefix(r.URL.Path, gatewayPrefix) && (r.Header["Authorization"] != nil || r.Header[keyHeader] != nil) {
		a.passOn(w, r)
		return
	}
	// The platforms' paths do not go through the mux: it would answer "//" in a path
	// with a redirect, which SDKs do not follow with their POSTs.
	a.cfg.DropIn.ServeHTTP(w, r)
}

func isNative(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/metrics":
		return true
	}
	return len(path) >= 4 && path[:4] == "/v1/"
}

// Stop ends long polls and watches, so that a graceful stop does not wait for them.
// It may be called once.
func (a *API) Stop() { close(a.stopping) }

// survive turns a panic into a 500. Neither its value nor its stack is shown to the
// caller, and of the value only the type is logged: it may hold what must not be seen.
func (a *API) survive(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is what is panicked with
		panic(p)
	}
	id := a.ids.next()
	a.log.ErrorContext(r.Context(), "a request ended in a panic, which is a fault of the program",
		"method", r.Method, "path", shownPath(r), "request_id", id, "panic_type", typeName(p), "stack", stack())
	a.renderError(w, r, id, errInternal)
}
