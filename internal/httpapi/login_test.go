package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

const otherApp = `{"platform":"wechat","app_id":"wx1111111111111111","secret":"` + secret + `","base_url":"http://sandbox",`

func TestAnAppIsGivenALoginAndPages(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		body := otherApp + `"login":{"redirect_uris":["https://a.test/login/"],"scopes":["snsapi_userinfo","snsapi_base"],"authorize_url":"http://127.0.0.1:9090/"},"page_hosts":["a.test","*.b.test"]}`
		made := decode[api.App](t, s.do(s.putApp("new", body)), http.StatusCreated)
		want := &api.Login{RedirectURIs: []string{"https://a.test/login/"}, Scopes: []string{"snsapi_base", "snsapi_userinfo"}, AuthorizeURL: "http://127.0.0.1:9090"}
		if d := cmp.Diff(want, made.Login); d != "" || cmp.Diff([]string{"a.test", "*.b.test"}, made.PageHosts) != "" {
			t.Errorf("%v (-want +got):\n%s", made.PageHosts, d)
		}
		if got := decode[api.App](t, s.get("/v1/apps/new", adminKey), http.StatusOK); cmp.Diff(made.Login, got.Login) != "" {
			t.Errorf("%+v", got.Login)
		}
		// The body is the whole definition.
		gone := decode[api.App](t, s.do(s.putApp("new", strings.TrimSuffix(otherApp, ",")+"}")), http.StatusOK)
		if gone.Login != nil || gone.PageHosts != nil {
			t.Errorf("%+v", gone)
		}
		changes := 0
		for _, e := range s.Entries() {
			if e.Action == "put_app" && e.App == "new" {
				changes++
			}
		}
		if changes != 2 {
			t.Errorf("I10: %d changes are in the audit", changes)
		}
	})
}

func TestLoginsAndPagesThatCannotBe(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		list := func(prefix string, n int) string {
			texts := make([]string, n)
			for i := range texts {
				texts[i] = fmt.Sprint(prefix, i)
			}
			b, _ := json.Marshal(texts)
			return string(b)
		}
		for _, rest := range []string{
			`"login":{}`, `"login":{"redirect_uris":[]}`, `"login":{"redirect_uris":["/login"]}`, `"login":{"redirect_uris":["https://a.test/?x"]}`,
			`"login":{"redirect_uris":["https://a.test/","https://a.test/"]}`, `"login":{"redirect_uris":["javascript:alert(1)"]}`,
			`"login":{"redirect_uris":` + list("https://a.test/", 101) + `}`, `"login":{"redirect_uris":["https://a.test/"],"scopes":["snsapi_all"]}`,
			`"login":{"redirect_uris":["https://a.test/"],"scopes":["snsapi_base","snsapi_base"]}`, `"login":{"redirect_uris":["https://a.test/"],"authorize_url":"open.test"}`,
			`"login":{"redirect_uris":["https://a.test/"],"authorize_url":"http://open.weixin.qq.com"}`, `"login":{"redirect_uri":["https://a.test/"]}`, `"login":"x"`,
			`"page_hosts":["https://a.test"]`, `"page_hosts":["*"]`, `"page_hosts":["a.test","a.test"]`, `"page_hosts":` + list("a.test:1", 101),
		} {
			problemIn(t, s.do(s.putApp("new", otherApp+rest+"}")), http.StatusBadRequest)
		}
		if s.Registry.App("new") != nil {
			t.Error("it was added")
		}
	})
}

func TestAClientMayHaveSessionKeysWithTheRightToUsersOnly(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		add := func(body string) call { return s.post("/v1/clients", adminKey, body) }
		if got := decode[api.Client](t, s.do(add(`{"name":"mini","apps":["*"],"allow":["users"],"session_keys":true}`)), http.StatusCreated); !got.SessionKeys {
			t.Errorf("%+v", got)
		}
		for _, c := range decode[[]api.Client](t, s.get("/v1/clients", adminKey), http.StatusOK) {
			if c.SessionKeys != (c.Name == "mini") {
				t.Errorf("%+v", c)
			}
		}
		problemIn(t, s.do(add(`{"name":"other","apps":["*"],"allow":["read"],"session_keys":true}`)), http.StatusBadRequest)
		if c := s.Registry.Client("mini"); c == nil || !c.SessionKeys || c.Rights != broker.Rights(broker.Users) {
			t.Errorf("%+v", c)
		}
	})
}
