package declared

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// issuer issues tokens of one kind by the app secret.
type issuer struct {
	*described
	mode  *mode
	token *token
}

// Issue implements [broker.Issuer].
func (i issuer) Issue(ctx context.Context, req broker.IssueRequest) (broker.Issued, error) {
	a, _, err := i.ask(ctx, i.mode, i.token.request, valuesOf(req.App, req.Secret), req.App, AtIssue, append(slices.Clone(req.App.Secrets), req.Secret), broker.Secret{})
	if err != nil {
		return broker.Issued{}, err
	}
	return i.token.issued(a)
}

// ask makes a call and judges its answer. What the platform's code says comes with its
// error. The secrets are blotted out of the platform's words; a token is attached.
func (d *described) ask(ctx context.Context, m *mode, r *request, v values, app *broker.App, at At, secrets []broker.Secret, tok broker.Secret) (platform.Answer, Code, error) {
	call, s, err := d.call(m, r, v, app)
	if err != nil {
		return platform.Answer{}, Code{}, err
	}
	if !tok.IsZero() {
		secrets = append(secrets, tok)
		if s.Attach.Query != "" {
			call.Query.Set(s.Attach.Query, tok.Reveal())
		} else {
			call.Header.Set(s.Attach.Header, s.Attach.written(tok))
		}
	}
	a, err := d.caller.Do(ctx, call)
	if err != nil {
		return platform.Answer{}, Code{}, err //nolint:wrapcheck // the platform's own
	}
	c, err := d.judge(s, a, at, append(secrets, call.Basic.Secrets()...)...)
	return a, c, err
}

// call fills a request with what an app has, and says on which surface it is.
func (d *described) call(m *mode, r *request, v values, app *broker.App) (platform.Request, *surface, error) {
	if err := d.lacks(r, v); err != nil {
		return platform.Request{}, nil, err
	}
	path, ok := r.path.path(v)
	if !ok {
		return platform.Request{}, nil, &broker.Error{Code: "bad_app_id", Class: broker.Misconfigured, Message: "the app's app_id cannot stand in a path", Hint: "set app_id to the platform's name of the app"}
	}
	s := d.surface(r.Path)
	call := platform.Request{
		Method: r.Method, BaseURL: d.base(m, s, r, app), Path: path,
		Query: fill(r.query, v), Header: http.Header{},
	}
	for name, values := range fill(r.header, v) {
		call.Header.Set(name, values[0])
	}
	switch {
	case r.json != nil:
		body := map[string]string{}
		for name, values := range fill(r.json, v) {
			body[name] = values[0]
		}
		call.JSON = body
	case r.form != nil:
		call.Form = fill(r.form, v)
	}
	if r.Basic {
		call.Basic = &platform.Basic{Name: v.appID, Password: v.secret}
	}
	return call, s, nil
}

// fill fills templates, and leaves out those for which something is not there.
func fill(templates map[string]template, v values) url.Values {
	out := make(url.Values, len(templates))
	for name, t := range templates {
		if text, ok := t.expand(v); ok {
			out.Set(name, text)
		}
	}
	return out
}

// lacks refuses requests that the platform would only refuse.
func (d *described) lacks(r *request, v values) error {
	switch {
	case v.appID == "" && (r.Basic || r.uses[slotAppID]):
		return &broker.Error{Code: "app_id_missing", Class: broker.Misconfigured, Message: "the app has no app_id", Hint: "set app_id to the platform's name of the app"}
	case v.secret.IsZero() && (r.Basic || r.uses[slotSecret]):
		return &broker.Error{Code: "secret_missing", Class: broker.Misconfigured, Message: "the app has no secret", Hint: "set the app's secret"}
	}
	for _, p := range d.def.Params {
		slot := slotParam + p.Name
		if _, fits := (template{{slot: slot}}).path(v); !fits && r.uses[slot] && (p.Required || r.path.has(slot)) {
			return &broker.Error{
				Code: "param_missing", Class: broker.Misconfigured,
				Message: "the platform wants to know the app's " + p.Name + " in this mode, and it is not set, or is no such thing",
				Hint:    "set params." + p.Name + " of the app: " + p.Help,
			}
		}
	}
	return nil
}

// base is where a call goes. The definition's base URL, which an app without one of its own
// is completed with, stands for all of the platform's hosts, as it does in
// [broker.Platform.At].
func (d *described) base(m *mode, s *surface, r *request, app *broker.App) string {
	switch {
	case app.BaseURL != "" && app.BaseURL != strings.TrimRight(d.def.BaseURL, "/"):
		return app.BaseURL
	case r.BaseURL != "":
		return r.BaseURL
	default:
		return d.baseOf(m, s)
	}
}

func (d *described) baseOf(m *mode, s *surface) string {
	switch {
	case s.BaseURL != "":
		return s.BaseURL
	case m != nil && m.BaseURL != "":
		return m.BaseURL
	default:
		return d.def.BaseURL
	}
}

// issued reads a token and its lifetime.
func (t *token) issued(a platform.Answer) (broker.Issued, error) {
	tok, err := a.Token(t.Answer.Token)
	if err != nil {
		return broker.Issued{}, err //nolint:wrapcheck // it names the field
	}
	lifetime, err := t.Answer.lifetime(a)
	switch {
	case err != nil && t.lasting() && a.Zero(t.Answer.Lifetime):
		lifetime = lastMoment
	case err != nil:
		return broker.Issued{}, err
	}
	return broker.Issued{Token: tok, Lifetime: lifetime}, nil
}

// lastMoment stands for what is left of a token in its last second, of which a platform that
// counts in seconds says that it is none. It is too short for any promise, and then the
// platform is asked again.
const lastMoment = 500 * time.Millisecond

// lasting reports whether the platform gives the same token until its last moment. A new
// one without a lifetime is of no use; this one was good until now.
func (t *token) lasting() bool {
	return t.Rotation.Family == broker.Fixed && !t.Rotation.AgeUnknown
}

func (x Answer) lifetime(a platform.Answer) (time.Duration, error) {
	if x.Default > 0 && (x.Lifetime == "" || !a.Has(x.Lifetime)) {
		return x.Default, nil
	}
	return a.Lifetime(x.Lifetime) //nolint:wrapcheck // it names the field
}
