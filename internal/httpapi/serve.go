package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
)

// handler does one call for an authenticated caller. What it returns is rendered by
// serve.
type handler func(ctx context.Context, c broker.Caller, r *http.Request) (answer, error)

// answer is a successful outcome. The zero status is 200.
type answer struct {
	status int
	body   any
	etag   broker.Version // zero: none
}

var (
	errInternal     = &broker.Error{Code: api.CodeInternal, Class: broker.Transient, Message: "internal error", Hint: "look for the request id in the server's log"}
	errUnauthorized = &broker.Error{
		Code: api.CodeUnauthorized, Class: broker.Denied, Message: "no client key, or an unknown one",
		Hint: "send the header Authorization: Bearer CLIENT_KEY",
	}
	errUnknownKey = &broker.Error{
		Code: api.CodeUnauthorized, Class: broker.Denied, Message: "no client key, or an unknown one",
		Hint: "no client of this server has this key: it may have been revoked, or be of another server; hufu client ls lists the clients",
	}
	errNamedKey = &broker.Error{
		Code: api.CodeUnauthorized, Class: broker.Denied, Message: "an app's id stands behind the client key",
		Hint: "KEY.APP belongs in the place of an app secret; send the key alone here",
	}
	errMistyped = &broker.Error{
		Code: api.CodeUnauthorized, Class: broker.Denied, Message: "the client key is mistyped: its checksum is wrong",
		Hint: "copy the whole key, from hufu_ to its last character",
	}
)

// serve makes an http.HandlerFunc of a handler: authentication, limits, the call, and
// its answer or error.
func (a *API) serve(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := a.ids.next()
		c, err := a.authenticate(r, id)
		if err == nil {
			r.Body = http.MaxBytesReader(w, r.Body, a.cfg.MaxBody)
			var ans answer
			if ans, err = h(r.Context(), c, r); err == nil {
				a.render(w, r, id, ans)
				return
			}
		}
		a.renderError(w, r, id, err)
	}
}

// authenticate finds the client by its key.
func (a *API) authenticate(r *http.Request, id string) (broker.Caller, error) {
	key, ok := bearer(r)
	if !ok {
		return broker.Caller{}, errUnauthorized
	}
	client := a.svc.Authenticate(key)
	if client == nil {
		switch {
		case a.svc.IsKey(key):
			return broker.Caller{}, errNamedKey
		case a.svc.Mistyped(key):
			return broker.Caller{}, errMistyped
		}
		return broker.Caller{}, errUnknownKey
	}
	return broker.Caller{Client: client, Remote: r.RemoteAddr, RequestID: id}, nil
}

// maxKey is longer than any client key; hashing is not to cost more than that.
const maxKey = 512

func bearer(r *http.Request) (string, bool) {
	const scheme = "Bearer "
	h := r.Header["Authorization"]
	if len(h) != 1 || len(h[0]) <= len(scheme) || len(h[0]) > maxKey || !strings.EqualFold(h[0][:len(scheme)], scheme) {
		return "", false
	}
	return h[0][len(scheme):], true
}

func (a *API) render(w http.ResponseWriter, r *http.Request, id string, ans answer) {
	h := w.Header()
	h["X-Request-Id"] = []string{id}
	h["Cache-Control"] = noStore
	if ans.etag != 0 {
		h["Etag"] = []string{etag(ans.etag)}
	}
	if ans.status == 0 {
		ans.status = http.StatusOK
	}
	if ans.body == nil {
		w.WriteHeader(ans.status)
		return
	}
	b, err := json.Marshal(ans.body)
	if err != nil {
		a.renderError(w, r, id, fmt.Errorf("encode the answer: %w", err))
		return
	}
	h["Content-Type"] = contentJSON
	w.WriteHeader(ans.status)
	_, _ = w.Write(append(b, '\n')) // the peer is gone if this fails
}

// Header values that are the same in every answer. They are shared and not changed.
var (
	contentJSON    = []string{"application/json"}
	contentProblem = []string{"application/problem+json"}
	noStore        = []string{"no-store"}
)

// renderError answers with a problem as RFC 9457 has it.
func (a *API) renderError(w http.ResponseWriter, r *http.Request, id string, err error) {
	e := toError(err)
	p := problemOf(e)
	p.RequestID = id
	status := p.Status
	if status == http.StatusInternalServerError || e.Code == api.CodeStoreAway && e.Err != nil {
		// Its cause is for the log alone.
		a.log.ErrorContext(r.Context(), "a request failed", "method", r.Method, "path", shownPath(r), "request_id", id, "error", err)
	}
	a.failures.WithLabelValues(strconv.Itoa(status)).Inc()
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = contentProblem, noStore
	h["X-Request-Id"] = []string{id}
	switch {
	case status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="hufu"`)
	case e.RetryAfter > 0:
		h.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	case status == http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	b, jerr := json.Marshal(p)
	if jerr != nil {
		b = []byte(`{"title":"Internal Server Error","status":500,"code":"internal","class":"transient"}`)
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

// shownPath is a request's path as it is logged: without the user whom it names.
func shownPath(r *http.Request) string {
	if r.PathValue("openid") == "" {
		return r.URL.Path
	}
	_, path, _ := strings.Cut(r.Pattern, " ")
	return strings.Replace(path, "{app}", r.PathValue("app"), 1)
}

func toError(err error) *broker.Error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &broker.Error{Code: api.CodeTooLarge, Class: broker.Invalid, Message: fmt.Sprintf("the body is over %d bytes", tooLarge.Limit)}
	}
	e := broker.AsError(err)
	if e.Code == broker.ErrShuttingDown.Code {
		c := *e
		c.Code = api.CodeNotReady
		return &c
	}
	return e
}

func invalid(format string, args ...any) error {
	return &broker.Error{Code: api.CodeInvalid, Class: broker.Invalid, Message: fmt.Sprintf(format, args...)}
}

// decode reads a JSON body into v. Unknown fields and anything after the object are
// errors: what a caller misspells must not be ignored.
func decode(r *http.Request, v any) error {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		if mt, _, err := mime.ParseMediaType(ct); err != nil || mt != "application/json" && mt != "application/x-www-form-urlencoded" {
			return invalid("the body has the content type %q: want application/json", ct)
		}
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return err
		}
		bad := &broker.Error{
			Code: api.CodeInvalid, Class: broker.Invalid, Message: "the body is not the JSON object that is wanted: " + cleanJSONError(err),
		}
		if errors.Is(err, io.EOF) {
			bad.Err = io.EOF // for those who take nothing for something
		}
		return bad
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("the body has something after the JSON object")
	}
	return nil
}

// cleanJSONError describes a decoding error without quoting values of the body, which
// may be secrets.
func cleanJSONError(err error) string {
	var typ *json.UnmarshalTypeError
	var syn *json.SyntaxError
	switch {
	case errors.As(err, &typ):
		return fmt.Sprintf("field %q has the wrong type", typ.Field)
	case errors.As(err, &syn):
		return fmt.Sprintf("syntax error at byte %d", syn.Offset)
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it is cut short"
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return strings.TrimPrefix(err.Error(), "json: ")
	case strings.HasPrefix(err.Error(), "duration "), strings.HasPrefix(err.Error(), "secret: "):
		return err.Error()
	default:
		return "it cannot be read"
	}
}

func etag(v broker.Version) string {
	var b [24]byte
	return string(append(strconv.AppendInt(append(b[:0], '"'), int64(v), 10), '"'))
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }

func stack() string {
	b := make([]byte, 8<<10)
	return string(b[:runtime.Stack(b, false)])
}
