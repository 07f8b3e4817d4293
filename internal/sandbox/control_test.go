package sandbox_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// control sends one request to the control pages.
func control(t *testing.T, sb *sandbox.Sandbox, method, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8080/_sandbox"+path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	sb.Handler().ServeHTTP(w, r)
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b), w.Header()
}

func newControlled() *sandbox.Sandbox {
	return sandbox.New(sandbox.Config{Apps: []sandbox.App{
		{ID: appID, Secret: secret, Whitelist: []string{"127.0.0.1"}}, {ID: other, Secret: "other-" + secret},
	}})
}

func TestScriptsSteerTheSandboxWithJSON(t *testing.T) {
	t.Parallel()
	sb := newControlled()
	c := newCaller(t, sb.Transport())
	post := func(path, body string, want int) {
		t.Helper()
		if got, text, _ := control(t, sb, "POST", path, body); got != want {
			t.Errorf("POST %s %s: status %d (%s), want %d", path, body, got, text, want)
		}
	}
	app := "/apps/" + appID

	post("/faults", `{"kind":"slow","path":"/x","app":"a","delay":"1.5s","status":502,"errcode":-1,"times":3,"probability":0.5}`, 200)
	want := []sandbox.FaultState{{Fault: sandbox.Fault{
		Kind: sandbox.FaultSlow, Path: "/x", App: "a", Delay: 1500 * time.Millisecond,
		Status: 502, Errcode: -1, Times: 3, Probability: 0.5,
	}}}
	if diff := cmp.Diff(want, sb.Faults()); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	post("/faults", `{"kind":"nonsense"}`, 400)
	post("/faults", `{"kind":"slow","delay":5}`, 400)
	post("/faults", `{"kind":`, 400)
	if got, _, _ := control(t, sb, "DELETE", "/faults", ""); got != 200 || len(sb.Faults()) != 0 {
		t.Errorf("DELETE /faults: status %d, faults %v", got, sb.Faults())
	}

	a, s := c.token().AccessToken, c.stable().AccessToken
	post(app+"/rotate", `{"mode":"classic"}`, 200)
	if sb.Current(appID, sandbox.Classic) == a || sb.Counts(appID).Outside != 1 {
		t.Error("rotate did nothing")
	}
	post(app+"/kill", `{"mode":"stable"}`, 200)
	if sb.Live(s) || !sb.Live(a) {
		t.Error("kill ended the wrong token")
	}
	post("/apps/"+other+"/kill", `{"token":"`+a+`"}`, 200)
	if !sb.Live(a) {
		t.Error("kill ended another app's token")
	}
	post(app+"/kill", `{"token":"`+a+`"}`, 200)
	if sb.Live(a) {
		t.Error("kill did not end the token it named")
	}
	post(app+"/whitelist", `{"whitelist":["10.0.0.0/8"]}`, 200)
	if got := c.stable().code(); got != 40164 {
		t.Errorf("after whitelist: errcode %d, want 40164", got)
	}
	post(app+"/whitelist", `{"whitelist":["nonsense"]}`, 400)
	post(app+"/whitelist", `{}`, 200)
	post(app+"/freeze", "{}", 200)
	if got := c.stable().code(); got != 40243 {
		t.Errorf("after freeze: errcode %d, want 40243", got)
	}
	post(app+"/freeze", `{"errcode":50007}`, 200)
	if got := c.stable().code(); got != 50007 {
		t.Errorf("after freeze: errcode %d, want 50007", got)
	}
	post(app+"/unfreeze", "", 200)
	post(app+"/secret", `{"secret":"new"}`, 200)
	if got := c.stable().code(); got != 40125 {
		t.Errorf("after secret: errcode %d, want 40125", got)
	}
	post(app+"/secret", `{}`, 400)
	post(app+"/nonsense", "", 404)
	post("/apps/wxunknown/rotate", "{}", 404)
	post("/apps/wxunknown", "", 404)
	post("/nonsense", "", 404)
	if got, _, _ := control(t, sb, "PUT", "/faults", ""); got != 405 {
		t.Errorf("PUT: status %d, want 405", got)
	}
}

// What is misspelled does not do something else instead.
func TestCommandsThatSayNothingKnownAreRefused(t *testing.T) {
	t.Parallel()
	sb := newControlled()
	c := newCaller(t, sb.Transport())
	live := []string{c.token().AccessToken, c.stable().AccessToken}
	app := "/apps/" + appID
	for _, tc := range []struct{ path, body, want string }{
		{app + "/kill", "", `the body is empty; send {"mode":"classic"} or {"mode":"stable"}`},
		{app + "/kill", " \n", "the body is empty"},
		{app + "/kill", `{"mode":"stabel"}`, `unknown mode "stabel"; there are: classic, stable`},
		{app + "/kill", `{"mode":"Stable"}`, "unknown mode"},
		{app + "/kill", "mode=nonsense&lang=en", "unknown mode"},
		{app + "/kill", `{"mod":"stable"}`, `unknown field "mod"; there are: mode, token`},
		{app + "/kill", `{"Mode":"stable"}`, "unknown field"},
		{app + "/kill", "mod=stable", "unknown field"},
		{app + "/kill", `{"mode":"stable"} {}`, "read JSON"},
		{app + "/rotate", "", "the body is empty"},
		{app + "/rotate", `{"token":"x"}`, `unknown field "token"; there are: mode`},
		{app + "/whitelist", "", "or {} for everybody"},
		{app + "/secret", "", "the body is empty"},
		{app + "/freeze", `{"code":1}`, "there are: errcode"},
		{"/faults", "", `send {"kind":"status"`},
		{"/faults", `{"kind":"nonsense"}`, "there are: hang, slow, "},
		{"/faults", `{"kind":"slow","time":3}`, `unknown field "time"; there are: kind, path, `},
	} {
		status, text, _ := control(t, sb, "POST", tc.path, tc.body)
		if status != 400 || !strings.Contains(html.UnescapeString(text), tc.want) {
			t.Errorf("POST %s %s: status %d, %.200s, want 400 and %s", tc.path, tc.body, status, text, tc.want)
		}
	}
	for _, token := range live {
		if !sb.Live(token) {
			t.Error("a command that was refused did something")
		}
	}
	if len(sb.Faults()) != 0 || sb.Counts(appID).Outside != 0 {
		t.Error("a command that was refused did something")
	}
	for _, path := range []string{"/faults/clear", app + "/unfreeze"} {
		if status, text, _ := control(t, sb, "POST", path, ""); status != 200 {
			t.Errorf("POST %s: status %d, %s", path, status, text)
		}
	}
}

// A call that only asks whether a token lives is shown apart from misuses.
func TestProbesAreShownApart(t *testing.T) {
	t.Parallel()
	sb := newControlled()
	c := newCaller(t, sb.Transport())
	dead := c.stable().AccessToken
	sb.Kill(dead)
	page := func(lang string) string {
		_, body, _ := control(t, sb, "GET", "/?lang="+lang, "")
		return html.UnescapeString(body)
	}
	c.do("GET", "/cgi-bin/get_api_domain_ip?access_token="+dead, "")
	c.do("GET", "/cgi-bin/getcallbackip?access_token="+dead, "")
	if body := page("en"); !strings.Contains(body, "Nobody did anything") || strings.Count(body, ">probe<") != 2 {
		t.Errorf("probes alone: %s", body)
	}
	c.do("GET", "/cgi-bin/user/get?access_token="+dead, "")
	body := page("zh")
	_, rest, _ := strings.Cut(body, `id="misuses"`)
	misuses, probes, found := strings.Cut(rest, `id="probes"`)
	if !found || !strings.Contains(misuses, "/cgi-bin/user/get，使用 stable 第 1 代令牌，签发于 ") || strings.Contains(misuses, "domain_ip") {
		t.Errorf("misuses: %s", misuses)
	}
	if strings.Count(probes, ">探测<") != 2 || !strings.Contains(probes, "作废于 ") {
		t.Errorf("probes: %s", probes)
	}
	for _, want := range []string{"<b>2 小时</b>", "<b>5 分</b>", `class="bad"><b>1</b>`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if got := sb.Misuses(); len(got) != 3 || got[0].What != sandbox.KilledToken || !got[0].Probe || got[2].Probe {
		t.Errorf("misuses for tests: %+v", got)
	}
}

func TestThePageSteersTheSandboxWithForms(t *testing.T) {
	t.Parallel()
	sb := newControlled()
	got, _, header := control(t, sb, "POST", "/faults",
		"kind=lost&path=%2Fcgi-bin%2Ftoken&app=&delay=2s&times=3&probability=&errcode=&status=&lang=zh")
	if got != 303 || header.Get("Location") != "/_sandbox/?lang=zh" {
		t.Errorf("status %d, location %q", got, header.Get("Location"))
	}
	want := []sandbox.FaultState{{Fault: sandbox.Fault{
		Kind: sandbox.FaultLost, Path: "/cgi-bin/token", Delay: 2 * time.Second, Times: 3,
	}}}
	if diff := cmp.Diff(want, sb.Faults()); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	got, body, _ := control(t, sb, "POST", "/faults", "kind=lost&delay=soon&times=many&probability=some&lang=zh")
	if got != 400 || !strings.Contains(body, "no duration") || !strings.Contains(body, "沙箱") {
		t.Errorf("wrong form: status %d", got)
	}
	if got, _, _ := control(t, sb, "POST", "/faults/clear", "lang=en"); got != 303 || len(sb.Faults()) != 0 {
		t.Errorf("clear: status %d, faults %v", got, sb.Faults())
	}
	if got, _, _ := control(t, sb, "POST", "/apps/"+appID+"/whitelist", "whitelist=10.0.0.1%2C+192.0.2.0%2F24%0A&lang=en"); got != 303 {
		t.Errorf("whitelist: status %d", got)
	}
	if _, body, _ := control(t, sb, "GET", "/state", ""); !strings.Contains(body, `"whitelist":["10.0.0.1","192.0.2.0/24"]`) {
		t.Errorf("state = %s", body)
	}
}

func TestForeignWebPagesCannotSteerTheSandbox(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		header []string
		want   int
	}{
		{nil, 200},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Sec-Fetch-Site", "none"}, 200},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Origin", "https://evil.example"}, 403},
		{[]string{"Origin", "http://127.0.0.1:8080"}, 200},
	} {
		for _, method := range []string{"POST", "DELETE"} {
			sb := newControlled()
			if got, _, _ := control(t, sb, method, "/faults", `{"kind":"hang"}`, tc.header...); got != tc.want {
				t.Errorf("%s with %v: status %d, want %d", method, tc.header, got, tc.want)
			}
		}
	}
}

func TestNoSecretAndNoWholeTokenIsShown(t *testing.T) {
	t.Parallel()
	sb := newControlled()
	c := newCaller(t, sb.Transport())
	shown := []string{secret, "other-", "presented-secret"}
	for range 2 {
		shown = append(shown, c.token().AccessToken, c.stable().AccessToken)
	}
	c.do("GET", tokenPath(appID, "presented-secret"), "")
	ticket := c.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+shown[3], "").Ticket
	shown = append(shown, ticket)
	sb.Kill(shown[4])
	c.use(shown[4])

	for _, path := range []string{"/", "/?lang=zh", "/?app=" + appID, "/state", "/state?app=" + appID} {
		status, body, header := control(t, sb, "GET", path, "")
		if status != 200 || !strings.Contains(body, appID) {
			t.Errorf("GET %s: status %d", path, status)
		}
		for _, s := range shown {
			if strings.Contains(body, s) {
				t.Errorf("GET %s shows %.12s…", path, s)
			}
		}
		if strings.HasPrefix(path, "/state") {
			if !json.Valid([]byte(body)) {
				t.Errorf("GET %s is no JSON", path)
			}
		} else if !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("GET %s has no content security policy", path)
		}
	}
	for _, path := range []string{"/page.css", "/page.js"} {
		if status, _, _ := control(t, sb, "GET", path, ""); status != 200 {
			t.Errorf("GET %s: status %d", path, status)
		}
	}
	if status, _, header := control(t, sb, "GET", "", ""); status != 303 || header.Get("Location") != "/_sandbox/" {
		t.Errorf("GET /_sandbox: status %d", status)
	}
	if status, _, _ := control(t, sb, "GET", "/page.html", ""); status != 404 {
		t.Errorf("GET /page.html: status %d, want 404", status)
	}
}

func TestAnEmptySandboxAndManyAppsHaveAPage(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{})
	if status, body, _ := control(t, sb, "GET", "/", ""); status != 200 || !strings.Contains(body, "No app is registered.") {
		t.Errorf("empty sandbox: status %d", status)
	}
	for i := range 150 {
		sb.AddApp(sandbox.App{ID: fmt.Sprintf("wx%016d", i), Secret: secret})
	}
	if _, body, _ := control(t, sb, "GET", "/state", ""); !strings.Contains(body, `"apps_not_shown":50`) {
		t.Error("not all but a hundred apps are hidden")
	}
	if _, body, _ := control(t, sb, "GET", "/?app=wx0000000000000149", ""); !strings.Contains(body, "wx0000000000000149") {
		t.Error("a hidden app cannot be asked for")
	}
}

func TestAppsDoNotPrintTheirSecret(t *testing.T) {
	t.Parallel()
	app := sandbox.App{ID: appID, Secret: secret}
	cfg := sandbox.Config{Apps: []sandbox.App{app}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&out, verb, app)
		fmt.Fprintf(&out, verb, &app)
		fmt.Fprintf(&out, verb, cfg)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "app", app, "apps", cfg.Apps)
	b, err := json.Marshal(cfg.Apps)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	if strings.Contains(out.String(), secret) {
		t.Errorf("the secret is printed: %s", out.String())
	}
}
