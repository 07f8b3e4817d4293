package platformtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

// UpstreamHarness describes the calls of a platform to the contract of [broker.Upstream].
type UpstreamHarness struct {
	// Platform is the table's entry, with its Upstream.
	Platform broker.Platform
	// Routes has paths of every sort that the platform knows, and what they are.
	Routes map[string]broker.Route
	// OK are bodies in which the platform says yes to a call with the app's token.
	OK []string
	// Refuse is the body in which the platform says no, with the status RefuseStatus, of
	// which zero means 200.
	Refuse       func(code, message string) string
	RefuseStatus int
	// Codes has every documented code, as a call with the app's token gets it. Of Want
	// the code, class and reset are compared.
	Codes []Refusal
	// Rejected and Throttled are the codes that say so of the app's token.
	Rejected, Throttled []string
	// Partial says that these are not all the paths there are.
	Partial bool
}

// Upstream holds the gateway's side of a platform to its contract.
func Upstream(t *testing.T, h UpstreamHarness) {
	t.Helper()
	k := upstream{h: h, up: h.Platform.Upstream}
	if k.up == nil {
		t.Fatal("the platform has no upstream")
	}
	t.Run("the description is complete", k.complete)
	t.Run("knows its paths however they are written", k.routes)
	t.Run("attaches what it shows", k.attaches)
	t.Run("substitutes what it shows", k.substitutes)
	t.Run("judges by code", k.judgesByCode)
	t.Run("judges what is no refusal", k.judgesOthers)
	t.Run("refuses as the platform does", k.refuses)
}

type upstream struct {
	h  UpstreamHarness
	up broker.Upstream
}

func (k upstream) complete(t *testing.T) {
	t.Parallel()
	base, err := url.Parse(k.h.Platform.BaseURL)
	if err != nil || !slices.Contains(k.up.Hosts(), base.Host) {
		t.Errorf("the hosts %q lack that of the base URL %s", k.up.Hosts(), k.h.Platform.BaseURL)
	}
	for _, host := range k.up.Hosts() {
		if u, err := url.Parse("https://" + host); err != nil || u.Host != host || host != strings.ToLower(host) {
			t.Errorf("%q is no host", host)
		}
	}
	for _, p := range k.up.Denied() {
		if !strings.HasPrefix(p, "/") || strings.Contains(p, "//") || strings.HasSuffix(p, "/") {
			t.Errorf("the pattern %q matches no path", p)
		}
	}
	if len(k.paths(broker.CallApp)) == 0 || len(k.paths(broker.CallManaged)) == 0 && !k.h.Partial || len(k.h.OK) == 0 || len(k.h.Codes) == 0 || len(k.h.Rejected) == 0 {
		t.Error("the harness names no path of the app or no managed one, no success, no code, or none of a rejected token")
	}
}

func (k upstream) paths(sort broker.CallSort) []string {
	var ps []string
	for p, r := range k.h.Routes {
		if r.Sort == sort {
			ps = append(ps, p)
		}
	}
	slices.Sort(ps)
	return ps
}

func (k upstream) routes(t *testing.T) {
	t.Parallel()
	for path, want := range k.h.Routes {
		for _, written := range []string{path, path + "/", strings.ToUpper(path)} {
			if got := k.up.Route(written); got != want {
				t.Errorf("%s is taken for %+v, want %+v", written, got, want)
			}
		}
	}
	for _, path := range []string{"/", "", "/nobody/has/seen/this"} {
		if got := k.up.Route(path); got.Sort != broker.CallApp {
			t.Errorf("the unknown path %q is taken for %+v", path, got)
		}
	}
}

const (
	shownToken = "83_shown-by-the-caller" //nolint:gosec // nobody's
	foreign    = "a=1&b=%E4%BD%A0&a=2&c"
)

func (k upstream) request(t *testing.T, path string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, k.h.Platform.BaseURL+path+"?"+foreign, strings.NewReader(`{"a":1}`))
	r.Header.Set("X-Other", "1")
	return r
}

// look is everything of a request that is seen at the platform.
type look struct {
	URL, Method, Host, Body string
	Header                  http.Header
}

func see(t *testing.T, r *http.Request) look {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return look{r.URL.String(), r.Method, r.Host, string(body), r.Header.Clone()}
}

func (k upstream) attaches(t *testing.T) {
	t.Parallel()
	for _, path := range k.paths(broker.CallApp) {
		for _, token := range []string{given, "83_with/+=&;#% of all sorts"} {
			r := k.request(t, path)
			before := see(t, r)
			if s := k.up.Shown(r); !s.Token.IsZero() || !s.Key.IsZero() {
				t.Errorf("%s: a call without credentials shows some", path)
			}
			if diff := cmp.Diff(before, see(t, r)); diff != "" {
				t.Errorf("%s: to look at a call changes it:\n%s", path, diff)
			}
			k.up.Attach(r, broker.NewSecret(shownToken))
			k.up.Attach(r, broker.NewSecret(token))
			if got := k.up.Shown(r).Token.Reveal(); got != token {
				t.Errorf("%s: attached %q, shown %q", path, token, got)
			}
			once := see(t, r)
			k.up.Attach(r, broker.NewSecret(token))
			if diff := cmp.Diff(once, see(t, r)); diff != "" {
				t.Errorf("%s: attached twice is not attached once:\n%s", path, diff)
			}
			k.keepsOthers(t, before, once)
			if all := fmt.Sprint(once); strings.Contains(all, shownToken) {
				t.Errorf("%s: the token of before is left in %s", path, all)
			}
			if before.Body != once.Body {
				t.Errorf("%s: the body has become %q", path, once.Body)
			}
		}
	}
}

// keepsOthers compares what no credential stands in.
func (k upstream) keepsOthers(t *testing.T, before, after look) {
	t.Helper()
	b, _ := url.Parse(before.URL)
	a, err := url.Parse(after.URL)
	if err != nil || a.Scheme != b.Scheme || a.Host != b.Host || a.Path != b.Path || a.Fragment != "" ||
		after.Host != before.Host || after.Method != before.Method {
		t.Errorf("%s has become %s at %s: %v", before.URL, after.URL, after.Host, err)
		return
	}
	if !strings.HasSuffix(a.RawQuery, foreign) && !strings.HasPrefix(a.RawQuery, foreign) {
		t.Errorf("the other parameters %q have become %q", foreign, a.RawQuery)
	}
	if after.Header.Get("X-Other") != "1" {
		t.Error("a header was lost")
	}
}

func (k upstream) substitutes(t *testing.T) {
	t.Parallel()
	for _, path := range k.paths(broker.CallExchange) {
		r := k.request(t, path)
		before := see(t, r)
		k.up.Substitute(r, "other-app", broker.NewSecret("a-client-key"))
		k.up.Substitute(r, "the-app", broker.NewSecret(given))
		if s := k.up.Shown(r); s.AppID != "the-app" || s.Key.Reveal() != given {
			t.Errorf("%s: shows the app %q and the secret %q", path, s.AppID, s.Key.Reveal())
		}
		once := see(t, r)
		if r.ContentLength != int64(len(once.Body)) {
			t.Errorf("%s: a body of %d bytes is said to have %d", path, len(once.Body), r.ContentLength)
		}
		k.keepsOthers(t, before, once)
		if all := fmt.Sprint(once); strings.Contains(all, "a-client-key") || strings.Contains(all, "other-app") {
			t.Errorf("I6: what was there before is left in %s", all)
		}
		k.up.Substitute(r, "the-app", broker.NewSecret(given))
		if diff := cmp.Diff(once, see(t, r)); diff != "" {
			t.Errorf("%s: substituted twice is not substituted once:\n%s", path, diff)
		}
	}
}

// attached is a request that carries the app's token.
func (k upstream) attached(t *testing.T, path string) *http.Request {
	r := k.request(t, path)
	k.up.Attach(r, broker.NewSecret(accessToken))
	return r
}

func (k upstream) judge(t *testing.T, path string, status int, body string) broker.Judgement {
	return k.judgeRefusal(t, path, broker.Refusal{Status: status, ContentType: "text/plain", Body: []byte(body)})
}

// judgeRefusal judges an answer. Of one with a nil body the content is not known.
func (k upstream) judgeRefusal(t *testing.T, path string, x broker.Refusal) broker.Judgement {
	resp := response(k.attached(t, path), x.Status, bytes.NewReader(x.Body))
	defer func() { _ = resp.Body.Close() }()
	resp.Header.Set("Content-Type", x.ContentType)
	return k.up.Judge(path, resp, x.Body)
}

func (k upstream) refusalStatus() int {
	if k.h.RefuseStatus == 0 {
		return http.StatusOK
	}
	return k.h.RefuseStatus
}

func (k upstream) judgesByCode(t *testing.T) {
	t.Parallel()
	app := k.paths(broker.CallApp)[0]
	for _, c := range k.h.Codes {
		// The platform says again what it was asked.
		body := k.h.Refuse(c.Code, "no "+k.attached(t, app).URL.String())
		want := broker.VerdictUnknown
		switch {
		case slices.Contains(k.h.Rejected, c.Code):
			want = broker.VerdictRejected
		case slices.Contains(k.h.Throttled, c.Code):
			want = broker.VerdictThrottled
		}
		got := k.judge(t, app, k.refusalStatus(), body)
		if got.Verdict != want || got.Err == nil {
			t.Errorf("code %s: verdict %d, %v; want %d", c.Code, got.Verdict, got.Err, want)
			continue
		}
		expect(t, got.Err, c.Want)
		keepsSecrets(t, got.Err, []string{accessToken})
		if got.Err.PlatformCode != c.Code || got.Err.Hint == "" {
			t.Errorf("code %s: the platform's code is kept as %q, hint %q", c.Code, got.Err.PlatformCode, got.Err.Hint)
		}
		for _, sort := range []broker.CallSort{broker.CallUser, broker.CallExchange} {
			for _, path := range k.paths(sort) {
				j := k.judge(t, path, k.refusalStatus(), body)
				if j.Err == nil || j.Verdict == broker.VerdictRejected || j.Verdict == broker.VerdictThrottled {
					t.Errorf("I8: code %s at %s, where the app's token is not shown: verdict %d, %v", c.Code, path, j.Verdict, j.Err)
				}
			}
		}
	}
}

func (k upstream) judgesOthers(t *testing.T) {
	t.Parallel()
	app := k.paths(broker.CallApp)[0]
	for _, body := range k.h.OK {
		if j := k.judge(t, app, http.StatusOK, body); j.Verdict != broker.VerdictOK || j.Err != nil || len(j.Users) > 0 {
			t.Errorf("%s: verdict %d, %v, %d users", body, j.Verdict, j.Err, len(j.Users))
		}
	}
	if j := k.judgeRefusal(t, app, broker.Refusal{Status: http.StatusOK, ContentType: "image/png"}); j.Verdict != broker.VerdictOK || j.Err != nil {
		t.Errorf("a download: verdict %d, %v", j.Verdict, j.Err)
	}
	rejected := k.h.Refuse(k.h.Rejected[0], "no")
	for name, tt := range map[string]struct {
		status int
		body   string
		err    bool
	}{
		"nothing": {200, "", false}, "a web page": {200, "<html>" + rejected, false}, "a list": {200, "[" + rejected + "]", false},
		"a truncated refusal": {200, rejected[:len(rejected)-1], false}, "two": {200, rejected + rejected, false},
		"a refusal inside": {200, `{"unheard_of":` + rejected + `}`, false},
		"a redirect":       {302, "", false},
		"a 404 page":       {404, "<html>", true}, "a 502 page": {502, "<html>", true}, "a 500 with a refusal": {500, rejected, true},
	} {
		j := k.judge(t, app, tt.status, tt.body)
		if j.Verdict == broker.VerdictRejected || j.Verdict == broker.VerdictThrottled || (j.Err != nil) != tt.err {
			t.Errorf("%s: verdict %d, %v", name, j.Verdict, j.Err)
		}
		if j.Err != nil && j.Err.Unknown {
			t.Errorf("%s: a call is taken for an issue of unknown outcome", name)
		}
	}
}

func (k upstream) refuses(t *testing.T) {
	t.Parallel()
	const id = "6aac005a-01bfdbee-79769285"
	app := k.paths(broker.CallApp)[0]
	for _, e := range []*broker.Error{
		broker.ErrTokenMissing, broker.ErrTokenUnknown, broker.ErrTokenKind, broker.ErrBadPath, broker.ErrNoGateway, broker.ErrManagedHere,
		broker.ErrUnreachable, broker.ErrUnauthorized, broker.ErrNotAllowed, broker.ErrUnknownApp, broker.ErrNoToken, broker.ErrBudget,
		broker.ErrNotReady, broker.ErrShuttingDown, broker.ErrAmbiguous, misconfigured,
		{Code: "new", Class: broker.Invalid, Message: "a line\nand \"another\"", Hint: "do <this> & that"},
	} {
		x := k.up.Refuse(app, e, id)
		j := k.judgeRefusal(t, app, x)
		if j.Err == nil || j.Err.PlatformCode == "" {
			t.Errorf("%s is refused with %s, which the platform would not say", e.Code, x.Body)
			continue
		}
		// One that is only said of the app secret has no meaning for a call.
		if e.Class == broker.Misconfigured && (passes(j.Err) && j.Err.Code != "platform_refused" || j.Verdict == broker.VerdictRejected) {
			t.Errorf("%s is refused with %s, after which callers ask again", e.Code, x.Body)
		}
		said, _, _ := strings.Cut(e.Message, "\n")
		if !json.Valid(x.Body) || !bytes.Contains(x.Body, []byte(id)) || !bytes.Contains(x.Body, []byte(said)) || bytes.ContainsAny(x.Body, "\n") {
			t.Errorf("%s is refused with %s, which has to say why in one line, and the request's id", e.Code, x.Body)
		}
		if (e.Class == broker.Throttled) != (j.Verdict == broker.VerdictThrottled) && len(k.h.Throttled) > 0 {
			t.Errorf("%s is refused with %s: verdict %d", e.Code, x.Body, j.Verdict)
		}
	}
	for _, c := range k.h.Codes {
		first := k.judge(t, app, k.refusalStatus(), k.h.Refuse(c.Code, "the platform's own words")).Err
		x := k.up.Refuse(app, first, id)
		j := k.judgeRefusal(t, app, x)
		if j.Err == nil || j.Err.Code != first.Code || j.Err.PlatformCode != c.Code || !strings.HasPrefix(j.Err.PlatformMessage, "the platform's own words") {
			t.Errorf("code %s is refused with %s", c.Code, x.Body)
		}
	}
}
