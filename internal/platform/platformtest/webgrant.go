package platformtest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

func (k web) scopes(t *testing.T) {
	t.Parallel()
	w := k.h.New(platform.NewCaller(nil)).Web
	kinds := map[broker.Kind]bool{}
	for _, scope := range w.Scopes() {
		kind := w.KindOf(scope)
		if kind == "" || kinds[kind] {
			t.Errorf("I8: the scope %s has the kind %q, which is none or another's", scope, kind)
		}
		kinds[kind] = true
		for _, other := range []broker.Kind{broker.AccessToken, broker.JSAPITicket, broker.WxCardTicket, broker.SessionKey} {
			if kind == other {
				t.Errorf("I8: the scope %s has the kind %s", scope, kind)
			}
		}
	}
	if len(kinds) == 0 || w.KindOf("no-such-scope") != "" || w.KindOf("") != "" {
		t.Error("there is no scope, or there is one that there is not")
	}
}

func (k web) authorizes(t *testing.T) {
	t.Parallel()
	w := k.h.New(platform.NewCaller(nil)).Web
	const callback, state = "https://hufu.test/oauth/shop/callback?a=1&b=%20+", "0123456789abcdefABCDEF"
	own := broker.AuthorizeRequest{App: k.app(""), Callback: callback, State: state}
	moved := own
	moved.App = k.app("")
	moved.App.Login = &broker.Login{AuthorizeURL: "http://127.0.0.1:8090/wechat"}
	for _, scope := range w.Scopes() {
		own.Scope, moved.Scope = scope, scope
		for r, begins := range map[*broker.AuthorizeRequest]string{&own: "https://", &moved: moved.App.Login.AuthorizeURL + "/"} {
			page, err := w.AuthorizeURL(*r)
			if err != nil {
				t.Errorf("%s: %v", scope, err)
				continue
			}
			u, err := url.Parse(page)
			if err != nil || !strings.HasPrefix(page, begins) {
				t.Errorf("%s: %s, %v; want one that begins with %s", scope, page, err, begins)
				continue
			}
			for name, want := range map[string]string{"redirect_uri": callback, "state": state, "scope": scope} {
				if got := u.Query()[name]; !slices.Equal(got, []string{want}) {
					t.Errorf("%s: %s is %q in %s", scope, name, got, page)
				}
			}
			if strings.Contains(page, k.h.App.Secrets[0].Reveal()) {
				t.Errorf("I6: a browser gets to see the secret: %s", page)
			}
		}
	}
	for name, spoil := range map[string]func(*broker.AuthorizeRequest){
		"no scope": func(r *broker.AuthorizeRequest) { r.Scope = "" }, "no such scope": func(r *broker.AuthorizeRequest) { r.Scope = "a&b=c" },
		"no state": func(r *broker.AuthorizeRequest) { r.State = "" }, "another state": func(r *broker.AuthorizeRequest) { r.State = "a&b" },
		"a long state": func(r *broker.AuthorizeRequest) { r.State = strings.Repeat("a", 129) },
		"no callback":  func(r *broker.AuthorizeRequest) { r.Callback = "" },
		"no app id":    func(r *broker.AuthorizeRequest) { r.App.AppID = "" },
		"a page with a query": func(r *broker.AuthorizeRequest) {
			r.App.Login = &broker.Login{AuthorizeURL: "https://a.test/?b=c"}
		},
		"no page": func(r *broker.AuthorizeRequest) { r.App.Login = &broker.Login{AuthorizeURL: "javascript:alert(1)"} },
	} {
		r := broker.AuthorizeRequest{App: k.app(""), Scope: k.wanted(), Callback: callback, State: state}
		spoil(&r)
		page, err := w.AuthorizeURL(r)
		if err == nil || page != "" {
			t.Errorf("%s: a browser is sent to %s", name, page)
		}
		keepsSecrets(t, err, []string{k.h.App.Secrets[0].Reveal()})
	}
}

// both are the calls that give a user's tokens.
func (k web) both() map[string]func(context.Context, http.RoundTripper, string) (broker.Granted, error) {
	return map[string]func(context.Context, http.RoundTripper, string) (broker.Granted, error){"exchange": k.exchange, "refresh": k.refresh}
}

func (k web) readsLifetimes(t *testing.T) {
	t.Parallel()
	for name, ask := range k.both() {
		for lifetime, want := range map[string]time.Duration{
			"300": 5 * time.Minute, `"7200"`: 2 * time.Hour, "7200.0": 2 * time.Hour,
			"99999999999999999999": 30 * 24 * time.Hour, "31536000": 30 * 24 * time.Hour,
			"": 0, "0": 0, "-1": 0, "null": 0, `""`: 0, `"soon"`: 0, "[]": 0,
		} {
			tokens := k.tokens()
			tokens.Lifetime = lifetime
			got, err := ask(t.Context(), &script{answers: []answer{says(http.StatusOK, k.h.Tokens(tokens))}}, host)
			if got.Lifetime != want || (err != nil) != (want == 0) {
				t.Errorf("%s: a lifetime of %q is read as %v, %v; want %v", name, lifetime, got.Lifetime, err, want)
			}
			keepsSecrets(t, err, []string{loginCode, userAccess, userRefresh})
			if want == 0 {
				expect(t, err, broker.Error{Code: platform.CodeGarbage, Class: broker.Transient, Unknown: true})
			}
		}
	}
}

func (k web) readsGrants(t *testing.T) {
	t.Parallel()
	w := k.h.New(platform.NewCaller(nil)).Web
	narrowest := w.KindOf(w.Scopes()[0])
	for name, ask := range k.both() {
		for what, tt := range map[string]struct {
			change func(*UserTokens)
			kind   broker.Kind
			fails  bool
		}{
			"all of it":         {func(*UserTokens) {}, w.KindOf(k.wanted()), false},
			"the narrowest":     {func(u *UserTokens) { u.Scope = w.Scopes()[0] }, narrowest, false},
			"no user":           {func(u *UserTokens) { u.OpenID = "" }, "", true},
			"an odd user":       {func(u *UserTokens) { u.OpenID = "two words" }, "", true},
			"a huge user":       {func(u *UserTokens) { u.OpenID = strings.Repeat("o", 10<<10) }, "", true},
			"no access token":   {func(u *UserTokens) { u.Access = "" }, "", true},
			"an odd token":      {func(u *UserTokens) { u.Access = "two words" }, "", true},
			"an odd refresh":    {func(u *UserTokens) { u.Refresh = "two\nlines" }, "", true},
			"a huge refresh":    {func(u *UserTokens) { u.Refresh = strings.Repeat("r", 10<<10) }, "", true},
			"a huge scope":      {func(u *UserTokens) { u.Scope = strings.Repeat("s", 10<<10) }, "", true},
			"a huge everything": {func(u *UserTokens) { u.Scope = strings.Repeat("s", 2<<20) }, "", true},
		} {
			tokens := k.tokens()
			tt.change(&tokens)
			s := &script{answers: []answer{says(http.StatusOK, k.h.Tokens(tokens))}}
			got, err := ask(t.Context(), s, host)
			keepsSecrets(t, err, []string{loginCode, userAccess, userRefresh})
			if tt.fails {
				expect(t, err, broker.Error{Code: platform.CodeGarbage, Class: broker.Transient, Unknown: true})
				continue
			}
			if err != nil || got.Kind != tt.kind || got.OpenID != k.h.User || got.Scope != tokens.Scope ||
				got.Access.Reveal() != userAccess || got.Refresh.Reveal() != userRefresh || got.RefreshLifetime <= 0 {
				t.Errorf("%s, %s: %+v, %v; want the kind %s", name, what, got, err, tt.kind)
			}
		}
		// What is not said is not made up: an exchange has the least, a refresh what was there.
		tokens := k.tokens()
		tokens.Scope, tokens.Refresh = "", ""
		got, err := ask(t.Context(), &script{answers: []answer{says(http.StatusOK, k.h.Tokens(tokens))}}, host)
		if err != nil {
			t.Errorf("%s without a scope and a refresh token: %v", name, err)
			continue
		}
		kind, refresh := narrowest, ""
		if name == "refresh" {
			kind, refresh = k.key().Kind, userRefresh
		}
		if got.Kind != kind || got.Refresh.Reveal() != refresh || (got.RefreshLifetime > 0) != (refresh != "") {
			t.Errorf("%s without a scope and a refresh token: %+v, with the refresh token %q", name, got, got.Refresh.Reveal())
		}
	}
}

func (k web) keepsUsersApart(t *testing.T) {
	t.Parallel()
	another := k.tokens()
	another.OpenID = otherUser
	k.h.Refresh.Another = k.h.Tokens(another)
	for name, p := range k.probes() {
		body := k.call(name).Another
		if name == "exchange" || name == "session" || name == "check" {
			continue // who it is, is what these ask; or they say nothing of anybody
		}
		if body == "" {
			t.Errorf("%s: no answer about another user is described", name)
			continue
		}
		given, err := p.askScript(t, &script{answers: []answer{says(http.StatusOK, body)}})
		if e := broker.AsError(err); given || err == nil || e.Code == platform.CodeGarbage || e.Class == broker.Denied || e.Hint == "" {
			t.Errorf("I8: %s takes what belongs to another user: %v, %v", name, given, err)
		}
	}
}

// tellsEnds: a refresh is the one call whose refusal may cost a user's tokens.
func (k web) tellsEnds(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, r := range k.h.Refresh.Refusals {
		_, err := k.refresh(t.Context(), &script{answers: []answer{k.refuses(r.Code, "no")}}, host)
		ended := slices.Contains(k.h.Ended, r.Code)
		if errors.Is(err, broker.ErrGrantEnded) != ended || (broker.AsError(err).Class == broker.Denied) != ended {
			t.Errorf("code %s ends the grant, want %v: %v", r.Code, ended, err)
		}
		if ended {
			seen++
		}
	}
	if seen != len(k.h.Ended) {
		t.Errorf("of the codes %q only %d are described", k.h.Ended, seen)
	}
}

func (k web) tellsRejections(t *testing.T) {
	t.Parallel()
	for _, r := range k.h.Profile.Refusals {
		_, err := k.profile(t.Context(), &script{answers: []answer{k.refuses(r.Code, "no")}}, host)
		if errors.Is(err, broker.ErrUserTokenRejected) != slices.Contains(k.h.Rejected, r.Code) {
			t.Errorf("code %s: %v; want a rejected token at %q only", r.Code, err, k.h.Rejected)
		}
		if errors.Is(err, broker.ErrScopeLacking) != slices.Contains(k.h.Lacking, r.Code) {
			t.Errorf("code %s: %v; want a scope that lacks at %q only", r.Code, err, k.h.Lacking)
		}
	}
	// Of the app's own token the same codes say nothing about a user's (I8).
	for _, r := range k.h.Subscription.Refusals {
		_, err := k.subscription(t.Context(), &script{answers: []answer{k.refuses(r.Code, "no")}}, host)
		if errors.Is(err, broker.ErrUserTokenRejected) || errors.Is(err, broker.ErrScopeLacking) {
			t.Errorf("I8: code %s of the app's token is taken for a user's: %v", r.Code, err)
		}
		if errors.Is(err, broker.ErrRejected) != slices.Contains(k.h.AppRejected, r.Code) {
			t.Errorf("code %s: %v; want a rejected token of the app at %q only", r.Code, err, k.h.AppRejected)
		}
	}
}

func (k web) checks(t *testing.T) {
	t.Parallel()
	for code, want := range k.h.Verdicts {
		got, err := k.check(t.Context(), &script{answers: []answer{k.refuses(code, userAccess)}}, host)
		if got != want || err != nil {
			t.Errorf("code %s: verdict %d, %v; want %d", code, got, err, want)
		}
	}
	got, err := k.check(t.Context(), &script{answers: []answer{says(http.StatusOK, k.h.Check.Whole)}}, host)
	if got != broker.VerdictOK || err != nil {
		t.Errorf("a good token: verdict %d, %v", got, err)
	}
}
