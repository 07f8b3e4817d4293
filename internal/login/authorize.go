package login

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
)

// authorize begins a login that a business' page has sent the browser for. Nothing is
// stored, whatever comes (I7).
func (r *Relay) authorize(ctx context.Context, v visit) {
	p, ok := parseParams(v.r.URL.RawQuery, "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "mode")
	if !ok {
		r.end(ctx, v, nil, badRequest.as(nil, "the query cannot be read, is too long, or has a parameter twice"))
		return
	}
	if to := p["redirect_uri"]; to != "" && !v.app.Login.Allows(to) {
		r.end(ctx, v, nil, badRedirect.as(nil, "redirect_uri is not among the app's login.redirect_uris, nor below one of them"))
		return
	}
	f, wrong := r.requested(v, p)
	if wrong != "" {
		r.end(ctx, v, nil, badRequest.as(nil, wrong))
		return
	}
	r.begin(ctx, v, f)
}

// requested makes a flow of what is asked for, or says what is wrong with it.
func (r *Relay) requested(v visit, p params) (f flow, wrong string) {
	f = flow{Redirect: []byte(p["redirect_uri"]), State: []byte(p["state"]), Challenge: p["code_challenge"], Raw: p["mode"] == "code"}
	f.Scope, wrong = r.scope(v, p["scope"])
	switch {
	case wrong != "":
		return f, wrong
	case len(f.Redirect) == 0:
		return f, "redirect_uri is missing"
	case broker.BringsAnswer(p["redirect_uri"]):
		return f, "redirect_uri has a parameter code, state, error or error_description, or a query that cannot be read: leave them out"
	case len(f.State) > maxOwn || !printable(p["state"]):
		return f, "state is over 512 bytes, or not printable ASCII"
	case p["mode"] != "" && !f.Raw:
		return f, "mode is neither code nor left out"
	case f.Challenge == "" && p["code_challenge_method"] != "":
		return f, "code_challenge is missing"
	case f.Challenge != "" && p["code_challenge_method"] != "S256":
		return f, "code_challenge_method is not S256"
	case f.Challenge != "" && !isChallenge(f.Challenge):
		return f, "code_challenge is not a SHA-256 in base64url: 43 characters without padding"
	case f.Challenge != "" && f.Raw:
		return f, "with mode=code the platform's own code is sent on, which no code_challenge can be tied to"
	}
	return f, ""
}

// Scopes are what users of an app may be asked for, the narrowest first. None: they do not
// log in to it.
func (r *Relay) Scopes(app *broker.App) []string {
	web := r.web[app.Platform]
	if web == nil || app.Login == nil {
		return nil
	}
	return app.Login.ScopesOf(web)
}

// scope returns the scope that a login asks for.
func (r *Relay) scope(v visit, asked string) (scope, wrong string) {
	scopes := r.Scopes(v.app)
	if asked == "" && len(scopes) > 0 {
		asked = scopes[0]
	}
	if !slices.Contains(scopes, asked) || v.web.KindOf(asked) == "" {
		return "", "scope is none of the app's login.scopes, or more than one"
	}
	return asked, ""
}

// Begin sends the browser to the platform for a login that another protocol began. The empty
// scope is the app's narrowest. What is given as ref, at most 2 KiB of printable ASCII, comes
// back to the [Continuation]; the browser keeps it sealed meanwhile.
func (r *Relay) Begin(w http.ResponseWriter, req *http.Request, app *broker.App, scope, ref string) {
	ctx, v := req.Context(), visit{w: w, r: req, id: arrive(w)}
	if fault := r.admit(&v, app); fault != nil {
		r.end(ctx, v, nil, *fault)
		return
	}
	if r.cont == nil || len(ref) > maxRef || !printable(ref) {
		r.end(ctx, v, nil, broken.as(nil, "a login was begun that nobody can go on with"))
		return
	}
	f := flow{Ref: []byte(ref)}
	var wrong string
	if f.Scope, wrong = r.scope(v, scope); wrong != "" {
		r.end(ctx, v, &f, badScope.as(nil, wrong))
		return
	}
	r.begin(ctx, v, f)
}

// begin sends the browser to the platform.
func (r *Relay) begin(ctx context.Context, v visit, f flow) {
	f = f.begun(r.cfg.Now())
	state, err := r.sealState(v.app, f)
	if err != nil {
		r.end(ctx, v, &f, broken.as(err, ""))
		return
	}
	to, err := v.web.AuthorizeURL(broker.AuthorizeRequest{App: v.app, Scope: f.Scope, Callback: r.callbackURL(v.app), State: state})
	if err != nil {
		r.end(ctx, v, &f, misconfigured.as(err, ""))
		return
	}
	if err := r.keep(v, f); err != nil {
		r.end(ctx, v, &f, broken.as(err, ""))
		return
	}
	r.metrics.begun.Inc()
	r.cfg.Logger.DebugContext(ctx, "a login began", "app", v.app.ID, "scope", f.Scope, "request_id", v.id)
	send(v.w, to)
}

// again is the address at which a login begins anew as it began.
func again(app *broker.App, f *flow) string {
	q := url.Values{"redirect_uri": {string(f.Redirect)}, "scope": {f.Scope}}
	if len(f.State) > 0 {
		q.Set("state", string(f.State))
	}
	if f.Challenge != "" {
		q.Set("code_challenge", f.Challenge)
		q.Set("code_challenge_method", "S256")
	}
	if f.Raw {
		q.Set("mode", "code")
	}
	return "/oauth/" + app.ID + authorizePath + "?" + q.Encode()
}
