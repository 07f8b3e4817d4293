package platformtest

import (
	"context"
	"net/http"
	"reflect"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// WebHarness describes how users log in at a platform to the contract of
// [broker.WebAuthorization] and of [broker.MiniProgram].
type WebHarness struct {
	// New makes the platform, as the server does.
	New func(*platform.Caller) broker.Platform
	// App is a registration with one secret, as the platform would give it out. Its base
	// URL and login are set by the contract.
	App broker.App
	// User is an open id, as the platform would give it out.
	User string
	// Tokens is the body in which the platform gives a user's tokens.
	Tokens func(UserTokens) string
	// Refuse is the body in which the platform says no, with the status RefuseStatus, of
	// which zero means 200.
	Refuse       func(code, message string) string
	RefuseStatus int
	// The calls. Those without a Whole are left out.
	Exchange, Refresh, Check, Profile, Subscription, Session WebCall
	Ended                                                    []string // codes with which a refresh says that the grant has ended
	Rejected                                                 []string // codes with which a profile says that the user's token is not good
	Lacking                                                  []string // codes with which it says that the grant does not reach so far
	AppRejected                                              []string // codes with which a subscription says that the app's token is not good
	// Verdicts are the codes that tell a check something; they are not among its refusals.
	Verdicts map[string]broker.Verdict
}

// UserTokens are what a platform gives for a login. What is empty is left out.
type UserTokens struct {
	Access, Refresh string
	Lifetime        string // JSON, such as 7200 or "7200"
	OpenID, Scope   string
}

// WebCall is one call of a login.
type WebCall struct {
	// Whole is the body in which the platform says yes, about the harness's user. For
	// Exchange and Refresh it is made by Tokens.
	Whole string
	// Another is the same about another user.
	Another string
	// Odd are bodies that make no sense as an answer.
	Odd map[string]string
	// Refusals has every documented code and what is to become of it.
	Refusals []Refusal
}

// What goes into the calls of logins, and may not come out in an error. They are written
// differently in a URL.
const (
	loginCode   = "033NN2l22Y2H9Y0VeTl22NX0l22NN2l+/="
	userAccess  = "83_the-access-token/of+this-user=="
	userRefresh = "83_the-refresh-token/of+this-user=="
	otherUser   = "o-somebody-else"
)

// Web holds a platform's logins to their contracts.
func Web(t *testing.T, h WebHarness) {
	t.Helper()
	k := web{h: h}
	t.Run("the description is complete", k.complete)
	t.Run("knows its scopes", k.scopes)
	t.Run("sends browsers to the platform's pages", k.authorizes)
	t.Run("reads lifetimes", k.readsLifetimes)
	t.Run("reads who granted what", k.readsGrants)
	t.Run("takes nothing of another user", k.keepsUsersApart)
	t.Run("tells grants that have ended", k.tellsEnds)
	t.Run("tells users' tokens that are not good", k.tellsRejections)
	t.Run("checks", k.checks)
	for name, p := range k.probes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("says what it is given", func(t *testing.T) { t.Parallel(); p.succeeds(t) })
			t.Run("refuses by code", func(t *testing.T) {
				t.Parallel()
				p.refusedBy(t, k.call(name).Refusals, func(string) int { return 1 })
			})
			p.run(t)
		})
	}
}

type web struct{ h WebHarness }

func (k web) call(name string) WebCall {
	return map[string]WebCall{
		"exchange": k.h.Exchange, "refresh": k.h.Refresh, "check": k.h.Check, "profile": k.h.Profile,
		"subscription": k.h.Subscription, "session": k.h.Session,
	}[name]
}

func (k web) complete(t *testing.T) {
	t.Parallel()
	p := k.h.New(platform.NewCaller(nil))
	if p.Web == nil || (p.Mini == nil) != (k.h.Session.Whole == "") {
		t.Fatal("the platform has no logins, or mini programs that are not described")
	}
	for name := range k.probes() {
		if len(k.call(name).Refusals) == 0 {
			t.Errorf("%s: no code is described", name)
		}
	}
	if len(k.h.Ended) == 0 || len(k.h.Rejected) == 0 || len(k.h.Lacking) == 0 || len(k.h.Verdicts) == 0 {
		t.Error("no code is described of an end, a rejection, a scope that lacks or a check")
	}
}

// tokens are those that a platform gives for a login of the user.
func (k web) tokens() UserTokens {
	return UserTokens{Access: userAccess, Refresh: userRefresh, Lifetime: "7200", OpenID: k.h.User, Scope: k.wanted()}
}

// wanted is the widest scope.
func (k web) wanted() string {
	all := k.h.New(platform.NewCaller(nil)).Web.Scopes()
	return all[len(all)-1]
}

func (k web) app(baseURL string) *broker.App {
	a := k.h.App
	a.BaseURL = baseURL
	return &a
}

func (k web) key() broker.Key {
	return broker.Key{App: k.h.App.ID, Kind: broker.Kind(k.wanted()), Subject: k.h.User}
}

// refuses says no in the platform's form.
func (k web) refuses(code, message string) answer {
	status := k.h.RefuseStatus
	if status == 0 {
		status = http.StatusOK
	}
	return says(status, k.h.Refuse(code, message))
}

func (k web) exchange(ctx context.Context, rt http.RoundTripper, baseURL string) (broker.Granted, error) {
	app := k.app(baseURL)
	return k.h.New(platform.NewCaller(rt)).Web.Exchange(ctx, app, app.Secrets[0], broker.NewSecret(loginCode))
}

func (k web) refresh(ctx context.Context, rt http.RoundTripper, baseURL string) (broker.Granted, error) {
	return k.h.New(platform.NewCaller(rt)).Web.Refresh(ctx, k.app(baseURL), k.key(), broker.NewSecret(userRefresh))
}

func (k web) check(ctx context.Context, rt http.RoundTripper, baseURL string) (broker.Verdict, error) {
	return k.h.New(platform.NewCaller(rt)).Web.CheckUser(ctx, k.app(baseURL), k.h.User, broker.NewSecret(userAccess))
}

func (k web) profile(ctx context.Context, rt http.RoundTripper, baseURL string) (broker.Profile, error) {
	return k.h.New(platform.NewCaller(rt)).Web.Profile(ctx, k.app(baseURL), k.h.User, broker.NewSecret(userAccess), "en")
}

func (k web) subscription(ctx context.Context, rt http.RoundTripper, baseURL string) (broker.Subscription, error) {
	return k.h.New(platform.NewCaller(rt)).Web.Subscription(ctx, k.app(baseURL), k.h.User, broker.NewSecret(accessToken), "en")
}

func (k web) session(ctx context.Context, rt http.RoundTripper, baseURL string) (broker.Session, error) {
	app := k.app(baseURL)
	return k.h.New(platform.NewCaller(rt)).Mini.Session(ctx, app, app.Secrets[0], broker.NewSecret(loginCode))
}

// probes are the calls that the platform has.
func (k web) probes() map[string]probe {
	k.h.Exchange.Whole, k.h.Refresh.Whole = k.h.Tokens(k.tokens()), k.h.Tokens(k.tokens())
	all := map[string]probe{}
	add(all, k, "exchange", false, k.exchange)
	add(all, k, "refresh", false, k.refresh)
	add(all, k, "check", true, k.check)
	add(all, k, "profile", true, k.profile)
	add(all, k, "subscription", true, k.subscription)
	add(all, k, "session", false, k.session)
	return all
}

func add[T any](all map[string]probe, k web, name string, settled bool, ask func(context.Context, http.RoundTripper, string) (T, error)) {
	c := k.call(name)
	if c.Whole == "" {
		return
	}
	all[name] = probe{
		whole: c.Whole, odd: c.Odd, settled: settled, refuses: k.refuses,
		secrets: []string{k.h.App.Secrets[0].Reveal(), loginCode, userAccess, userRefresh, accessToken},
		ask: func(ctx context.Context, rt http.RoundTripper, baseURL string) (bool, error) {
			got, err := ask(ctx, rt, baseURL)
			return !reflect.ValueOf(got).IsZero(), err
		},
	}
}

// succeeds is the happy end.
func (p probe) succeeds(t *testing.T) {
	t.Helper()
	s := &script{answers: []answer{says(http.StatusOK, p.whole)}}
	if given, err := p.askScript(t, s); err != nil || !given {
		t.Errorf("gave something: %v, %v", given, err)
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("one call made %d requests: %q", n, s.requests())
	}
}
