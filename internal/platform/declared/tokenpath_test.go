package declared_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

const key = "hufu_0123456789abcdef.shop"

// tokenPath finds a token path by its name.
func tokenPath(t testing.TB, d declared.Definition, name string) broker.TokenPath {
	t.Helper()
	for _, p := range build(t, d, nil).TokenPaths {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no token path %s", name)
	return broker.TokenPath{}
}

func TestTokenPathsAreThoseOfTheDescription(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]declared.Definition{
		"token POST /v2/{param.tenant}/Token, ticket GET /old/ticket": modern(), "token POST /oauth/token": standard(), "token POST /2.0/token": plain(),
	} {
		var got []string
		for _, p := range build(t, d, nil).TokenPaths {
			got = append(got, p.Name+" "+p.Method+" "+p.Path)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s has the paths %s", d.Name, got)
		}
	}
}

// hinted is an error that says what is wanted.
func hinted(err *broker.Error, hint string) *broker.Error {
	e := *err
	e.Hint = hint
	return &e
}

func same(a, b *broker.Error) bool {
	return a == b || a != nil && b != nil && a.Code == b.Code && a.Hint == b.Hint
}

func TestWhatACallerOfATokenPathShows(t *testing.T) {
	t.Parallel()
	const form, asJSON = "application/x-www-form-urlencoded", "application/json; charset=utf-8"
	secret := broker.NewSecret
	ofModern := func(wrong *broker.Error) broker.Asked {
		return broker.Asked{Kind: broker.AccessToken, AppID: "wx1", Key: secret(key), Params: map[string]string{"tenant": "T-7"}, Wrong: wrong}
	}
	ofStandard := broker.Asked{Kind: broker.AccessToken, AppID: "wx1", Key: secret(key)}
	ticket := broker.Asked{Kind: broker.JSAPITicket, ByToken: true, Token: secret("T")}
	for name, tt := range map[string]struct {
		path, target, contentType, body string
		basic                           bool
		d                               declared.Definition
		want                            broker.Asked
		err                             *broker.Error
	}{
		"as we ask":            {"token", "/v2/T-7/token", asJSON, `{"app":"wx1","key":"` + key + `","grant_type":"client"}`, false, modern(), ofModern(nil), nil},
		"not plainly":          {"token", "//v2/T-7/Token/", asJSON, `{"app":"wx1","key":"` + key + `","grant_type":"client"}`, false, modern(), ofModern(nil), nil},
		"as a form":            {"token", "/v2/T-7/token", form, `app=wx1&key=` + key + `&grant_type=client`, false, modern(), ofModern(nil), nil},
		"JSON without a type":  {"token", "/v2/T-7/token", "", "\xef\xbb\xbf" + ` {"app":"wx1","key":"` + key + `","grant_type":"client"}`, false, modern(), ofModern(nil), nil},
		"another grant":        {"token", "/v2/T-7/token", asJSON, `{"app":"wx1","key":"` + key + `","grant_type":"Client"}`, false, modern(), ofModern(hinted(broker.ErrBadGrant, "grant_type: want client")), nil},
		"no grant":             {"token", "/v2/T-7/token", asJSON, `{"app":"wx1","key":"` + key + `"}`, false, modern(), ofModern(hinted(broker.ErrBadGrant, "grant_type: want client")), nil},
		"a number for an id":   {"token", "/v2/t/token", asJSON, `{"app":1000002,"grant_type":"client"}`, false, modern(), broker.Asked{Kind: broker.AccessToken, AppID: "1000002", Params: map[string]string{"tenant": "t"}}, nil},
		"an object for an id":  {"token", "/v2/t/token", asJSON, `{"app":{},"grant_type":"client"}`, false, modern(), broker.Asked{Kind: broker.AccessToken, Params: map[string]string{"tenant": "t"}}, nil},
		"nothing":              {"token", "/v2/t/token", asJSON, " \n", false, modern(), broker.Asked{}, broker.ErrEmptyBody},
		"a broken object":      {"token", "/v2/t/token", asJSON, `{"app":`, false, modern(), broker.Asked{}, broker.ErrBadBody},
		"a list":               {"token", "/v2/t/token", asJSON, `[]`, false, modern(), broker.Asked{}, broker.ErrBadBody},
		"a form without type":  {"token", "/v2/t/token", "text/plain", `app=wx1`, false, modern(), broker.Asked{}, broker.ErrBadBody},
		"a broken form":        {"token", "/v2/t/token", form, `app=%zz`, false, modern(), broker.Asked{}, broker.ErrBadBody},
		"a region":             {"token", "/v2/t/token", asJSON, `{"grant_type":"client"}`, true, modern(), broker.Asked{Kind: broker.AccessToken, Params: map[string]string{"tenant": "t", "region": "eu"}}, nil},
		"Basic":                {"token", "/oauth/token", form, "grant_type=client_credentials", true, standard(), ofStandard, nil},
		"in the form":          {"token", "/oauth/token", form, "grant_type=client_credentials&client_id=wx1&client_secret=" + key, false, standard(), ofStandard, nil},
		"in JSON":              {"token", "/oauth/token", asJSON, `{"grant_type":"client_credentials","client_id":"wx1","client_secret":"` + key + `"}`, false, standard(), ofStandard, nil},
		"in the query":         {"token", "/2.0/token?grant_type=client_credentials&client_id=wx1&client_secret=" + key, "", "", false, plain(), ofStandard, nil},
		"a form for the query": {"token", "/2.0/token", form, "grant_type=client_credentials&client_id=wx1&client_secret=" + key, false, plain(), ofStandard, nil},
		"Basic for the query":  {"token", "/2.0/token?grant_type=client_credentials", "", "", true, plain(), ofStandard, nil},
		"one ticket":           {"ticket", "/old/ticket?type=js&access_token=T", "", "", false, modern(), ticket, nil},
		"another ticket":       {"ticket", "/old/ticket?type=card&access_token=T", "", "", false, modern(), broker.Asked{Kind: "card_ticket", ByToken: true, Token: secret("T")}, nil},
		"no such ticket":       {"ticket", "/old/ticket?type=JS&access_token=T", "", "", false, modern(), broker.Asked{Kind: broker.JSAPITicket, ByToken: true, Token: secret("T"), Wrong: hinted(broker.ErrBadArgument, "type: want js or card")}, nil},
		"no ticket by name":    {"ticket", "/old/ticket?access_token=T", "", "", false, modern(), broker.Asked{Kind: broker.JSAPITicket, ByToken: true, Token: secret("T"), Wrong: hinted(broker.ErrBadArgument, "type: want js or card")}, nil},
		"no token":             {"ticket", "/old/ticket?type=js", "", "", false, modern(), broker.Asked{Kind: broker.JSAPITicket, ByToken: true}, nil},
	} {
		p := tokenPath(t, tt.d, tt.path)
		r := httptest.NewRequest(p.Method, tt.target, nil)
		if tt.contentType != "" {
			r.Header.Set("Content-Type", tt.contentType)
		}
		if tt.basic {
			r.SetBasicAuth("wx1", key)
			r.Header.Set("X-Region", "eu")
		}
		got, err := p.Ask(r, []byte(tt.body))
		if err != tt.err || got.Key.Reveal() != tt.want.Key.Reveal() || got.Token.Reveal() != tt.want.Token.Reveal() || !same(got.Wrong, tt.want.Wrong) {
			t.Errorf("%s: %v; key %q, token %q, wrong: %v", name, err, got.Key.Reveal(), got.Token.Reveal(), got.Wrong)
		}
		got.Key, got.Token, got.Wrong, tt.want.Key, tt.want.Token, tt.want.Wrong = broker.Secret{}, broker.Secret{}, nil, broker.Secret{}, broker.Secret{}, nil
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestATokenIsGivenAsThePlatformGivesIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		d          declared.Definition
		name, want string
	}{
		{modern(), "token", `{"code":0,"data":{"type":"1","token":"T\"1","ttl":42},"msg":"ok"}`},
		{modern(), "ticket", `{"ticket":"T\"1","expires":42}`},
		{standard(), "token", `{"token_type":"Bearer","access_token":"T\"1","expires_in":42}`},
		{plain(), "token", `{"access_token":"T\"1"}`},
	} {
		p := tokenPath(t, tt.d, tt.name)
		if got := string(p.Answer([]byte(">"), `T"1`, 42)); got != ">"+tt.want {
			t.Errorf("%s answers %s, want %s", tt.d.Name, got, tt.want)
		}
	}
}

// A token path takes only the token where the surface has it, and a ticket's path no secret.
func TestATicketIsNotGivenForASecret(t *testing.T) {
	t.Parallel()
	p := tokenPath(t, modern(), "ticket")
	r := httptest.NewRequest(http.MethodGet, "/old/ticket?type=js&appid=wx1&secret="+key, nil)
	r.Header.Set("Authorization", "Bearer T")
	if got, err := p.Ask(r, nil); err != nil || !got.ByToken || !got.Token.IsZero() || !got.Key.IsZero() {
		t.Errorf("shows the token %q and the key %q, %v", got.Token.Reveal(), got.Key.Reveal(), err)
	}
}
