package platformtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// TokenPaths holds the token paths of a platform to what its own issuers are: what an issuer
// sends is understood, and what is answered is understood by the issuer. A server here can
// so be the platform of another. served says for which kinds there are paths; nil: for all.
func TokenPaths(t *testing.T, open func(*platform.Caller) broker.Platform, app broker.App, served func(mode string, kind broker.Kind) bool) {
	t.Helper()
	p := open(platform.NewCaller(nil))
	for i, tp := range p.TokenPaths {
		if tp.Name == "" || tp.Method == "" || !strings.HasPrefix(tp.Path, "/") {
			t.Errorf("%q: %s %s is no token path", tp.Name, tp.Method, tp.Path)
		}
		if slices.ContainsFunc(p.TokenPaths[:i], func(o broker.TokenPath) bool {
			return o.Method == tp.Method && p.Canonical(o.Path) == p.Canonical(tp.Path)
		}) {
			t.Errorf("%s %s is there twice", tp.Method, tp.Path)
		}
		if r := p.Upstream.Route(slots.ReplaceAllString(tp.Path, "any")); r.Sort != broker.CallManaged {
			t.Errorf("%s is taken for %+v by the gateway", tp.Path, r)
		}
	}
	for _, mode := range p.Modes {
		for kind := range p.Kinds(mode) {
			if served != nil && !served(mode, kind) {
				continue
			}
			t.Run(mode+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				h := &here{t: t, p: p, app: &app, kind: kind}
				a := app
				a.Mode, a.BaseURL = mode, host
				src := open(platform.NewCaller(h)).Kinds(mode)[kind]
				req := broker.IssueRequest{App: &a, Key: broker.Key{App: a.ID, Kind: kind}, Tokens: newFakeTokens()}
				if !src.Derived {
					req.Secret = a.Secrets[0]
				}
				for _, h.as = range []func(*http.Request, []byte) []byte{asIs, asForm, asJSON} {
					h.no = nil
					got, err := src.Issuer.Issue(t.Context(), req)
					if err != nil || got.Token.Reveal() != given {
						t.Errorf("got %v, %v", got.Lifetime, err)
					}
					if got.Lifetime != 2*time.Hour && got.Lifetime <= 0 {
						t.Errorf("got a lifetime of %v", got.Lifetime)
					}
				}
				h.as = asIs
				for _, h.no = range []*broker.Error{
					broker.ErrUnknownApp, broker.ErrUnauthorized, broker.ErrNotReady, broker.ErrNoAppID, broker.ErrNoKey, broker.ErrBadGrant,
					broker.ErrAmbiguous, misconfigured,
				} {
					got, err := src.Issuer.Issue(t.Context(), req)
					if e := broker.AsError(err); err == nil || !got.Token.IsZero() || e.PlatformCode == "" {
						t.Errorf("%s is understood as %v", h.no.Code, err)
					} else if h.no.Class == broker.Misconfigured && passes(e) {
						t.Errorf("%s is understood as %v, which is asked again", h.no.Code, err)
					}
				}
			})
		}
	}
}

// misconfigured is an error that lasts until somebody changes a setting.
var misconfigured = &broker.Error{Code: "param_missing", Class: broker.Misconfigured, Message: "a param is missing", Hint: "set it"}

// passes reports whether callers take an error for one after which they ask again.
func passes(e *broker.Error) bool { return e.Class == broker.Transient || e.Class == broker.Throttled }

// here is a server that serves the token paths of a platform.
type here struct {
	t    *testing.T
	p    broker.Platform
	app  *broker.App
	kind broker.Kind
	as   func(*http.Request, []byte) []byte // how the caller writes its body
	no   *broker.Error                      // what it is refused with
}

// RoundTrip implements [http.RoundTripper].
func (h *here) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	body = h.as(r, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	path := h.p.Canonical(r.URL.Path)
	i := slices.IndexFunc(h.p.TokenPaths, func(tp broker.TokenPath) bool { return tp.Method == r.Method && samePath(h.p.Canonical(tp.Path), path) })
	if i < 0 {
		h.t.Errorf("there is no token path for %s %s", r.Method, r.URL)
		return response(r, http.StatusNotFound, strings.NewReader("")), nil
	}
	tp := h.p.TokenPaths[i]
	asked, wrong := tp.Ask(r, body)
	if wrong != nil || asked.Wrong != nil {
		h.t.Errorf("%s %s %s is not understood: %v, %v", r.Method, r.URL.Path, body, wrong, asked.Wrong)
	}
	h.understood(asked)
	if h.no != nil {
		x := h.p.Upstream.Refuse(path, h.no, "6aac005a-01bfdbee-79769285")
		return response(r, x.Status, bytes.NewReader(x.Body)), nil //nolint:nilerr // The refusal is the answer.
	}
	b := tp.Answer([]byte(nil), given, 7200)
	if !json.Valid(b) {
		h.t.Errorf("answered with %s", b)
	}
	return response(r, http.StatusOK, bytes.NewReader(b)), nil
}

func (h *here) understood(a broker.Asked) {
	switch {
	case a.Kind != h.kind:
		h.t.Errorf("I8: taken for a call for the kind %s, want %s", a.Kind, h.kind)
	case a.ByToken && a.Token.Reveal() != accessToken:
		h.t.Error("the call shows another token")
	case !a.ByToken && (a.AppID != h.app.AppID || !a.Key.Equal(h.app.Secrets[0])):
		h.t.Errorf("the call is for the app %q, or shows another secret", a.AppID)
	}
	for name, v := range a.Params {
		if h.app.Params[name] != v {
			h.t.Errorf("the parameter %s is taken for %q", name, v)
		}
	}
}

// samePath compares a path with one in which braces stand for any segment.
func samePath(pattern, path string) bool {
	ps, ss := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(ps, ss, func(p, s string) bool { return p == s || strings.HasPrefix(p, "{") && s != "" })
}

// asIs, asForm and asJSON are how callers write the same body.
func asIs(_ *http.Request, body []byte) []byte { return body }

func asForm(r *http.Request, body []byte) []byte {
	var in map[string]string
	if json.Unmarshal(body, &in) != nil {
		return body
	}
	form := url.Values{}
	for name, v := range in {
		form.Set(name, v)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return []byte(form.Encode())
}

func asJSON(r *http.Request, body []byte) []byte {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return body
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return body
	}
	in := map[string]string{}
	for name := range form {
		in[name] = form.Get(name)
	}
	r.Header.Set("Content-Type", "text/plain") // Some SDKs do not say what it is.
	return []byte(written(in))
}
