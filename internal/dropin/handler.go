package dropin

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
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

// Config is what a [Handler] is made of. Service, Logger and Platforms are required.
type Config struct {
	Service *access.Service
	// Forward passes on all other calls. Nil: there are no other paths.
	Forward Forwarder
	Logger  *slog.Logger
	// Platforms are those whose token paths are served. What is wrong with a call that is
	// of none of them is said in the words of the first that has an upstream.
	Platforms  []broker.Platform
	Registerer prometheus.Registerer // nil: metrics are not exported
	// MaxBody bounds request bodies in bytes. Zero: 64 KiB.
	MaxBody int64
	// Patience bounds how long a caller with a live token waits for a check of it.
	// Zero: 300 ms. The check goes on without the caller, and what it finds is there for
	// the next one.
	Patience time.Duration
}

// Handler serves the platforms' paths. It is safe for concurrent use.
type Handler struct {
	cfg      Config
	svc      *access.Service
	log      *slog.Logger
	table    *table
	rids     *rids
	told     *memory
	metrics  *metrics
	profiles map[string]broker.SDKProfile
}

// New returns a handler for every path that is not the native API's.
func New(cfg Config) (*Handler, error) {
	if cfg.Service == nil || cfg.Logger == nil {
		return nil, errors.New("dropin: service and logger are required")
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
	var err error
	if h.table, err = newTable(cfg.Platforms, h.metrics); err != nil {
		return nil, err
	}
	for _, p := range broker.SDKProfiles() {
		h.profiles[p.Name] = p
	}
	return h, nil
}

// prefix is before a platform's path where a base URL names an app. All calls are then
// about that app. The key is where it always is, or in the header Authorization.
const prefix = "/gateway/"

// request is what is known of a request from the beginning.
type request struct {
	*http.Request
	path string // without what names the app
	app  string // our id, where the base URL names it
	rid  string
}

// bearer is the key in the header of a request whose base URL names the app; "" if it is
// not there.
func (r request) bearer() string {
	if r.app == "" {
		return ""
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return key
}

// asThere is a request as it would be made at the platform itself, without what names the
// app here.
func asThere(r *http.Request, path string) *http.Request {
	own, at := r.WithContext(r.Context()), *r.URL
	at.Path, at.RawPath = path, ""
	own.URL = &at
	return own
}

// What is wrong with calls of no token path, where no words are needed but these.
var (
	errNameless    = &broker.Error{Code: broker.ErrBadPath.Code, Class: broker.Invalid, Hint: "after /gateway/ comes an app's id"}
	errNotPassedOn = &broker.Error{Code: broker.ErrNoGateway.Code, Class: broker.NotFound, Hint: "calls are not passed on here"}
)

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := request{Request: r, rid: h.rids.next(time.Now()), path: r.URL.Path}
	if rest, ok := strings.CutPrefix(q.path, prefix); ok {
		q.app, q.path, _ = strings.Cut(rest, "/")
		q.path = "/" + q.path
		if !broker.ValidAppID(q.app) {
			q.app = ""
			h.metrics.other[h.refuse(w, q, &visit{err: errNameless})].Inc() //nolint:contextcheck // as below
			return
		}
	}
	if q.app != "" {
		q.Request = asThere(r, q.path)
	}
	var few [4]*endpoint
	at := h.table.find(few[:0], q.path)
	if len(at) > 0 && q.app != "" && h.elsewhere(q, at) {
		at = nil
	}
	switch {
	case r.Method == http.MethodOptions, len(at) > 0 && r.Method == http.MethodHead:
		counted := &h.metrics.other
		if len(at) > 0 {
			counted = &at[0].requests
		}
		greet(w, q, at)
		counted[succeeded].Inc()
	case len(at) > 0:
		h.serve(w, q, at) //nolint:contextcheck // the request brings its context along
	case h.cfg.Forward != nil:
		written := r.URL.EscapedPath()
		if q.app != "" {
			written = written[len(prefix)+len(q.app):]
		}
		h.cfg.Forward.Forward(w, r, q.app, written, q.rid)
	case r.Method == http.MethodHead:
		greet(w, q, at)
		h.metrics.other[succeeded].Inc()
	default:
		h.metrics.other[h.refuse(w, q, &visit{err: errNotPassedOn})].Inc() //nolint:contextcheck // as above
	}
}

// greet answers HEAD and OPTIONS. Nothing is handed out, and browsers get no leave to
// ask from other sites.
func greet(w http.ResponseWriter, r request, at []*endpoint) {
	writeHeader(w, r.rid)
	if r.Method == http.MethodHead {
		return
	}
	allow := []string{http.MethodGet, http.MethodPost}
	if len(at) > 0 {
		allow = allow[:0]
		for _, e := range at {
			if !slices.Contains(allow, e.Method) {
				allow = append(allow, e.Method)
			}
		}
	}
	header := w.Header()
	header.Del("Content-Type")
	header.Set("Allow", strings.Join(append(allow, "HEAD", "OPTIONS"), ", "))
	w.WriteHeader(http.StatusNoContent)
}
