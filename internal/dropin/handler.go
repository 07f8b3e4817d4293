package dropin

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// Forwarder passes on what is not served here. The path is as it was written; app limits
// the call to one app where it is not "". It is the gateway.
type Forwarder interface {
	Forward(w http.ResponseWriter, r *http.Request, app, path, requestID string)
}

// Config is what a [Handler] is made of. Service, Logger, Refuse and Canonical are
// required.
type Config struct {
	Service *access.Service
	// Forward passes on all other calls. Nil: there are no other paths.
	Forward Forwarder
	Logger  *slog.Logger
	// Refuse says an error in the platform's own form: its words where it said some, else
	// the closest code of its table and what to do. It is that of WeChat's upstream.
	Refuse func(path string, err *broker.Error, requestID string) broker.Refusal
	// Canonical is a path as it is compared, so that a path is one of those served here
	// exactly where the gateway takes it for one. WxJava's documented settings, for one,
	// produce two slashes at the beginning. It is wechat.Canonical.
	Canonical  func(path string) string
	Registerer prometheus.Registerer // nil: metrics are not exported
	// MaxBody bounds request bodies in bytes. Zero: 64 KiB.
	MaxBody int64
	// Patience bounds how long a caller with a live token waits for a check of it.
	// Zero: 300 ms. The check goes on without the caller, and what it finds is there for
	// the next one.
	Patience time.Duration
}

// Handler serves the platform's paths. It is safe for concurrent use.
type Handler struct {
	cfg      Config
	svc      *access.Service
	log      *slog.Logger
	rids     *rids
	told     *memory
	metrics  *metrics
	profiles map[string]broker.SDKProfile
}

// New returns a handler for every path that is not the native API's.
func New(cfg Config) (*Handler, error) {
	if cfg.Service == nil || cfg.Logger == nil || cfg.Refuse == nil || cfg.Canonical == nil {
		return nil, errors.New("dropin: service, logger, refuse and canonical are required")
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 64 << 10
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 300 * time.Millisecond
	}
	h := &Handler{
		cfg: cfg, svc: cfg.Service, log: cfg.Logger, rids: newRids(), told: newMemory(maxRemembered),
		metrics: newMetrics(cfg.Registerer), profiles: map[string]broker.SDKProfile{},
	}
	for _, p := range broker.SDKProfiles() {
		h.profiles[p.Name] = p
	}
	return h, nil
}

// place numbers the paths that are served.
type place int

const (
	toToken place = iota
	toStable
	toTicket
	toOther // everything else
)

const places = int(toOther) + 1

func (p place) String() string {
	switch p {
	case toToken:
		return "token"
	case toStable:
		return "stable_token"
	case toTicket:
		return "getticket"
	case toOther:
		return "other"
	default:
		return "other"
	}
}

// method is the one that the path is asked with; "" is any.
func (p place) method() string {
	switch p {
	case toToken, toTicket:
		return http.MethodGet
	case toStable:
		return http.MethodPost
	case toOther:
		return ""
	default:
		return ""
	}
}

// route is for canonical paths.
func route(path string) place {
	switch path {
	case "/cgi-bin/token":
		return toToken
	case "/cgi-bin/stable_token":
		return toStable
	case "/cgi-bin/ticket/getticket":
		return toTicket
	default:
		return toOther
	}
}

// prefix is before a platform's path where a base URL names an app. All calls are then
// about that app. The key is where it always is, or in the header Authorization.
const prefix = "/gateway/"

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := request{Request: r, rid: h.rids.next(time.Now())}
	path := r.URL.Path
	if rest, ok := strings.CutPrefix(path, prefix); ok {
		q.app, path, _ = strings.Cut(rest, "/")
		path = "/" + path
		if !broker.ValidAppID(q.app) {
			h.metrics.requests[toOther][h.refuse(w, q, refusal{code: codeInvalidURL, more: "after /gateway/ comes an app's id"})].Inc() //nolint:contextcheck // as below
			return
		}
	}
	q.place = route(h.cfg.Canonical(path))
	if q.place == toOther && h.cfg.Forward != nil && r.Method != http.MethodOptions {
		written := r.URL.EscapedPath()
		if q.app != "" {
			written = written[len(prefix)+len(q.app):]
		}
		h.cfg.Forward.Forward(w, r, q.app, written, q.rid)
		return
	}
	h.metrics.requests[q.place][h.serve(w, q)].Inc() //nolint:contextcheck // the request brings its context along
}

// request is what is known of a request from the beginning.
type request struct {
	*http.Request
	place place
	app   string // our id, where the base URL names it
	rid   string
}

// bearer is the key in the header of a request whose base URL names the app; "" if it is
// not there.
func (r request) bearer() string {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if r.app == "" || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return key
}

func (h *Handler) serve(w http.ResponseWriter, r request) outcome {
	method := r.place.method()
	switch {
	case r.Method == http.MethodOptions, r.Method == http.MethodHead:
		return h.greet(w, r)
	case method == http.MethodGet && r.Method != http.MethodGet:
		return h.refuse(w, r, refusal{code: codeRequireGet})
	case method == http.MethodPost && r.Method != http.MethodPost:
		return h.refuse(w, r, refusal{code: codeRequirePost})
	}
	switch r.place {
	case toToken:
		return h.serveToken(w, r)
	case toStable:
		return h.serveStable(w, r)
	case toTicket:
		return h.serveTicket(w, r)
	case toOther:
	}
	return h.refuse(w, r, refusal{code: codeInvalidURL, more: "calls are not passed on here"})
}

// greet answers HEAD and OPTIONS. Nothing is handed out, and browsers get no leave to
// ask from other sites.
func (h *Handler) greet(w http.ResponseWriter, r request) outcome {
	writeHeader(w, r.rid)
	if r.Method == http.MethodHead {
		return succeeded
	}
	allow := "GET, POST, HEAD, OPTIONS"
	if m := r.place.method(); m != "" {
		allow = m + ", HEAD, OPTIONS"
	}
	header := w.Header()
	header.Del("Content-Type")
	header.Set("Allow", allow)
	w.WriteHeader(http.StatusNoContent)
	return succeeded
}
