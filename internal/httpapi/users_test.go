package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/stacktest"
)

var membersKey, keysKey = stacktest.Key("members"), stacktest.Key("keys")

// withUsers runs a test on a stack whose app blog has users.
func withUsers(t *testing.T, f func(*testing.T, *stack, *stacktest.Users, *stacktest.Logins)) {
	t.Helper()
	u, logins := &stacktest.Users{}, &stacktest.Logins{}
	blog := stacktest.NewApp("blog", otherID)
	blog.Login = &broker.Login{Redirects: []string{"https://blog.test/"}}
	blog.PageHosts = []string{"blog.test"}
	keys := stacktest.Client("keys", keysKey, broker.Users, "*")
	keys.SessionKeys = true
	run(t, stacktest.Config{
		Users: u, Logins: logins, Apps: []*broker.App{blog},
		Clients: []*broker.Client{stacktest.Client("members", membersKey, broker.Users, "*"), keys},
	}, httpapi.Config{}, func(t *testing.T, s *stack) { f(t, s, u, logins) })
}

// in logs a user in to the app blog.
func (s *stack) in(u *stacktest.Users, user, scope string) broker.User {
	s.tb.Helper()
	got, err := s.Grants.Exchange(s.tb.Context(), s.Registry.App("blog"), scope, u.Code(user, scope))
	if err != nil {
		s.tb.Fatal(err)
	}
	return got
}

func (s *stack) post(target, key, body string) call {
	return call{method: "POST", target: target, key: key, body: body}
}

const users = "/v1/apps/blog/users"

func TestALoginIsExchangedOnce(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, logins *stacktest.Logins) {
		who := s.in(u, "alice", stacktest.UserInfo)
		logins.Add("code", who)
		w := s.do(s.post(users+"/exchange", membersKey, `{"code":"code","code_verifier":"v","redirect_uri":"https://blog.test/"}`))
		want := api.User{App: "blog", OpenID: "alice", UnionID: "union-alice", Scope: stacktest.UserInfo, Kind: stacktest.UserInfo}
		if d := cmp.Diff(want, decode[api.User](t, w, http.StatusOK)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if got := w.Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control %q", got)
		}
		if p := problemIn(t, s.do(s.post(users+"/exchange", membersKey, `{"code":"code"}`)), http.StatusBadRequest); p.Code != api.CodeBadCode {
			t.Errorf("%+v", p)
		}
		if p := problemIn(t, s.do(s.post("/v1/apps/shop/users/exchange", membersKey, `{"code":"code"}`)), http.StatusNotFound); p.Code != api.CodeNoLogin || p.Hint == "" {
			t.Errorf("%+v", p)
		}
		for _, body := range []string{``, `{}`, `{"code":""}`, `{"code":"a b"}`, `{"code":7}`, `{"code":"x","verifier":"y"}`, `{"code":"` + strings.Repeat("x", 513) + `"}`, `{"code":"x","code_verifier":"\u0000"}`} {
			problemIn(t, s.do(s.post(users+"/exchange", membersKey, body)), http.StatusBadRequest)
		}
	})
}

// I6: no list, and no answer about a user but that of the token's own path, has a token.
func TestUsersAreListedWithoutTheirTokens_I6(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		begun := time.Now().UTC().Truncate(time.Millisecond)
		for i := range 7 {
			s.in(u, fmt.Sprint("user-", i), stacktest.Base)
		}
		s.in(u, "user-3", stacktest.UserInfo)
		var seen []string
		for after := ""; ; {
			w := s.get(users+"?limit=3&after="+url.QueryEscape(after), membersKey)
			if body := w.Body.String(); strings.Contains(body, "UT_") || strings.Contains(body, "RT_") {
				t.Errorf("I6: a token is in the list: %s", body)
			}
			page := decode[api.Grants](t, w, http.StatusOK)
			for _, g := range page.Grants {
				seen = append(seen, g.OpenID+" "+g.Kind)
			}
			if after = page.Next; after == "" {
				break
			}
		}
		want := []string{
			"user-0 snsapi_base", "user-1 snsapi_base", "user-2 snsapi_base", "user-3 snsapi_base", "user-3 snsapi_userinfo",
			"user-4 snsapi_base", "user-5 snsapi_base", "user-6 snsapi_base",
		}
		if d := cmp.Diff(want, seen); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		one := decode[api.Grants](t, s.get(users+"/user-3", membersKey), http.StatusOK)
		if len(one.Grants) != 2 || one.Next != "" {
			t.Fatalf("%+v", one)
		}
		got := one.Grants[1]
		wantGrant := api.Grant{
			User:    api.User{App: "blog", OpenID: "user-3", UnionID: "union-user-3", Scope: stacktest.UserInfo, Kind: stacktest.UserInfo},
			Version: got.Version, Authorized: begun, Expiry: begun.Add(2 * time.Hour), Deadline: begun.Add(30 * 24 * time.Hour),
		}
		if d := cmp.Diff(wantGrant, got); d != "" || got.Version == 0 {
			t.Errorf("(-want +got):\n%s", d)
		}
		if f := decode[api.Forgotten](t, s.do(call{method: "DELETE", target: users + "/user-3", key: membersKey}), http.StatusOK); f.Deleted != 2 {
			t.Errorf("%+v", f)
		}
		for _, c := range []call{{target: users + "/user-3"}, {method: "DELETE", target: users + "/user-3"}, {target: users + "/user-3/token"}, {target: users + "/user-3/profile"}} {
			c.key = membersKey
			if p := problemIn(t, s.do(c), http.StatusNotFound); p.Code != api.CodeNoGrant || p.Hint == "" {
				t.Errorf("%s %s: %+v", c.method, c.target, p)
			}
		}
		for _, q := range []string{"?after=user-3", "?after=%2F", "?after=user-3%2F", "?limit=0", "?limit=1001", "?before=x"} {
			problemIn(t, s.get(users+q, membersKey), http.StatusBadRequest)
		}
	})
}

func TestAUsersTokenIsReadAndReported(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		s.in(u, "alice", stacktest.UserInfo)
		w := s.get(users+"/alice/token?scope=snsapi_base&min_ttl=1h", membersKey)
		got := decode[api.UserToken](t, w, http.StatusOK)
		want := api.UserToken{
			App: "blog", OpenID: "alice", Scope: stacktest.UserInfo, Kind: stacktest.UserInfo, Token: got.Token, TokenKind: "user",
			Version: got.Version, ExpiresIn: got.ExpiresIn, Expiry: time.Now().UTC().Add(time.Duration(got.ExpiresIn) * time.Second).Truncate(time.Second),
		}
		if d := cmp.Diff(want, got); d != "" || got.ExpiresIn < 3600 || got.ExpiresIn > 7200 || !strings.HasPrefix(got.Token, "UT_") {
			t.Errorf("%+v (-want +got):\n%s", got, d)
		}
		if w.Header().Get("ETag") != `"`+strconv.FormatInt(got.Version, 10)+`"` {
			t.Errorf("ETag %q", w.Header().Get("ETag"))
		}
		u.Kill(got.Token)
		time.Sleep(time.Minute)
		renew := users + "/alice/token/renew"
		next := decode[api.UserToken](t, s.do(s.post(renew, membersKey, fmt.Sprintf(`{"version":%d,"scope":"snsapi_base"}`, got.Version))), http.StatusOK)
		if next.Token == got.Token || next.Version <= got.Version || next.TokenKind != "user" {
			t.Errorf("%+v", next)
		}
		late := decode[api.UserToken](t, s.do(s.post(renew, membersKey, `{"token":"`+got.Token+`"}`)), http.StatusOK)
		if late.Token != next.Token || u.Count("refresh") != 1 {
			t.Errorf("I4: %+v after %d refreshes", late, u.Count("refresh"))
		}
		for _, body := range []string{``, `{}`, `{"scope":"snsapi_base"}`, `{"version":-1}`, `{"version":-1,"token":"x"}`, `{"version":1,"scope":"snsapi_all"}`, `{"leaked":true}`} {
			problemIn(t, s.do(s.post(renew, membersKey, body)), http.StatusBadRequest)
		}
		for _, q := range []string{"?scope=snsapi_all", "?min_ttl=x", "?wait=1s"} {
			problemIn(t, s.get(users+"/alice/token"+q, membersKey), http.StatusBadRequest)
		}
		own := tokenIn(t, s.get("/v1/apps/blog/tokens/access_token", adminKey))
		if p := problemIn(t, s.do(s.post(renew, membersKey, `{"token":"`+own.Token+`"}`)), http.StatusBadRequest); p.Code != api.CodeWrongTokenKind {
			t.Errorf("I8: %+v", p)
		}
		// The user takes back what she granted.
		u.Revoke("alice")
		time.Sleep(3 * time.Hour)
		if p := problemIn(t, s.get(users+"/alice/token", membersKey), http.StatusForbidden); p.Code != api.CodeAuthorizationEnded || p.Hint == "" {
			t.Errorf("%+v", p)
		}
		ended := decode[api.Grants](t, s.get(users+"/alice", membersKey), http.StatusOK).Grants[0]
		if ended.Ended.IsZero() || ended.Problem == nil {
			t.Errorf("%+v", ended)
		}
	})
}

// Every answer about a user says with which kind of token it was made (I8).
func TestProfilesAndSubscriptionsSayWhichTokenTheyAreBy_I8(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		s.in(u, "alice", stacktest.UserInfo)
		s.in(u, "bob", stacktest.Base)
		profile := decode[api.Profile](t, s.get(users+"/alice/profile?lang=zh_TW", membersKey), http.StatusOK)
		want := api.Profile{
			App: "blog", OpenID: "alice", UnionID: "union-alice", Nickname: "name of alice", Sex: 2, City: "zh_TW", Country: "CN",
			Portrait: "https://thirdwx.test/alice", Privilege: []string{"chinaunicom"}, Kind: stacktest.UserInfo, TokenKind: "user",
		}
		if d := cmp.Diff(want, profile); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if p := problemIn(t, s.get(users+"/bob/profile", membersKey), http.StatusForbidden); p.Code != api.CodeScopeLacking || p.Hint == "" {
			t.Errorf("%+v", p)
		}
		sub := decode[api.Subscription](t, s.get(users+"/nobody/subscription?lang=en", membersKey), http.StatusOK)
		wantSub := api.Subscription{
			App: "blog", OpenID: "nobody", Subscribed: true, SubscribedAt: time.Unix(1_700_000_000, 0).UTC(), Language: "en", Tags: []int64{2},
			Scene: "ADD_SCENE_QR_CODE", TokenKind: "app",
		}
		if d := cmp.Diff(wantSub, sub); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		for _, path := range []string{"/alice/profile?lang=de", "/alice/subscription?lang=zh", "/alice/profile?language=en"} {
			problemIn(t, s.get(users+path, membersKey), http.StatusBadRequest)
		}
	})
}

func TestOpenIDsAreChecked(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		for _, id := range []string{strings.Repeat("a", 129), "a.b", "a%20b", "a%2Fb", "%E4%B8%AD", "a%00", "a'b"} {
			for _, c := range []call{
				{target: users + "/" + id},
				{method: "DELETE", target: users + "/" + id},
				{target: users + "/" + id + "/token"},
				{method: "POST", target: users + "/" + id + "/token/renew", body: `{"version":1}`},
				{target: users + "/" + id + "/profile"},
				{target: users + "/" + id + "/subscription"},
				{method: "POST", target: "/v1/apps/blog/sessions/" + id + "/verify", body: `{"raw_data":"x","signature":"y"}`},
				{method: "POST", target: "/v1/apps/blog/sessions/" + id + "/decrypt", body: `{"encrypted_data":"x","iv":"y"}`},
			} {
				c.key = membersKey
				if p := problemIn(t, s.do(c), http.StatusBadRequest); strings.Contains(p.Detail, id) {
					t.Errorf("%s is repeated: %+v", id, p)
				}
			}
		}
		// The longest that there may be is only unknown.
		if p := problemIn(t, s.get(users+"/"+strings.Repeat("A", 126)+"-_", membersKey), http.StatusNotFound); p.Code != api.CodeNoGrant {
			t.Errorf("%+v", p)
		}
	})
}

func TestMiniProgramsLogTheirUsersIn(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		const sessions = "/v1/apps/blog/sessions"
		login := func(key string) api.Session {
			return decode[api.Session](t, s.do(s.post(sessions, key, `{"js_code":"`+u.Code("bob", "").Reveal()+`"}`)), http.StatusOK)
		}
		want := api.Session{App: "blog", OpenID: "bob", UnionID: "union-bob"}
		if d := cmp.Diff(want, login(membersKey)); d != "" {
			t.Errorf("I6: (-want +got):\n%s", d)
		}
		want.SessionKey = stacktest.SessionKey("bob")
		if d := cmp.Diff(want, login(keysKey)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		verify := func(signature string) bool {
			return decode[api.Verified](t, s.do(s.post(sessions+"/bob/verify", membersKey, `{"raw_data":"{\"a\":1}","signature":"`+signature+`"}`)), http.StatusOK).Valid
		}
		if !verify(stacktest.Sign(`{"a":1}`, want.SessionKey)) || verify("forged") {
			t.Error("what is signed and what is not are not told apart")
		}
		open := func(data string) *call {
			b, _ := json.Marshal(api.DecryptRequest{EncryptedData: data, IV: "iv"})
			c := s.post(sessions+"/bob/decrypt", membersKey, string(b))
			return &c
		}
		got := decode[api.Decrypted](t, s.do(*open(want.SessionKey + `:{"phoneNumber":"1"}`)), http.StatusOK)
		if string(got.Data) != `{"phoneNumber":"1"}` {
			t.Errorf("%s", got.Data)
		}
		for _, data := range []string{"nothing", want.SessionKey + ":no JSON"} {
			if p := problemIn(t, s.do(*open(data)), http.StatusBadRequest); strings.Contains(fmt.Sprint(p), want.SessionKey) {
				t.Errorf("I6: %+v", p)
			}
		}
		for _, c := range []call{
			s.post(sessions, membersKey, `{}`), s.post(sessions, membersKey, `{"js_code":"a b"}`), s.post(sessions, membersKey, `{"js_code":"used"}`),
			s.post(sessions+"/bob/verify", membersKey, `{"raw_data":"x"}`), s.post(sessions+"/bob/decrypt", membersKey, `{"encrypted_data":"x"}`),
		} {
			problemIn(t, s.do(c), http.StatusBadRequest)
		}
		if p := problemIn(t, s.do(s.post(sessions+"/nobody/verify", membersKey, `{"raw_data":"x","signature":"y"}`)), http.StatusNotFound); p.Code != api.CodeNoGrant {
			t.Errorf("%+v", p)
		}
	})
}

func TestGrantsAreImported(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		s.in(u, "alice", stacktest.Base)
		at := time.Now().UTC().Add(time.Hour).Format(time.RFC3339)
		body := `{"users":[{"openid":"alice","scope":"snsapi_base","refresh_token":"RT_a"},` +
			`{"openid":"bob","unionid":"u","scope":"snsapi_userinfo","access_token":"UT_b","expiry":"` + at + `","refresh_token":"RT_b","deadline":"` + at + `"},` +
			`{"openid":"carol","scope":"snsapi_all","refresh_token":"RT_c"}]}`
		w := s.do(s.post(users+"/import", adminKey, body))
		if strings.Contains(w.Body.String(), "RT_") {
			t.Errorf("I6: a token comes out: %s", w.Body)
		}
		got := decode[api.ImportResult](t, w, http.StatusOK)
		if len(got.Results) != 3 || got.Results[2].Problem == nil {
			t.Fatalf("%+v", got)
		}
		got.Results[2].Problem = nil
		want := api.ImportResult{Results: []api.Imported{
			{OpenID: "alice", Kind: stacktest.Base, Result: "kept"}, {OpenID: "bob", Kind: stacktest.UserInfo, Result: "imported"}, {OpenID: "carol", Result: "failed"},
		}}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if tok := decode[api.UserToken](t, s.get(users+"/bob/token", membersKey), http.StatusOK); tok.Token != "UT_b" {
			t.Errorf("%+v", tok)
		}
		problemIn(t, s.do(s.post(users+"/import", membersKey, body)), http.StatusForbidden)
		many := strings.Repeat(`{"openid":"a","scope":"s","refresh_token":"t"},`, api.MaxImport)
		for _, body := range []string{
			`{}`, `{"users":[]}`, `{"users":[` + many + `{"openid":"a","scope":"s","refresh_token":"t"}]}`, `{"users":[{"openid":"a b","scope":"s","refresh_token":"SECRET"}]}`,
			`{"users":[{"openid":"a","refresh_token":"SECRET"}]}`, `{"users":[{"openid":"a","scope":"s","refresh_token":"SECRET with spaces"}]}`,
			`{"users":[{"openid":"a","scope":"s","access_token":"SECRET"}]}`, `{"users":[{"openid":"a","scope":"s","refresh_token":"x","expiry":"SECRET"}]}`,
			`{"users":[{"openid":"a","unionid":"/","scope":"s","refresh_token":"x"}]}`,
		} {
			if p := problemIn(t, s.do(s.post(users+"/import", adminKey, body)), http.StatusBadRequest); strings.Contains(fmt.Sprint(p), "SECRET") {
				t.Errorf("I6: %+v", p)
			}
		}
	})
}

// TestNoUserIsLogged: who uses an app is in the audit, for those who may read it, and not in the log.
func TestNoUserIsLogged(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		s.Store.Fail(fmt.Errorf("the store is away"))
		for _, c := range []call{
			{method: "GET", target: users + "/oNobodysBusiness", key: membersKey},
			{method: "DELETE", target: users + "/oNobodysBusiness", key: membersKey},
			{method: "GET", target: users + "/oNobodysBusiness/token", key: membersKey},
			{method: "POST", target: "/v1/apps/blog/sessions/oNobodysBusiness/verify", key: membersKey, body: `{"raw_data":"x","signature":"00"}`},
		} {
			if w := s.do(c); w.Code != http.StatusServiceUnavailable {
				t.Errorf("%s %s is answered %d %s", c.method, c.target, w.Code, w.Body)
			}
		}
		s.Store.Fail(nil)
		log := s.Log.String()
		if strings.Contains(log, "oNobodysBusiness") || !strings.Contains(log, "/v1/apps/blog/users/{openid}/token") {
			t.Errorf("the log has:\n%s", log)
		}
	})
}
