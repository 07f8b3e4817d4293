package declared_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// What an app lacks is told before anything leaves, so that the outcome is known.
func TestAnAppThatLacksSomethingAsksNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil func(*broker.App, *broker.IssueRequest)
		want  string
	}{
		"no id":                      {func(a *broker.App, _ *broker.IssueRequest) { a.AppID = "" }, "app_id_missing"},
		"no secret":                  {func(_ *broker.App, r *broker.IssueRequest) { r.Secret = broker.Secret{} }, "secret_missing"},
		"no parameter":               {func(a *broker.App, _ *broker.IssueRequest) { a.Params = nil }, "param_missing"},
		"a parameter that leads up":  {func(a *broker.App, _ *broker.IssueRequest) { a.Params = map[string]string{"tenant": ".."} }, "param_missing"},
		"a parameter that is a path": {func(a *broker.App, _ *broker.IssueRequest) { a.Params = map[string]string{"tenant": "."} }, "param_missing"},
	} {
		s := &server{answers: []string{`200 {"code":0,"data":{"token":"T"}}`}}
		app := testApp(modern())
		req := request(app, broker.AccessToken)
		tt.spoil(app, &req)
		_, err := build(t, modern(), s).Kinds("")[broker.AccessToken].Issuer.Issue(t.Context(), req)
		if e := broker.AsError(err); err == nil || e.Code != tt.want || e.Unknown || e.Class != broker.Misconfigured || e.Hint == "" || len(s.seen) > 0 {
			t.Errorf("%s: %v (%s) after %d requests, want %s", name, err, e.Code, len(s.seen), tt.want)
		}
	}
}

// tokens are those of a fake that has one for each kind, and counts what was renewed.
type tokens struct{ renewed []broker.Version }

func (f *tokens) Token(_ context.Context, k broker.Key) (broker.Token, error) {
	return broker.Token{Key: k, Secret: broker.NewSecret("token-of-" + string(k.Kind)), Version: 7}, nil
}

func (f *tokens) Renew(ctx context.Context, k broker.Key, stale broker.Version) (broker.Token, error) {
	f.renewed = append(f.renewed, stale)
	return f.Token(ctx, k)
}

func TestATicketIsAskedForWithItsTokenWhereItsSurfaceIs(t *testing.T) {
	t.Parallel()
	s, f := &server{answers: []string{`200 {"errcode":88,"sub_code":"88.1","errmsg":"old"}`, `200 {"errcode":0,"ticket":"K","expires":60}`}}, &tokens{}
	app := testApp(modern())
	got, err := build(t, modern(), s).Kinds("")["card_ticket"].Issuer.Issue(t.Context(), broker.IssueRequest{App: app, Key: broker.Key{App: app.ID, Kind: "card_ticket"}, Tokens: f})
	if err != nil || got.Token.Reveal() != "K" || len(f.renewed) != 1 || f.renewed[0] != 7 {
		t.Errorf("%v, renewed %v", err, f.renewed)
	}
	for _, r := range s.seen {
		if r.URL.String() != "https://old.modern.test/old/ticket?access_token=token-of-access_token&type=card" {
			t.Errorf("asked %s", r.URL)
		}
	}
	if build(t, modern(), s).Kinds("")["card_ticket"].Derived != true {
		t.Error("a ticket is said to come of the app secret")
	}
}

func TestAHintNamesTheAddressThatThePlatformRefused(t *testing.T) {
	t.Parallel()
	for msg, want := range map[string]string{
		"not allow to access from your ip, from ip: 111.227.254.169, more info at https://x.test/e=60020": "list 111.227.254.169",
		"invalid ip ::ffff:116.25.45.231.": "list 116.25.45.231",
		"2026-11-30 10:20:30 face 1.2.3":   "list this server's public address",
		"":                                 "list this server's public address",
	} {
		s := &server{answers: []string{`200 {"code":4030,"msg":"` + msg + `"}`}}
		_, err := build(t, modern(), s).Kinds("")[broker.AccessToken].Issuer.Issue(t.Context(), request(testApp(modern()), broker.AccessToken))
		if e := broker.AsError(err); e.Hint != want || !strings.HasSuffix(e.PlatformMessage, "(X-Trace tr-1)") {
			t.Errorf("%q: hint %q, message %q", msg, e.Hint, e.PlatformMessage)
		}
	}
}

func TestOnlyWhatACallTakesIsChecked(t *testing.T) {
	t.Parallel()
	for kind, src := range build(t, modern(), nil).Kinds("") {
		if _, checks := src.Issuer.(broker.Checker); checks != (kind == broker.AccessToken) {
			t.Errorf("%s can be checked: %v", kind, checks)
		}
	}
	d := modern()
	d.Kinds = map[string]broker.Kind{"/v2/me": broker.JSAPITicket, "/v2/*": broker.AccessToken}
	if _, checks := build(t, d, nil).Kinds("")[broker.AccessToken].Issuer.(broker.Checker); checks {
		t.Error("a token is checked by a call that another opens")
	}
	s := &server{answers: []string{`200 {"code":0}`}}
	app := testApp(modern())
	c, _ := build(t, modern(), s).Kinds("")[broker.AccessToken].Issuer.(broker.Checker)
	if v, err := c.Check(t.Context(), app, broker.NewSecret("T")); v != broker.VerdictOK || err != nil {
		t.Errorf("verdict %d, %v", v, err)
	}
	if r := s.seen[0]; r.URL.String() != "https://api.modern.test/v2/me?app=the-app" || r.Header.Get("Authorization") != "Bearer T" {
		t.Errorf("asked %s with %v", r.URL, r.Header)
	}
}
