package oauth2_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/oauth2"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
)

// hosted is the upstream of an API at one host, as the contract wants one.
type hosted struct{ broker.Upstream }

func (hosted) Hosts() []string { return []string{"api.crm.test"} }

func TestUpstreamContract(t *testing.T) {
	t.Parallel()
	p := oauth2.Platform(nil)
	p.BaseURL, p.Upstream = "https://api.crm.test", hosted{p.Upstream}
	var codes []platformtest.Refusal
	for code, want := range map[string]broker.Error{
		"invalid_token": {Code: "token_rejected", Class: broker.Transient}, "insufficient_scope": {Code: "scope_lacking", Class: broker.Misconfigured},
		"invalid_request": {Code: "bad_request", Class: broker.Misconfigured}, "invalid_client": {Code: "wrong_secret", Class: broker.BadCredential},
		"access_denied": {Code: "access_denied", Class: broker.Denied}, "something_else": {Code: "platform_refused", Class: broker.Transient},
	} {
		codes = append(codes, platformtest.Refusal{Code: code, Want: want})
	}
	platformtest.Upstream(t, platformtest.UpstreamHarness{
		Platform: p,
		Routes: map[string]broker.Route{
			"/v1/customers": {}, "/oauth2/tokens": {}, "/oauth2/token": {Sort: broker.CallManaged},
		},
		OK: []string{`{"id":1}`, `[]`, `{"error":"invalid_token"}`, ``},
		Refuse: func(code, message string) string {
			return fmt.Sprintf(`{"error":%q,"error_description":%q}`, code, message)
		},
		RefuseStatus: http.StatusUnauthorized,
		Codes:        codes,
		Rejected:     []string{"invalid_token"},
	})
}

func TestJudgesByRFC6750(t *testing.T) {
	t.Parallel()
	up := oauth2.Platform(nil).Upstream
	for name, tt := range map[string]struct {
		status int
		header []string
		body   string
		want   broker.Verdict
		code   string
	}{
		"expired":                     {401, []string{`Bearer realm="x", error="invalid_token", error_description="expired"`}, ``, broker.VerdictRejected, "token_rejected"},
		"among others":                {401, []string{`Basic realm="a, Bearer error=\"x\""  , bearer  realm=x , Error = invalid_token`}, ``, broker.VerdictRejected, "token_rejected"},
		"in a header of its own":      {401, []string{`Basic realm="x"`, `Bearer error="invalid_token"`}, ``, broker.VerdictRejected, "token_rejected"},
		"in the body":                 {401, nil, `{"error":"invalid_token"}`, broker.VerdictRejected, "token_rejected"},
		"no code":                     {401, []string{`Bearer realm="x"`}, `{"message":"no"}`, broker.VerdictRejected, "token_rejected"},
		"Bearer alone":                {401, []string{`Bearer`}, ``, broker.VerdictRejected, "token_rejected"},
		"Google":                      {401, []string{`Bearer realm="https://accounts.google.com/", error="invalid_token"`}, `{"error":{"code":401,"status":"UNAUTHENTICATED"}}`, broker.VerdictRejected, "token_rejected"},
		"another scheme":              {401, []string{`Basic realm="x"`}, ``, broker.VerdictUnknown, "call_refused"},
		"no challenge":                {401, nil, `{"message":"Bad credentials"}`, broker.VerdictUnknown, "call_refused"},
		"a token68":                   {401, []string{`Negotiate oRQwEqADCgEB==, Basic realm="x"`}, ``, broker.VerdictUnknown, "call_refused"},
		"a request that is none":      {401, []string{`Bearer error="invalid_request"`}, ``, broker.VerdictUnknown, "bad_request"},
		"scope":                       {403, []string{`Bearer error="insufficient_scope", scope="a b"`}, ``, broker.VerdictUnknown, "scope_lacking"},
		"forbidden, and a token code": {403, []string{`Bearer error="invalid_token"`}, ``, broker.VerdictUnknown, "token_rejected"},
		"too often":                   {429, nil, ``, broker.VerdictThrottled, "call_refused"},
		"not there":                   {404, nil, `{"error":"not_found"}`, broker.VerdictUnknown, "platform_refused"},
		"a conflict":                  {409, nil, ``, broker.VerdictUnknown, "call_refused"},
		"down":                        {503, nil, ``, broker.VerdictUnknown, "call_refused"},
		"created":                     {201, nil, `{"error":"invalid_token"}`, broker.VerdictOK, ""},
		"not modified":                {304, nil, ``, broker.VerdictUnknown, ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.crm.test/v1/customers", http.NoBody)
		up.Attach(r, broker.NewSecret("at-1"))
		resp := &http.Response{StatusCode: tt.status, Header: http.Header{"Www-Authenticate": tt.header}, Body: io.NopCloser(strings.NewReader("")), Request: r}
		j := up.Judge("/v1/customers", resp, []byte(tt.body))
		_ = resp.Body.Close()
		if j.Verdict != tt.want || (j.Err == nil) != (tt.code == "") || j.Err != nil && (j.Err.Code != tt.code || j.Err.Unknown || j.Err.Hint == "") {
			t.Errorf("%s: verdict %d, %+v", name, j.Verdict, j.Err)
		}
		if tt.status == 429 && j.Err.Class != broker.Throttled {
			t.Errorf("%s: %s", name, j.Err.Class)
		}
	}
}

func TestRefusesInTheWordsOfTheRFCs(t *testing.T) {
	t.Parallel()
	up := oauth2.Platform(nil).Upstream
	for _, tt := range []struct {
		path   string
		err    *broker.Error
		status int
		code   string
	}{
		{"/oauth2/token", broker.ErrUnauthorized, 401, "invalid_client"},
		{"/oauth2/token", broker.ErrUnknownApp, 401, "invalid_client"},
		{"/oauth2/token", broker.ErrNoKey, 401, "invalid_client"},
		{"/oauth2/token", broker.ErrBadGrant, 400, "unsupported_grant_type"},
		{"/oauth2/token", broker.ErrNotAllowed, 400, "unauthorized_client"},
		{"/oauth2/token", broker.ErrBadBody, 400, "invalid_request"},
		{"/OAuth2/Token/", broker.ErrUnauthorized, 401, "invalid_client"},
		{"/v1/customers", broker.ErrUnauthorized, 401, "invalid_token"},
		{"/v1/customers", broker.ErrTokenUnknown, 401, "invalid_token"},
		{"/v1/customers", broker.ErrNotAllowed, 403, "insufficient_scope"},
		{"/v1/customers", broker.ErrNoGateway, 404, "invalid_request"},
		{"/v1/customers", broker.ErrBudget, 429, "temporarily_unavailable"},
		{"/v1/customers", broker.ErrNotReady, 503, "temporarily_unavailable"},
		{"/oauth2/token", broker.ErrRefreshEnded, 400, "unauthorized_client"},
		{"/oauth2/token", broker.ErrAmbiguous, 400, "unauthorized_client"},
		{"/v1/customers", broker.ErrAmbiguous, 403, "access_denied"},
		{"/v1/customers", nil, 503, "temporarily_unavailable"},
	} {
		x := up.Refuse(tt.path, tt.err, "id-1")
		if x.Status != tt.status || x.ContentType != "application/json" || !strings.HasPrefix(string(x.Body), `{"error":"`+tt.code+`","error_description":"`) || !strings.Contains(string(x.Body), "id-1") {
			t.Errorf("%s, %v: %d %s", tt.path, tt.err, x.Status, x.Body)
		}
		// A 401 says how to prove oneself (RFC 6749, section 5.2, and RFC 6750, section 3).
		challenge := map[string]string{"invalid_client": `Basic realm="hufu"`, "invalid_token": `Bearer realm="hufu", error="invalid_token"`}[tt.code]
		if x.Challenge != challenge {
			t.Errorf("%s, %v: the challenge is %q, want %q", tt.path, tt.err, x.Challenge, challenge)
		}
	}
}

// What the provider says of the refresh token or secret that is kept here is no fault of a
// caller at the token path, whose library would take the provider's code for its own.
func TestWhatTheProviderSaysOfTheAppIsNoFaultOfTheCaller(t *testing.T) {
	t.Parallel()
	up := oauth2.Platform(nil).Upstream
	for _, tt := range []struct {
		said   string
		class  broker.Class
		status int
		code   string
	}{
		{"invalid_grant", broker.Misconfigured, 502, "server_error"},
		{"invalid_client", broker.BadCredential, 502, "server_error"},
		{"unauthorized_client", broker.Misconfigured, 502, "server_error"},
		{"access_denied", broker.Denied, 502, "server_error"},
		{"server_error", broker.Transient, 503, "temporarily_unavailable"},
		{"unheard_of", broker.Transient, 503, "temporarily_unavailable"},
		{"slow_down", broker.Throttled, 429, "temporarily_unavailable"},
	} {
		e := &broker.Error{Code: "x", Class: tt.class, Message: "it is refused", Hint: "mend it", PlatformCode: tt.said, PlatformMessage: "no\nway"}
		x := up.Refuse("/oauth2/token", e, "id-1")
		want := `{"error":"` + tt.code + `","error_description":"x: it is refused; mend it; the provider said ` + tt.said + `: no way (request id id-1)"}`
		if x.Status != tt.status || string(x.Body) != want || x.Challenge != "" {
			t.Errorf("%s: %d %s, want %s", tt.said, x.Status, x.Body, want)
		}
		if x := up.Refuse("/v1/customers", e, "id-1"); !strings.Contains(string(x.Body), `"error":"`+tt.said+`"`) {
			t.Errorf("%s of a call: %s", tt.said, x.Body)
		}
	}
}

// RFC 6749 and RFC 6750 want a challenge in every 401, and in nothing else. A call that shows
// no token is told no code.
func TestEvery401HasAChallenge(t *testing.T) {
	t.Parallel()
	up := oauth2.Platform(nil).Upstream
	for _, tt := range []struct {
		path string
		err  *broker.Error
		want string
	}{
		{"/oauth2/token", broker.ErrUnauthorized, `Basic realm="hufu"`},
		{"//OAuth2/Token/", broker.ErrUnknownApp, `Basic realm="hufu"`},
		{"/oauth2/token", broker.ErrBadGrant, ""},
		{"/v1/customers", broker.ErrTokenMissing, `Bearer realm="hufu"`},
		{"/v1/customers", broker.ErrTokenUnknown, `Bearer realm="hufu", error="invalid_token"`},
		{"/v1/customers", &broker.Error{Code: "x", PlatformCode: "invalid_token"}, `Bearer realm="hufu", error="invalid_token"`},
		{"/v1/customers", &broker.Error{Code: "x", PlatformCode: `a"b`}, ""},
		{"/v1/customers", broker.ErrNotAllowed, ""},
	} {
		if x := up.Refuse(tt.path, tt.err, "id-1"); x.Challenge != tt.want || (x.Status == http.StatusUnauthorized) != (tt.want != "") {
			t.Errorf("%s, %v: %d %s, want %s", tt.path, tt.err, x.Status, x.Challenge, tt.want)
		}
	}
}

func FuzzJudge(f *testing.F) {
	for _, s := range []string{`Bearer realm="x", error="invalid_token"`, `Basic a=b, Bearer`, `Bearer error="`, `,,,=`, `Bearer =`, `Bearer error=invalid_token,x`, "Bearer\terror = \"in\\valid_token\"", `Negotiate a==`} {
		f.Add(s, `{"error":"invalid_token"}`)
	}
	up := oauth2.Platform(nil).Upstream
	f.Fuzz(func(t *testing.T, header, body string) {
		resp := &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {header}}, Body: http.NoBody}
		j := up.Judge("/v1/customers", resp, []byte(body))
		_ = resp.Body.Close()
		if j.Err == nil || j.Verdict == broker.VerdictRejected && !strings.Contains(strings.ToLower(header+body), "bearer") && !strings.Contains(body, "token") {
			t.Errorf("%q %q: %d, %v", header, body, j.Verdict, j.Err)
		}
	})
}
