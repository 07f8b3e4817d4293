package whole_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// answer is what a call was answered, by this server or by a platform.
type answer struct {
	status int
	header http.Header
	body   []byte

	Errcode int    `json:"errcode"`
	Errmsg  string `json:"errmsg"`
	Code    string `json:"code"`
	OpenID  string `json:"openid"`
	Kind    string `json:"token_kind"`
	Results []struct {
		Result  string
		Problem struct{ Code string }
	}
}

// opened says that the call did what it was made for.
func (a *answer) opened() bool { return a.status/100 == 2 && a.Errcode == 0 }

// named says that the answer names a token of the wrong kind.
func (a *answer) named() bool {
	return a.Code == broker.ErrTokenKind.Code && a.status == http.StatusBadRequest || a.Errcode != 0 && strings.Contains(a.Errmsg, "("+broker.ErrTokenKind.Code+")")
}

// call is one request.
type call struct {
	method, target string
	bearer         string
	body           string
	form           bool
	header         map[string]string // what else is in it
}

func get(target string, params ...string) call {
	return call{method: http.MethodGet, target: withQuery(target, params...)}
}

func post(target string, body any) call {
	b, _ := json.Marshal(body)
	return call{method: http.MethodPost, target: target, body: string(b)}
}

func (c call) as(bearer string) call {
	c.bearer = bearer
	return c
}

func withQuery(target string, params ...string) string {
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Add(params[i], params[i+1])
	}
	if len(q) == 0 {
		return target
	}
	return target + "?" + q.Encode()
}

func (c call) request() *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), c.method, c.target, strings.NewReader(c.body))
	if c.body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	if c.form {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	return r
}

// do makes a call that brings a credential along, nil where it brings only what is right.
func (w *world) do(t rapid.TB, c call, put *cred) *answer {
	return w.send(t, c.request(), put)
}

func (w *world) send(t rapid.TB, r *http.Request, put *cred) *answer {
	w.mu.Lock()
	w.put, w.sent = put, nil
	w.mu.Unlock()
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	w.mu.Lock()
	w.put = nil
	w.mu.Unlock()
	a := &answer{status: rec.Code, header: rec.Header(), body: rec.Body.Bytes()}
	if bytes.HasPrefix(a.body, []byte("{")) {
		_ = json.Unmarshal(a.body, a) // other answers have other fields of these names
	}
	if a.status == http.StatusInternalServerError {
		t.Fatalf("%s %s: %s", r.Method, r.URL, a.body)
	}
	return a
}

// handed checks each credential in an answer: allowed says which may be there. Those that
// nobody had seen yet are asked for from made, which may be nil.
func (w *world) handed(t rapid.TB, what string, a *answer, allowed func(*cred) bool, made func(value string) *cred) {
	values := leaves(a.body)
	if to, err := url.Parse(a.header.Get("Location")); err == nil {
		for _, v := range to.Query() {
			values = append(values, v...)
		}
	}
	for _, v := range values {
		c := w.whose(v)
		if c == nil && made != nil && (strings.HasPrefix(v, "hv1_") || strings.HasPrefix(v, "ho1_")) {
			c = made(v)
		}
		if c == nil {
			continue
		}
		if !allowed(c) {
			t.Fatalf("%s has handed out: %s\n%s", what, c, a.body)
		}
		w.learn(c)
		if c.users() {
			w.mu.Lock()
			w.known[v] = true
			w.mu.Unlock()
		}
	}
}

// leaves are all texts in a JSON document.
func leaves(body []byte) []string {
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		return nil
	}
	var found []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			found = append(found, v)
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(doc)
	return found
}

// nothing may be handed out.
func nothing(*cred) bool { return false }

// came reports whether a call got to the app's platform with the app's own token.
func (w *world) came(app string) bool {
	return slices.ContainsFunc(w.sent, func(s sent) bool { return s.cred.of(sandbox.AppToken, app) && s.env == w.app(app).env })
}

// spent counts what was issued, refreshed and exchanged for an app.
func (w *world) spent(a *app) int {
	c := a.env.Counts(a.appID)
	return c.Issues + c.Refreshes + c.Exchanges + c.Tickets
}

// check looks at what the platforms saw.
func (w *world) check(t rapid.TB) {
	w.mu.Lock()
	faults := slices.Clone(w.faults)
	excused := w.excused
	w.mu.Unlock()
	for _, f := range faults {
		t.Error(f)
	}
	mixed := 0
	for _, e := range []*env{w.main, w.lab} {
		for _, m := range e.Misuses() {
			switch {
			case m.What != sandbox.MixedUpToken:
			case strings.Contains(m.Detail, "the app's own token"):
				mixed++
			case !strings.HasPrefix(m.Detail, "/sns/"):
				t.Errorf("%s: %s", e.name, m.Detail)
			}
		}
	}
	if mixed > excused {
		t.Errorf("the app's own token came to the platforms %d times in the place of a user's, and %d of these could not be known", mixed, excused)
	}
	if t.Failed() {
		t.FailNow()
	}
}
