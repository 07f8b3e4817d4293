package declared_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Where refusals are told by the status, a success may have anything in the place of a code.
func TestByStatusACodeInASuccessSaysNothing(t *testing.T) {
	t.Parallel()
	s := &server{answers: []string{`200 {"error":"invalid_client","access_token":"` + given + `","expires_in":60}`}}
	got, err := build(t, standard(), s).Kinds("")[broker.AccessToken].Issuer.Issue(t.Context(), request(testApp(standard()), broker.AccessToken))
	if err != nil || got.Token.Reveal() != given {
		t.Errorf("%v", err)
	}
}

func TestWhatAnAppDoesNotHaveIsLeftOut(t *testing.T) {
	t.Parallel()
	s := &server{answers: []string{`200 {"code":0,"data":{"token":"` + given + `"}}`}}
	if _, err := build(t, modern(), s).Kinds("")[broker.AccessToken].Issuer.Issue(t.Context(), request(testApp(modern()), broker.AccessToken)); err != nil {
		t.Fatal(err)
	}
	if vs, there := s.seen[0].Header["X-Region"]; there {
		t.Errorf("sent %q for a parameter that the app does not have", vs)
	}
}

func TestAWordMayHaveAStatusOfItsOwn(t *testing.T) {
	t.Parallel()
	d := standard()
	d.Words["unauthorized"] = declared.Word{Code: "0123", Status: http.StatusUnauthorized}
	x := build(t, d, nil).Upstream.Refuse("/things", broker.ErrUnauthorized, "")
	if want := `{"error":"0123","error_description":"(unauthorized): ` + broker.ErrUnauthorized.Message + `"}`; x.Status != http.StatusUnauthorized || string(x.Body) != want {
		t.Errorf("%d %s, want %s", x.Status, x.Body, want)
	}
}

func TestAWordMayHaveFurtherFields(t *testing.T) {
	t.Parallel()
	d := standard()
	d.Words["unauthorized"] = declared.Word{Code: "x", Extra: map[string]string{"b.c": "1", "a": `say "no"`}}
	x := build(t, d, nil).Upstream.Refuse("/things", broker.ErrUnauthorized, "")
	if want := `{"error":"x","error_description":"(unauthorized): ` + broker.ErrUnauthorized.Message + `","a":"say \"no\"","b":{"c":"1"}}`; string(x.Body) != want {
		t.Errorf("%s, want %s", x.Body, want)
	}
}

func TestThePlatformSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	d := modern()
	d.Surfaces[0].Errors.Wait = "X-Reset"
	up := build(t, d, nil).Upstream
	for name, tt := range map[string]struct {
		path   string
		header http.Header
		body   string
		want   time.Duration
	}{
		"in a header of its own": {"/v2/things", http.Header{"X-Reset": {"7"}, "Retry-After": {"9"}}, `{"code":"Busy"}`, 7 * time.Second},
		"in the usual one":       {"/v2/things", http.Header{"Retry-After": {"9"}}, `{"code":"Busy"}`, 9 * time.Second},
		"elsewhere":              {"/old/things", http.Header{"X-Reset": {"7"}, "Retry-After": {"9"}}, `{"errcode":"Busy"}`, 9 * time.Second},
		"for ever":               {"/v2/things", http.Header{"X-Reset": {"99999999"}}, `{"code":"Busy"}`, time.Hour},
		"with another refusal":   {"/v2/things", http.Header{"X-Reset": {"7"}}, `{"code":"4030"}`, 0},
	} {
		j := up.Judge(tt.path, &http.Response{StatusCode: http.StatusOK, Header: tt.header}, []byte(tt.body))
		if j.Err == nil || j.Err.RetryAfter != tt.want {
			t.Errorf("%s: %v, want %v", name, j.Err.RetryAfter, tt.want)
		}
	}
}

func TestPatternsAreOfWholePathsOrBeginnings(t *testing.T) {
	t.Parallel()
	d := modern()
	d.Users, d.Foreign = []string{"/me*"}, []string{"/partner"}
	d.Modes[0].Tokens[0].Request.Path = "/{param.tenant}"
	up := build(t, d, nil).Upstream
	for path, want := range map[string]broker.CallSort{
		"/me": broker.CallManaged, "/me/a": broker.CallUser, "/mean/b": broker.CallUser, "/partner/a": broker.CallApp,
		"/": broker.CallApp, "": broker.CallApp, "/a/b": broker.CallApp, "/V2/Login/": broker.CallExchange,
	} {
		if got := up.Route(path).Sort; got != want {
			t.Errorf("%q is of the sort %d, want %d", path, got, want)
		}
	}
	d = modern()
	d.Foreign = []string{"/partner"}
	up = build(t, d, nil).Upstream
	if up.Route("/partner").Sort != broker.CallForeign || up.Route("/partnership").Sort != broker.CallApp {
		t.Error("a path is taken for one that begins like it")
	}
}

// Of one token at a path there is no doubt, but another value than its own is another wish.
func TestTheOnlyTokenOfAPathNeedsNoName(t *testing.T) {
	t.Parallel()
	d := modern()
	d.Modes[0].Tokens[2].DropIn = ""
	p := tokenPath(t, d, "ticket")
	for target, want := range map[string]*broker.Error{
		"/old/ticket": nil, "/old/ticket?type=js": nil, "/old/ticket?type=card": hinted(broker.ErrBadArgument, "type: want js"),
	} {
		if got, err := p.Ask(httptest.NewRequest(http.MethodGet, target, nil), nil); err != nil || !same(got.Wrong, want) || got.Kind != broker.JSAPITicket {
			t.Errorf("%s: %v, %v", target, got.Wrong, err)
		}
	}
	// What is left out is not what is wrong, and what may be a key is not said.
	d.Modes[0].Tokens[1].Request.Query["channel"] = strings.Repeat("k", 20)
	p = tokenPath(t, d, "ticket")
	for target, hint := range map[string]string{"?type=card": "type: want js", "?channel=x&type=js": "channel: want what the platform's description has"} {
		if got, err := p.Ask(httptest.NewRequest(http.MethodGet, "/old/ticket"+target, nil), nil); err != nil || !same(got.Wrong, hinted(broker.ErrBadArgument, hint)) {
			t.Errorf("%s: %+v, %v", target, got.Wrong, err)
		}
	}
}

func TestAModeMayHaveACheckOfItsOwn(t *testing.T) {
	t.Parallel()
	d := modern()
	d.Modes[0].Check = &declared.Check{Method: http.MethodPost, Path: "/old/me", JSON: map[string]string{"a": "b"}, Field: "me"}
	for body, want := range map[string]broker.Verdict{
		`200 {"me":1}`: broker.VerdictOK, `200 {"errcode":0}`: broker.VerdictUnknown, `200 {"errcode":"88","sub_code":"88.1"}`: broker.VerdictRejected,
		`200 {"errcode":"4030"}`: broker.VerdictOK, `200 {"errcode":"Busy"}`: broker.VerdictThrottled,
	} {
		s := &server{answers: []string{body}}
		c, _ := build(t, d, s).Kinds("")[broker.AccessToken].Issuer.(broker.Checker)
		v, err := c.Check(t.Context(), testApp(d), broker.NewSecret("T"))
		if v != want || (err != nil) != (want == broker.VerdictUnknown) {
			t.Errorf("%s: verdict %d, %v; want %d", body, v, err, want)
		}
		if r := s.seen[0]; r.Method != http.MethodPost || r.URL.String() != "https://old.modern.test/old/me?access_token=T" || s.body[0] != `{"a":"b"}` {
			t.Errorf("asked %s %s %s", r.Method, r.URL, s.body[0])
		}
	}
}

// An object that says nothing is no word of the platform: anything may answer in its place.
func TestACheckWantsTheCodeOfASuccess(t *testing.T) {
	t.Parallel()
	d := modern()
	d.Check = &declared.Check{Method: http.MethodGet, Path: "/old/me"}
	for body, want := range map[string]broker.Verdict{`200 {}`: broker.VerdictUnknown, `200 {"errcode":0}`: broker.VerdictOK} {
		c, _ := build(t, d, &server{answers: []string{body}}).Kinds("")[broker.AccessToken].Issuer.(broker.Checker)
		if v, err := c.Check(t.Context(), testApp(d), broker.NewSecret("T")); v != want || (err != nil) != (want == broker.VerdictUnknown) {
			t.Errorf("%s: verdict %d, %v; want %d", body, v, err, want)
		}
	}
}

func TestAnotherSchemeShowsNoToken(t *testing.T) {
	t.Parallel()
	up := build(t, modern(), nil).Upstream
	for header, want := range map[string]string{"Bearer T": "T", "bearer  T": "T", "Basic T": "", "T": "", "": ""} {
		r := httptest.NewRequest(http.MethodGet, "/v2/things", nil)
		r.Header.Set("Authorization", header)
		if got := up.Shown(r).Token.Reveal(); got != want {
			t.Errorf("%q shows %q, want %q", header, got, want)
		}
	}
}

func TestThePlatformsNameOfARequestIsSaidOnce(t *testing.T) {
	t.Parallel()
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"X-Trace": {"tr-1"}}}
	j := build(t, modern(), nil).Upstream.Judge("/v2/things", resp, []byte(`{"code":7,"msg":"no (tr-1)"}`))
	if j.Err == nil || j.Err.PlatformMessage != "no (tr-1)" {
		t.Errorf("%+v", j.Err)
	}
}

// A param with which no token is asked for says nothing about which one comes, even where
// something else is asked with it (I8).
func TestAParamIsIdleWhereNoTokenIsAskedForWithIt(t *testing.T) {
	t.Parallel()
	def := modern()
	def.Params = append(def.Params, broker.Param{Name: "agent"}, broker.Param{Name: "ten"})
	def.Check.Query = map[string]string{"agent": "{param.agent}"}
	p, err := declared.New(def, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, param := range p.Params {
		got[param.Name] = param.Idle
	}
	if d := cmp.Diff(map[string]bool{"tenant": false, "region": false, "agent": true, "ten": true}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if slices.ContainsFunc(def.Params, func(p broker.Param) bool { return p.Idle }) {
		t.Error("the definition was changed")
	}
}
