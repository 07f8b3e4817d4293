package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// Nothing that calls carry is left anywhere (I6): not the keys and tokens that callers
// show, not the app's own token and secret that are put in their place, and not what users
// get. The calls fail in all ways in which there is something to log.
func TestNothingThatCallsCarryIsLeftAnywhere(t *testing.T) {
	t.Parallel()
	up := startUpstream(t, sandbox.Config{}, nil)
	limited := callers + `
  - {name: limited, key: ` + limitedKey + `, apps: [stable], allow: [call], paths: ["/cgi-bin/message/*"]}`
	dir := configure(t, up.url, "overlap: 5m", limited, "log: {level: debug}")
	server := start(t, dir, "serve")
	const wrong = "wrong-token-0123456789abcdef0123456789abcdef"
	marks := map[string]string{
		"app secret": secret, "wrong token": wrong, "admin's key": key,
		"key": realKey, "key of virtual tokens": virtualKey, "limited key": limitedKey,
		"real token": server.handedOut(t, stableID, realKey), "virtual token": server.handedOut(t, stableID, virtualKey),
	}
	var answers bytes.Buffer // all that may be seen by somebody who may not have tokens
	do := func(method, pathAndQuery, bearer, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.url+pathAndQuery, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		r.Header.Set("Cookie", "key="+wrong)
		r.Header.Set("Referer", "http://page/?access_token="+wrong)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return // A platform that breaks off may take its caller along.
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		if !strings.Contains(pathAndQuery, "/sns/oauth2/refresh_token") { // It gives the user's tokens to those who have them.
			_, _ = fmt.Fprintln(&answers, method, res.Status, res.Header, string(b))
		}
	}
	userMarks(t, up, server, marks)

	all := func() {
		for _, v := range marks {
			q := url.QueryEscape(v)
			// Where it belongs, and everywhere where it does not.
			for _, path := range []string{
				"/cgi-bin/user/get?access_token=" + q, "/cgi-bin/message/custom/send?access_token=" + q, "/cgi-bin/nosuch?access_token=" + q,
				"/gateway/stable/cgi-bin/user/get?access_token=" + q, "/gateway/classic/cgi-bin/user/get?access_token=" + q,
				"/gateway/" + q + "/cgi-bin/user/get", "/gateway/stable/" + q, "/gateway/stable/cgi-bin/user/get/" + q + "?access_token=" + q,
				"/cgi-bin/clear_quota?access_token=" + q, "/cgi-bin/component/x?component_access_token=" + q + "&access_token=" + q,
				"/sns/userinfo?openid=o1&access_token=" + q, "/sns/nosuch?access_token=" + q, "/sns/oauth2/refresh_token?grant_type=refresh_token&appid=" + stableID + "&refresh_token=" + q,
				"/sns/jscode2session?grant_type=authorization_code&appid=" + stableID + "&js_code=" + q + "&secret=" + q,
				"/sns/oauth2/access_token?grant_type=authorization_code&appid=" + q + "&code=x&secret=" + q,
				"/cgi-bin/ticket/getticket?type=jsapi&x=" + q, "/v1/apps/" + q, "/" + q,
			} {
				if strings.HasPrefix(path, "/cgi-bin/message/") {
					do(http.MethodPost, path, "", `{"touser":"`+v+`","text":"`+v)
					continue
				}
				do(http.MethodGet, path, "", "")
			}
			for _, bearer := range []string{realKey, virtualKey, limitedKey, key, v} {
				do(http.MethodGet, "/gateway/stable/cgi-bin/user/get", bearer, "")
				do(http.MethodGet, "/gateway/stable/cgi-bin/user/get?x="+q, bearer, "")
				do(http.MethodPost, "/gateway/stable/cgi-bin/message/custom/send", bearer, `{"touser":"`+v+`"}`)
				do(http.MethodGet, "/gateway/stable/cgi-bin/%25"+v+"/%2e%2e", bearer, "")
			}
		}
	}
	all()
	for _, f := range []sandbox.Fault{
		{Kind: sandbox.FaultReset}, {Kind: sandbox.FaultTruncated}, {Kind: sandbox.FaultGarbage}, {Kind: sandbox.FaultStatus}, {Kind: sandbox.FaultErrcode, Errcode: 45009}, {Kind: sandbox.FaultErrcode, Errcode: 40001},
	} {
		up.Inject(f)
		do(http.MethodGet, "/gateway/stable/cgi-bin/user/get", realKey, "")
		do(http.MethodGet, "/cgi-bin/user/get?access_token="+url.QueryEscape(marks["virtual token"]), "", "")
		do(http.MethodGet, "/cgi-bin/message/get?access_token="+url.QueryEscape(marks["real token"]), "", "")
		do(http.MethodGet, "/sns/jscode2session?grant_type=authorization_code&appid="+stableID+"&js_code=c&secret="+realKey, "", "")
		do(http.MethodGet, "/sns/userinfo?openid=o1&access_token="+url.QueryEscape(marks["user's token"]), "", "")
		up.ClearFaults()
	}
	for _, path := range []string{"/v1/apps", "/v1/clients", "/v1/audit", "/v1/apps/stable/quota", "/v1/apps/stable/doctor", "/readyz", "/metrics"} {
		do(http.MethodGet, path, key, "")
	}
	// Calls that are under way are in the crash dump.
	up.Inject(sandbox.Fault{Kind: sandbox.FaultHang})
	var at sync.WaitGroup
	for _, d := range server.waiting(t, marks) {
		at.Go(func() { _, _ = ask(d) })
	}
	waitFor(t, "calls under way", func() bool { return up.active.Load() >= 3 })
	if n := up.Calls(stableID, "/cgi-bin/user/get"); n == 0 {
		t.Error("no call arrived")
	}
	places := crash(t, server, dir, answers.Bytes())
	at.Wait()
	search(t, places, marks)
	for _, said := range []string{"a call got no answer of the platform", "gateway.(*Gateway).RoundTrip"} {
		if !bytes.Contains(places["stderr"], []byte(said)) {
			t.Errorf("nothing was said of %q", said)
		}
	}
}

// userMarks exchanges codes of users through the server, and adds what these give.
func userMarks(t *testing.T, up *upstream, server *process, marks map[string]string) {
	t.Helper()
	exchange := func(path, codeParam, code string) reply {
		t.Helper()
		q := url.Values{"grant_type": {"authorization_code"}, "appid": {stableID}, "secret": {realKey}, codeParam: {code}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.url+path+"?"+q.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ask(r)
		if err != nil || !a.ok() {
			t.Fatalf("%s: %v %v", path, a, err)
		}
		return a
	}
	code, err := up.NewCode(stableID, "o1", sandbox.ScopeUserInfo)
	if err != nil {
		t.Fatal(err)
	}
	a := exchange("/sns/oauth2/access_token", "code", code)
	marks["user's token"], marks["user's refresh token"] = a.AccessToken, a.Refresh
	if code, err = up.NewJSCode(stableID, "o1"); err != nil {
		t.Fatal(err)
	}
	marks["session key"] = exchange("/sns/jscode2session", "js_code", code).SessionKey
}

// waiting are calls that the platform does not answer.
func (p *process) waiting(t *testing.T, marks map[string]string) (list []*http.Request) {
	t.Helper()
	for _, d := range []door{
		{prefix: "/gateway/stable", bearer: realKey}, {shows: marks["virtual token"]}, {shows: marks["real token"]},
	} {
		list = append(list, d.request(t, http.MethodGet, p.url, "/cgi-bin/menu/get", nil))
	}
	d := door{shows: marks["user's token"]}
	return append(list, d.request(t, http.MethodGet, p.url, "/sns/userinfo?openid=o1", nil))
}
