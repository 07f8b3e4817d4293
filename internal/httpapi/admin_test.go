package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/stacktest"
)

func (s *stack) putApp(id, body string) call {
	return call{method: "PUT", target: "/v1/apps/" + id, key: adminKey, body: body}
}

const newApp = `{"platform":"wechat","app_id":"` + otherID + `","secret":"` + secret + `","base_url":"http://sandbox","renew":{"every":"30m"}}`

func TestAppsComeChangeAndGo(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		w := s.do(s.putApp("blog", newApp))
		if body := w.Body.String(); strings.Contains(body, secret) {
			t.Errorf("I6: the secret comes out: %s", body)
		}
		made := decode[api.App](t, w, http.StatusCreated)
		want := api.App{
			ID: "blog", Platform: "wechat", AppID: otherID, Mode: "stable", BaseURL: "http://sandbox", Origin: "api",
			Renew: api.Renew{Every: api.Duration(30 * time.Minute)},
		}
		made.Tokens = nil
		if d := cmp.Diff(want, made); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		s.Settle()
		tok := tokenIn(t, s.get("/v1/apps/blog/tokens/access_token", adminKey))
		if !s.Sandbox.Live(tok.Token) {
			t.Error("the new app has no live token")
		}
		got := decode[api.App](t, s.get("/v1/apps/blog", adminKey), http.StatusOK)
		if len(got.Tokens) != 1 || !got.Tokens[0].Usable || got.Tokens[0].Version != tok.Version || got.Tokens[0].Problem != nil {
			t.Errorf("%+v", got.Tokens)
		}
		// The secret stays where none is given and the registration is the same.
		again := strings.Replace(newApp, `"secret":"`+secret+`",`, "", 1)
		decode[api.App](t, s.do(s.putApp("blog", strings.Replace(again, "30m", "20m", 1))), http.StatusOK)
		if got := tokenIn(t, s.get("/v1/apps/blog/tokens/access_token", adminKey)); got.Token != tok.Token {
			t.Error("a change of the policy replaced the token")
		}
		// It is not sent to another place.
		elsewhere := strings.Replace(again, "http://sandbox", "http://elsewhere", 1)
		problemIn(t, s.do(s.putApp("blog", elsewhere)), http.StatusBadRequest)

		if w := s.do(call{method: "DELETE", target: "/v1/apps/blog", key: adminKey}); w.Code != http.StatusNoContent || w.Body.Len() > 0 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		problemIn(t, s.get("/v1/apps/blog/tokens/access_token", adminKey), http.StatusNotFound)
		problemIn(t, s.do(call{method: "DELETE", target: "/v1/apps/blog", key: adminKey}), http.StatusNotFound)

		time.Sleep(1100 * time.Millisecond)
		var actions []string
		for _, e := range s.Entries() {
			if e.App == "blog" && e.Action != "read" {
				actions = append(actions, fmt.Sprint(e.Client, " ", e.Action, " ", e.Result))
				if e.RequestID == "" || e.Remote == "" || e.At.IsZero() {
					t.Errorf("I10: %+v", e)
				}
			}
		}
		wantActions := []string{
			// What was refused is counted and so written a little later.
			"admin put_app invalid", "admin delete_app ok", "admin put_app ok", "admin put_app ok",
		}
		if d := cmp.Diff(wantActions, actions); d != "" {
			t.Errorf("I10: the audit (-want +got):\n%s", d)
		}
	})
}

// A changed secret is tried at once, and a fault that it mends is forgotten.
func TestAMendedSecretWorksAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		s.do(s.putApp("blog", strings.Replace(newApp, `"secret":"`+secret, `"secret":"wrong`, 1)))
		s.Settle()
		if p := problemIn(t, s.get("/v1/apps/blog/tokens/access_token", adminKey), http.StatusBadGateway); p.Class != api.ClassBadCredential {
			t.Errorf("%+v", p)
		}
		st := decode[api.App](t, s.get("/v1/apps/blog", adminKey), http.StatusOK)
		if len(st.Tokens) != 1 || st.Tokens[0].Usable || st.Tokens[0].Problem == nil || st.Tokens[0].Problem.Platform.Code != "40125" {
			t.Errorf("%+v", st.Tokens)
		}
		s.do(s.putApp("blog", strings.Replace(newApp, `"secret":"`+secret+`"`, `"secret":["wrong","`+secret+`"]`, 1)))
		begun := time.Now()
		if tok := tokenIn(t, s.get("/v1/apps/blog/tokens/access_token", adminKey)); !s.Sandbox.Live(tok.Token) || time.Since(begun) > time.Second {
			t.Errorf("%+v after %v", tok, time.Since(begun))
		}
	})
}

func TestListsOfAppsArePaged(t *testing.T) {
	t.Parallel()
	var apps []*broker.App
	for i := range 25 {
		a := stacktest.NewApp(fmt.Sprintf("api-%02d", i), fmt.Sprintf("wx%016d", i))
		a.Policy = &broker.Policy{InitialDelay: time.Hour}
		apps = append(apps, a)
	}
	half := stacktest.Client("half", "half-key-0123456789abcdef0123456789", broker.Admin, "api-1*")
	inBubble(t, stacktest.Config{Apps: apps, Clients: []*broker.Client{half}}, func(t *testing.T, s *stack) {
		list := func(query, key string) []api.App {
			w := s.get("/v1/apps?"+query, key)
			if strings.Contains(w.Body.String(), secret) {
				t.Error("I6: a secret comes out")
			}
			return decode[[]api.App](t, w, http.StatusOK)
		}
		var ids []string
		for after := ""; ; after = ids[len(ids)-1] {
			page := list("limit=7&after="+after, adminKey)
			for _, a := range page {
				ids = append(ids, a.ID)
			}
			if len(page) < 7 {
				break
			}
		}
		if len(ids) != 26 || ids[0] != "api-00" || ids[25] != "shop" {
			t.Errorf("%d apps: %v", len(ids), ids)
		}
		if got := list("", "half-key-0123456789abcdef0123456789"); len(got) != 10 || got[0].ID != "api-10" {
			t.Errorf("the administrator of some sees %d apps, want 10", len(got))
		}
		if got := list("after=zzz", adminKey); len(got) != 0 {
			t.Errorf("after the last: %v", got)
		}
	})
}

// An administrator of some apps has no say over others, nor over clients.
func TestAnAdministratorOfSomeAppsStaysThere(t *testing.T) {
	t.Parallel()
	const key = "half-key-0123456789abcdef0123456789"
	half := stacktest.Client("half", key, broker.Admin, "api-*")
	inBubble(t, stacktest.Config{Clients: []*broker.Client{half}}, func(t *testing.T, s *stack) {
		for _, c := range []call{
			{target: "/v1/apps/shop"},
			{method: "PUT", target: "/v1/apps/shop", body: newApp},
			{method: "DELETE", target: "/v1/apps/shop"},
			{target: "/v1/clients"},
			{method: "POST", target: "/v1/clients", body: `{"name":"x","apps":["*"],"allow":["admin"]}`},
			{method: "DELETE", target: "/v1/clients/orders"},
			{target: "/v1/audit"},
			{target: "/v1/audit?app=shop"},
			{target: tokenPath},
		} {
			c.key = key
			if p := problemIn(t, s.do(c), http.StatusForbidden); p.Code != api.CodeNotAllowed {
				t.Errorf("%s %s: %+v", c.method, c.target, p)
			}
		}
		// newApp names another host than the platform's, which others decide on.
		problemIn(t, s.do(call{method: "PUT", target: "/v1/apps/api-1", key: key, body: newApp}), http.StatusForbidden)
		usual := `{"platform":"wechat","app_id":"` + otherID + `","secret":"` + secret + `","renew":{"initial_delay":"1h"}}`
		decode[api.App](t, s.do(call{method: "PUT", target: "/v1/apps/api-1", key: key, body: usual}), http.StatusCreated)
		decode[api.AuditPage](t, s.get("/v1/audit?app=api-1", key), http.StatusOK)
	})
}

func TestClientsComeAndGo(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		body := `{"name":"new","apps":["shop","api-*"],"allow":["read"],"sdk":"silenceper"}`
		made := decode[api.Client](t, s.do(call{method: "POST", target: "/v1/clients", key: adminKey, body: body}), http.StatusCreated)
		if !strings.HasPrefix(made.Key, "hufu_") || len(made.Key) < 32 {
			t.Errorf("key %q", made.Key)
		}
		want := api.Client{Name: "new", Apps: []string{"shop", "api-*"}, Allow: []string{"read"}, Handout: "real", SDK: "silenceper", Origin: "api"}
		key := made.Key
		made.Key = ""
		if d := cmp.Diff(want, made); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		tokenIn(t, s.get(tokenPath, key))
		w := s.get("/v1/clients", adminKey)
		if strings.Contains(w.Body.String(), key) || strings.Contains(w.Body.String(), "sha256") {
			t.Error("I6: a key comes out again")
		}
		list := decode[[]api.Client](t, w, http.StatusOK)
		var names []string
		for _, c := range list {
			names = append(names, c.Name+" "+c.Origin)
		}
		if d := cmp.Diff([]string{"admin file", "new api", "orders file", "reader file"}, names); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		problemIn(t, s.do(call{method: "POST", target: "/v1/clients", key: adminKey, body: body}), http.StatusConflict)
		if w := s.do(call{method: "DELETE", target: "/v1/clients/new", key: adminKey}); w.Code != http.StatusNoContent {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		problemIn(t, s.get(tokenPath, key), http.StatusUnauthorized)
		time.Sleep(1100 * time.Millisecond)
		var actions []string
		for _, e := range s.Entries() {
			if strings.HasSuffix(e.Action, "_client") {
				actions = append(actions, e.Action+" "+e.Target+" "+e.Result)
			}
		}
		if d := cmp.Diff([]string{"add_client new already_exists", "delete_client new ok", "add_client new ok"}, actions); d != "" {
			t.Errorf("I10: the audit (-want +got):\n%s", d)
		}
	})
}

func TestAClientMayReadAndRenewUnlessItIsSaid(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		made := decode[api.Client](t, s.do(call{method: "POST", target: "/v1/clients", key: adminKey, body: `{"name":"new","apps":["*"]}`}), http.StatusCreated)
		if d := cmp.Diff([]string{"read", "renew"}, made.Allow); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		problemIn(t, s.get("/v1/clients", made.Key), http.StatusForbidden)
	})
}

// What was changed but could not be accounted for is told as a failure (I10).
func TestAChangeWithoutItsAuditEntryIsToldSo(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		s.Store.Fail(fmt.Errorf("the store is away"))
		w := s.do(s.putApp("blog", newApp))
		s.Store.Fail(nil)
		if w.Code < 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestTheAuditIsFilteredAndPaged(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		s.token()
		start := time.Now().UTC()
		for i := range 23 {
			s.do(s.putApp(fmt.Sprintf("api-%02d", i), newApp))
			time.Sleep(time.Minute)
		}
		page := func(query string) api.AuditPage {
			return decode[api.AuditPage](t, s.get("/v1/audit?"+query, adminKey), http.StatusOK)
		}
		var got []string
		for next := int64(0); ; {
			query := "action=put_app&limit=10"
			if next > 0 {
				query += fmt.Sprintf("&before=%d", next)
			}
			p := page(query)
			for _, e := range p.Entries {
				got = append(got, e.App)
			}
			if next = p.Next; next == 0 {
				break
			}
		}
		if len(got) != 23 || got[0] != "api-22" || got[22] != "api-00" {
			t.Errorf("%d entries, newest first: %v", len(got), got)
		}
		from, to := start.Add(5*time.Minute-time.Second), start.Add(8*time.Minute-time.Second)
		p := page("action=put_app&from=" + from.Format(time.RFC3339) + "&to=" + to.Format(time.RFC3339))
		if len(p.Entries) != 3 || p.Entries[0].App != "api-07" || p.Next != 0 {
			t.Errorf("three minutes of it: %+v", p)
		}
		if p := page("client=orders&app=shop&action=read"); len(p.Entries) == 0 || p.Entries[0].Count < 1 || p.Entries[0].Version < 1 || p.Entries[0].RequestID == "" || p.Entries[0].Remote == "" {
			t.Errorf("I10: who read the token: %+v", p)
		}
		if p := page("client=nobody"); len(p.Entries) != 0 || p.Entries == nil {
			t.Errorf("%+v", p)
		}
	})
}

func TestKeysAreRotatedByAdministratorsOnly(t *testing.T) {
	t.Parallel()
	calls := 0
	rotate := func() (api.KeyRotation, error) {
		calls++
		return api.KeyRotation{Primary: 7, Resealed: 3, Removed: 1}, nil
	}
	inBubbleWith(t, httpapi.Config{RotateKeys: rotate}, func(t *testing.T, s *stack) {
		problemIn(t, s.do(call{method: "POST", target: "/v1/keys/rotate", key: ordersKey}), http.StatusForbidden)
		problemIn(t, s.do(call{target: "/v1/keys/rotate", key: adminKey}), http.StatusMethodNotAllowed)
		if calls != 0 {
			t.Fatal("rotated without the right")
		}
		got := decode[api.KeyRotation](t, s.do(call{method: "POST", target: "/v1/keys/rotate", key: adminKey}), http.StatusOK)
		if got.Primary != 7 || calls != 1 {
			t.Errorf("%+v, %d calls", got, calls)
		}
	})
}
