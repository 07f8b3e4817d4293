package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/renew"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

func (a *API) listApps(_ context.Context, c broker.Caller, r *http.Request) (answer, error) {
	limit, err := limitParam(r)
	if err != nil {
		return answer{}, err
	}
	states, err := a.svc.Apps(c, r.URL.Query().Get("after"), limit)
	if err != nil {
		return answer{}, err
	}
	apps := make([]api.App, len(states))
	for i := range states {
		apps[i] = appOf(states[i])
	}
	return answer{body: apps}, nil
}

func (a *API) getApp(_ context.Context, c broker.Caller, r *http.Request) (answer, error) {
	st, err := a.svc.App(c, r.PathValue("app"))
	if err != nil {
		return answer{}, err
	}
	return answer{body: appOf(st)}, nil
}

func (a *API) putApp(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	app, in, err := appIn(r)
	if err != nil {
		return answer{}, err
	}
	tokens, err := importedTokens(in.Tokens, time.Now())
	if err != nil {
		return answer{}, err
	}
	created, err := a.svc.PutApp(ctx, c, app, tokens...)
	if err != nil {
		return answer{}, err
	}
	st, err := a.svc.App(c, app.ID)
	if err != nil {
		return answer{}, err
	}
	ans := answer{body: appOf(st)}
	if created {
		ans.status = http.StatusCreated
	}
	return ans, nil
}

// checkApp says what speaks against putting an app, its tokens apart.
func (a *API) checkApp(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	app, _, err := appIn(r)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, a.svc.CheckApp(ctx, c, app)
}

// appIn reads the app that the path names from the body, and returns the body, too.
func appIn(r *http.Request) (app *broker.App, in api.App, err error) {
	if err := decode(r, &in); err != nil {
		return nil, in, err
	}
	id := r.PathValue("app")
	if in.ID != "" && in.ID != id {
		return nil, in, invalid("the body is about app %q, the path about %q", in.ID, id)
	}
	app, err = appFrom(id, &in)
	return app, in, err
}

func (a *API) deleteApp(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	return answer{status: http.StatusNoContent}, a.svc.DeleteApp(ctx, c, r.PathValue("app"))
}

func (a *API) listClients(_ context.Context, c broker.Caller, _ *http.Request) (answer, error) {
	list, err := a.svc.Clients(c)
	if err != nil {
		return answer{}, err
	}
	out := make([]api.Client, len(list))
	for i, x := range list {
		out[i] = clientOf(x)
	}
	return answer{body: out}, nil
}

func (a *API) addClient(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	var in api.Client
	if err := decode(r, &in); err != nil {
		return answer{}, err
	}
	client, err := clientFrom(&in)
	if err != nil {
		return answer{}, err
	}
	key, err := a.svc.AddClient(ctx, c, client)
	if err != nil {
		return answer{}, err
	}
	out := clientOf(client)
	out.Key, out.Origin = key.Reveal(), string(broker.FromAPI)
	return answer{status: http.StatusCreated, body: out}, nil
}

func (a *API) deleteClient(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	return answer{status: http.StatusNoContent}, a.svc.DeleteClient(ctx, c, r.PathValue("name"))
}

func (a *API) getAudit(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	limit, err := limitParam(r)
	if err != nil {
		return answer{}, err
	}
	q := r.URL.Query()
	f := broker.AuditFilter{Client: q.Get("client"), Action: q.Get("action"), App: q.Get("app"), Limit: limit}
	if f.From, err = timeParam(q.Get("from"), "from"); err != nil {
		return answer{}, err
	}
	if f.To, err = timeParam(q.Get("to"), "to"); err != nil {
		return answer{}, err
	}
	if s := q.Get("before"); s != "" {
		if f.Before, err = strconv.ParseInt(s, 10, 64); err != nil || f.Before <= 0 {
			return answer{}, invalid("before=%.40q: want the value of next of the page before", s)
		}
	}
	entries, err := a.svc.Audit(ctx, c, f)
	if err != nil {
		return answer{}, err
	}
	page := api.AuditPage{Entries: make([]api.AuditEntry, len(entries))}
	for i, e := range entries {
		page.Entries[i] = api.AuditEntry{
			ID: e.ID, At: e.At.UTC(), Client: e.Client, Action: e.Action, App: e.App, Kind: string(e.Kind), Target: e.Target,
			Version: int64(e.Version), Remote: e.Remote, RequestID: e.RequestID, Result: e.Result, Count: e.Count,
		}
	}
	if len(entries) == limit {
		page.Next = entries[len(entries)-1].ID
	}
	return answer{body: page}, nil
}

func (a *API) rotateKeys(ctx context.Context, c broker.Caller, _ *http.Request) (answer, error) {
	var res api.KeyRotation
	err := a.svc.RotateKeys(ctx, c, func() (err error) {
		res, err = a.cfg.RotateKeys()
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return answer{body: res}, nil
}

func limitParam(r *http.Request) (int, error) {
	s := r.URL.Query().Get("limit")
	if s == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxPage {
		return 0, invalid("limit=%.40q: want a number from 1 to %d", s, maxPage)
	}
	return n, nil
}

func timeParam(s, name string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, invalid("%s=%.40q: want a time such as 2026-11-21T10:00:00Z", name, s)
	}
	return t, nil
}

func appOf(st access.AppState) api.App {
	x := st.App
	out := api.App{
		ID: x.ID, Platform: x.Platform, AppID: x.AppID, Mode: x.Mode, BaseURL: x.BaseURL, Params: x.Params, OAuth2: oauth2Of(x.OAuth2),
		PageHosts: x.PageHosts, Origin: string(x.Origin),
	}
	if l := x.Login; l != nil {
		out.Login = &api.Login{RedirectURIs: l.Redirects, Scopes: l.Scopes, AuthorizeURL: l.AuthorizeURL}
	}
	if x.Deny != nil {
		out.Deny = &x.Deny
	}
	if p := x.Policy; p != nil {
		out.Overlap = api.Duration(p.Overlap)
		out.Renew = api.Renew{Every: api.Duration(p.Every), Ahead: api.Duration(p.Ahead), InitialDelay: api.Duration(p.InitialDelay)}
	}
	for _, s := range x.Sinks {
		out.Sinks = append(out.Sinks, api.Sink{
			Type: s.Type, Path: s.Place(), Key: s.Key, Kind: string(s.Kind), Format: s.Format, IncludeToken: s.IncludeToken,
		})
	}
	for _, t := range st.Tokens {
		out.Tokens = append(out.Tokens, tokenStateOf(t))
	}
	return out
}

func tokenStateOf(t renew.State) api.TokenState {
	return api.TokenState{
		Kind: string(t.Token.Key.Kind), Version: int64(t.Token.Version), Usable: t.Usable, Expiry: utc(t.Token.Expiry), Due: utc(t.Due),
		Problem: problemOf(t.Failure),
	}
}

// problemOf tells an error that is not that of the request; nil: there is none.
func problemOf(e *broker.Error) *api.Problem {
	if e == nil {
		return nil
	}
	status := api.Status(e.Code, string(e.Class))
	p := &api.Problem{
		Title: http.StatusText(status), Status: status, Code: e.Code, Class: string(e.Class), Detail: e.Message, Hint: e.Hint,
	}
	if e.PlatformCode != "" {
		p.Platform = &api.PlatformError{Code: e.PlatformCode, Message: e.PlatformMessage}
	}
	return p
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}
