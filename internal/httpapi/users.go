package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// maxCode is longer than any code of a login, its verifier, or a language.
const maxCode = 512

func (a *API) exchange(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	var req api.ExchangeRequest
	if err := decode(r, &req); err != nil {
		return answer{}, err
	}
	switch {
	case !plain(req.Code, maxCode):
		return answer{}, invalid("code: want that which the browser brought, of at most %d characters", maxCode)
	case req.CodeVerifier != "" && !plain(req.CodeVerifier, maxCode):
		return answer{}, invalid("code_verifier: want at most %d printable ASCII characters", maxCode)
	case len(req.RedirectURI) > broker.MaxRedirect:
		return answer{}, invalid("redirect_uri: want at most %d bytes", broker.MaxRedirect)
	}
	u, err := a.svc.Exchange(ctx, c, r.PathValue("app"), req.Code, req.CodeVerifier, req.RedirectURI)
	if err != nil {
		return answer{}, err
	}
	return answer{body: userOf(u)}, nil
}

func (a *API) listUsers(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	if err := onlyParams(r.URL.Query(), "after", "limit"); err != nil {
		return answer{}, err
	}
	limit, err := limitParam(r)
	if err != nil {
		return answer{}, err
	}
	var after broker.Key
	if s := r.URL.Query().Get("after"); s != "" {
		user, kind, ok := strings.Cut(s, "/")
		if !ok || !validOpenID(user) || kind == "" {
			return answer{}, invalid("after=%.200q: want the value of next of the page before", s)
		}
		after = broker.Key{App: r.PathValue("app"), Kind: broker.Kind(kind), Subject: user}
	}
	list, err := a.svc.Users(ctx, c, r.PathValue("app"), after, limit)
	if err != nil {
		return answer{}, err
	}
	page := grantsOf(list)
	if len(list) == limit {
		last := list[len(list)-1].Key
		page.Next = last.Subject + "/" + string(last.Kind)
	}
	return answer{body: page}, nil
}

func (a *API) getUser(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	user, err := openID(r)
	if err != nil {
		return answer{}, err
	}
	list, err := a.svc.User(ctx, c, r.PathValue("app"), user)
	if err != nil {
		return answer{}, err
	}
	return answer{body: grantsOf(list)}, nil
}

func (a *API) deleteUser(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	user, err := openID(r)
	if err != nil {
		return answer{}, err
	}
	n, err := a.svc.DeleteUser(ctx, c, r.PathValue("app"), user)
	if err != nil {
		return answer{}, err
	}
	return answer{body: api.Forgotten{Deleted: n}}, nil
}

func (a *API) getUserToken(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	q := r.URL.Query()
	if err := onlyParams(q, "scope", "min_ttl"); err != nil {
		return answer{}, err
	}
	user, err := openID(r)
	if err != nil {
		return answer{}, err
	}
	minTTL, err := durationParam(q.Get("min_ttl"), "min_ttl")
	if err != nil {
		return answer{}, err
	}
	held, err := a.svc.UserToken(ctx, c, r.PathValue("app"), user, q.Get("scope"), minTTL)
	if err != nil {
		return answer{}, err
	}
	return userTokenAnswer(&held), nil
}

func (a *API) renewUserToken(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	user, err := openID(r)
	if err != nil {
		return answer{}, err
	}
	var req api.UserRenewRequest
	if err := decode(r, &req); err != nil {
		return answer{}, err
	}
	switch {
	case req.Version < 0, req.Version == 0 && req.Token == "":
		return answer{}, &broker.Error{
			Code: api.CodeInvalid, Class: broker.Invalid, Message: "what was rejected is not said",
			Hint: `send {"version":N} or {"token":"…"}, as the token was answered here`,
		}
	case req.Version > 0:
		req.Token = "" // the version says it better
	}
	held, err := a.svc.ReportUser(ctx, c, r.PathValue("app"), user, req.Scope, broker.Version(req.Version), broker.NewSecret(req.Token))
	if err != nil {
		return answer{}, err
	}
	return userTokenAnswer(&held), nil
}

func userTokenAnswer(t *access.Held) answer {
	promise := t.Promise()
	return answer{etag: t.Version, body: api.UserToken{
		App: t.Key.App, OpenID: t.Key.Subject, Scope: string(t.Key.Kind), Kind: string(t.Key.Kind),
		Token: t.Secret.Reveal(), TokenKind: api.TokenOfUser, Version: int64(t.Version),
		ExpiresIn: int64(promise / time.Second), Expiry: t.Now.Add(promise).UTC().Truncate(time.Second),
	}}
}

func (a *API) getProfile(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	user, lang, err := userAndLanguage(r)
	if err != nil {
		return answer{}, err
	}
	p, kind, err := a.svc.Profile(ctx, c, r.PathValue("app"), user, lang)
	if err != nil {
		return answer{}, err
	}
	return answer{body: api.Profile{
		App: r.PathValue("app"), OpenID: p.OpenID, UnionID: p.UnionID, Nickname: p.Nickname, Sex: p.Sex,
		Province: p.Province, City: p.City, Country: p.Country, Portrait: p.Portrait, Privilege: p.Privilege,
		Kind: string(kind), TokenKind: api.TokenOfUser,
	}}, nil
}

func (a *API) getSubscription(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	user, lang, err := userAndLanguage(r)
	if err != nil {
		return answer{}, err
	}
	s, err := a.svc.Subscription(ctx, c, r.PathValue("app"), user, lang)
	if err != nil {
		return answer{}, err
	}
	return answer{body: api.Subscription{
		App: r.PathValue("app"), OpenID: user, UnionID: s.UnionID, Subscribed: s.Subscribed, SubscribedAt: utc(s.SubscribedAt), Language: s.Language,
		Remark: s.Remark, GroupID: s.GroupID, Tags: s.Tags, Scene: s.Scene, QRScene: s.QRScene, QRSceneText: s.QRSceneText,
		TokenKind: api.TokenOfApp,
	}}, nil
}

// openID reads the open id of a path. The error does not repeat it: it may be anything.
func openID(r *http.Request) (string, error) {
	s := r.PathValue("openid")
	if !validOpenID(s) {
		return "", invalid("the open id: want 1 to %d letters, digits, - and _", broker.MaxOpenID)
	}
	return s, nil
}

func validOpenID(s string) bool {
	return s != "" && len(s) <= broker.MaxOpenID && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
}

// plain reports whether s is printable ASCII without spaces, and neither empty nor longer
// than most.
func plain(s string, most int) bool {
	return s != "" && len(s) <= most && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

func userAndLanguage(r *http.Request) (user, lang string, err error) {
	q := r.URL.Query()
	if err := onlyParams(q, "lang"); err != nil {
		return "", "", err
	}
	if user, err = openID(r); err != nil {
		return "", "", err
	}
	lang, err = languageParam(q)
	return user, lang, err
}

func languageParam(q url.Values) (string, error) {
	lang := q.Get("lang")
	if lang != "" && !slices.Contains([]string{"zh_CN", "zh_TW", "en"}, lang) {
		return "", invalid("lang=%.40q: want zh_CN, zh_TW or en", lang)
	}
	return lang, nil
}

func userOf(u broker.User) api.User {
	return api.User{
		App: u.Key.App, OpenID: u.Key.Subject, UnionID: u.UnionID, Scope: u.Scope, Kind: string(u.Key.Kind), SnapshotUser: u.Snapshot,
	}
}

func grantsOf(list []broker.GrantState) api.Grants {
	out := api.Grants{Grants: make([]api.Grant, len(list))}
	for i, g := range list {
		out.Grants[i] = api.Grant{
			User: userOf(g.User), Version: int64(g.Token), Authorized: utc(g.Authorized), Expiry: utc(g.Expiry), Deadline: utc(g.Deadline), Ended: utc(g.Ended),
			Problem: problemOf(g.Failure),
		}
	}
	return out
}
