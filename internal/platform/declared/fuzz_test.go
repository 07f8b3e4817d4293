package declared_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

func FuzzJudge(f *testing.F) {
	for _, s := range []string{
		`{"code":4001,"msg":"bad"}`, `{"code":"4001"}`, `{"code":4.001e3}`, `{"code":[]}`, `{"code":null,"data":{"code":0}}`, `{"data":{"code":"Busy"}}`,
		"\xef\xbb\xbf{\"errcode\":88,\"sub_code\":\"88.1\"}", `{"errcode":0,"sub_code":"x"}`, `{"code":1,"code":0}`, `{`, ``, `[]`, `{"error":"invalid_token"}`,
	} {
		f.Add("/v2/things", 200, s)
		f.Add("/old/things", 403, s)
		f.Add("/v2/login", 502, s)
	}
	var platforms []broker.Platform
	rejecting := map[string]bool{}
	for _, d := range []declared.Definition{modern(), standard(), plain()} {
		platforms = append(platforms, build(f, d, nil))
		for _, c := range d.Codes {
			rejecting[c.Code] = rejecting[c.Code] || c.Rejects
		}
	}
	f.Fuzz(func(t *testing.T, path string, status int, body string) {
		for _, p := range platforms {
			up := p.Upstream
			resp := &http.Response{StatusCode: status, Header: http.Header{}}
			j := up.Judge(path, resp, []byte(body))
			if j.Err == nil && (j.Verdict == broker.VerdictRejected || j.Verdict == broker.VerdictThrottled) {
				t.Errorf("%d %q: verdict %d without an error", status, body, j.Verdict)
			}
			if j.Err != nil && (j.Verdict == broker.VerdictOK || j.Err.Unknown || j.Err.Code == "" || j.Err.Class == "" || len(j.Err.PlatformMessage) > 600) {
				t.Errorf("%d %q: verdict %d, %+v", status, body, j.Verdict, j.Err)
			}
			if up.Route(path).Sort != broker.CallApp && j.Verdict > broker.VerdictOK {
				t.Errorf("%s: verdict %d on a token that was not shown", path, j.Verdict)
			}
			if j.Verdict == broker.VerdictRejected && !rejecting[j.Err.PlatformCode] {
				t.Errorf("%q rejects a token", body)
			}
			if status >= 500 && j.Err != nil && j.Err.PlatformCode != "" {
				t.Errorf("%d %q is taken for the platform's word", status, body)
			}
			if j.Err != nil && !json.Valid(up.Refuse(path, j.Err, "1-2-3").Body) {
				t.Errorf("%+v cannot be said", j.Err)
			}
		}
	})
}

// FuzzIssue has a platform answer anything at all: a token comes of it only with a lifetime
// and without a refusal, and no error says a secret (I6).
func FuzzIssue(f *testing.F) {
	for _, s := range []string{
		`{"code":0,"data":{"token":"T","ttl":60}}`, `{"code":"0","data":{"token":"T"}}`, `{"code":4001,"msg":"` + appSecret + `","data":{"token":"T","ttl":60}}`,
		`{"access_token":"T","expires_in":"60"}`, `{"error":"` + appSecret + `"}`, `{"code":0,"data":{"token":"\u0000","ttl":1e400}}`, `[]`, ``, `{"code":0,"data":[]}`,
	} {
		f.Add(200, s)
		f.Add(401, s)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 100 || status > 999 {
			return
		}
		for _, d := range []declared.Definition{modern(), standard(), plain()} {
			rt := tripper(func(r *http.Request) (*http.Response, error) {
				w := httptest.NewRecorder()
				_, _ = w.WriteString(body)
				resp := w.Result()
				resp.StatusCode, resp.Request = status, r
				return resp, nil
			})
			got, err := build(t, d, rt).Kinds("")[broker.AccessToken].Issuer.Issue(t.Context(), request(testApp(d), broker.AccessToken))
			e := broker.AsError(err)
			switch {
			case err == nil && (got.Token.IsZero() || got.Lifetime <= 0 || status >= 300 || !strings.Contains(body, "token")):
				t.Errorf("%s: %d %q gives %q for %v", d.Name, status, body, got.Token.Reveal(), got.Lifetime)
			case err != nil && (!got.Token.IsZero() || e.Code == "" || e.Class == "" || e.Hint == ""):
				t.Errorf("%s: %d %q: %+v", d.Name, status, body, e)
			case err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, e), appSecret):
				t.Errorf("I6: %s: %d %q: %v", d.Name, status, body, err)
			}
		}
	})
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzAsk has anybody send anything to a token path: nothing is made up of it.
func FuzzAsk(f *testing.F) {
	f.Add("/v2/t/token", "application/json", `{"app":"a","key":"k","grant_type":"client"}`)
	f.Add("/old/ticket?type=js&access_token=T", "", "")
	f.Add("/oauth/token", "application/x-www-form-urlencoded", "grant_type=client_credentials&client_id=a&client_secret=k")
	f.Add("/", "text/plain", "{}")
	f.Fuzz(func(t *testing.T, target, contentType, body string) {
		r, err := http.NewRequest(http.MethodPost, "http://hufu.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if u, err := r.URL.Parse(target); err == nil {
			r.URL = u
		}
		r.Header.Set("Content-Type", contentType)
		for _, d := range []declared.Definition{modern(), standard(), plain()} {
			for _, p := range build(t, d, nil).TokenPaths {
				a, wrong := p.Ask(r, []byte(body))
				if wrong == nil && a.Kind == "" || wrong != nil && (a.Kind != "" || !a.Key.IsZero()) {
					t.Errorf("%s: %q %q: %+v, %v", p.Name, target, body, a, wrong)
				}
			}
		}
	})
}
