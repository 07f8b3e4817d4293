package httpapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/stacktest"
	"github.com/hufu-io/hufu/internal/virtual"
)

// virtualStack has the client caller, which gets virtual tokens of the app shop, and the
// client blind, which should but has no right to call.
func virtualStack(tb testing.TB) stacktest.Config {
	tb.Helper()
	codec, err := virtual.New(bytes.Repeat([]byte{1}, virtual.KeySize))
	if err != nil {
		tb.Fatal(err)
	}
	caller := stacktest.Client("caller", callerKey, broker.Call|broker.Renew, "shop")
	blind := stacktest.Client("blind", stacktest.Key("blind"), broker.Read, "shop")
	caller.Handout, blind.Handout = broker.HandoutVirtual, broker.HandoutVirtual
	return stacktest.Config{Virtual: codec, Clients: []*broker.Client{caller, blind}}
}

const callerKey = "caller-key-0123456789abcdef0123456789"

// What is said of a virtual token is always the same, in each way of asking.
func TestAVirtualTokenIsToldWithOneVersionAndLifetime(t *testing.T) {
	t.Parallel()
	inBubble(t, virtualStack(t), func(t *testing.T, s *stack) {
		hot := s.get(tokenPath, callerKey)
		first := tokenIn(t, hot)
		if hot.Header().Get("ETag") != `"1"` || !strings.HasPrefix(first.Token, "hv1_") || s.Sandbox.Live(first.Token) {
			t.Fatalf("ETag %s, token %s", hot.Header().Get("ETag"), first.Token)
		}
		for range 4 {
			time.Sleep(31 * time.Minute)
			want := api.Token{
				App: "shop", Kind: "access_token", Token: first.Token, Version: 1, ExpiresIn: 7200,
				Expiry: time.Now().Add(7200 * time.Second).UTC().Truncate(time.Second),
			}
			renew := func(body string) call {
				return call{method: "POST", target: tokenPath + "/renew", key: callerKey, body: body}
			}
			for _, c := range []call{
				{target: tokenPath, key: callerKey},
				{target: tokenPath + "?min_ttl=1h", key: callerKey},
				{target: tokenPath + "?min_ttl=3h", key: callerKey},
				{target: tokenPath, key: callerKey, header: map[string]string{"If-None-Match": `"2"`}},
				renew(`{"version":1}`), renew(`{"version":42}`), renew(`{"token":"` + first.Token + `"}`), renew(`{"token":"83_x"}`),
			} {
				if d := cmp.Diff(want, tokenIn(t, s.do(c))); d != "" {
					t.Errorf("%s %s %s (-want +got):\n%s", c.method, c.target, c.body, d)
				}
			}
		}
	})
}

func TestAVirtualTokenIsNeverModified(t *testing.T) {
	t.Parallel()
	inBubble(t, virtualStack(t), func(t *testing.T, s *stack) {
		s.get(tokenPath, callerKey)
		seen := map[string]string{"If-None-Match": `"1"`}
		for wait, least := range map[string]time.Duration{"": 0, "?wait=30s": 30 * time.Second} {
			begun := time.Now()
			w := s.do(call{target: tokenPath + wait, key: callerKey, header: seen})
			if w.Code != http.StatusNotModified || w.Header().Get("ETag") != `"1"` || time.Since(begun) != least {
				t.Errorf("%q: %d after %v", wait, w.Code, time.Since(begun))
			}
		}
	})
}

func TestAVirtualClientWithoutTheRightToCallIsToldSo(t *testing.T) {
	t.Parallel()
	inBubble(t, virtualStack(t), func(t *testing.T, s *stack) {
		for _, target := range []string{tokenPath, tokenPath + "?min_ttl=1m", "/v1/watch?app=shop"} {
			p := problemIn(t, s.get(target, stacktest.Key("blind")), http.StatusForbidden)
			if p.Code != api.CodeNotAllowed || !strings.Contains(p.Detail, "virtual tokens") || !strings.Contains(p.Detail, "right call") || p.Hint == "" {
				t.Errorf("%s: %+v", target, p)
			}
		}
	})
}

// A client's paths and handout, and an app's deny list, come back as they were given.
func TestPathsHandoutAndDenyListsComeBack(t *testing.T) {
	t.Parallel()
	inBubbleWith(t, httpapi.Config{}, func(t *testing.T, s *stack) {
		added := decode[api.Client](t, s.do(call{
			method: "POST", target: "/v1/clients", key: adminKey,
			body: `{"name":"mailer","apps":["shop"],"allow":["call"],"paths":["/cgi-bin/message/*"],"handout":"virtual"}`,
		}), http.StatusCreated)
		want := api.Client{
			Name: "mailer", Apps: []string{"shop"}, Allow: []string{"call"}, Paths: []string{"/cgi-bin/message/*"}, Handout: "virtual", Origin: "api", Key: added.Key,
		}
		if d := cmp.Diff(want, added); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		want.Key = ""
		for _, c := range decode[[]api.Client](t, s.get("/v1/clients", adminKey), http.StatusOK) {
			if c.Name == "mailer" && !cmp.Equal(want, c) {
				t.Errorf("(-want +got):\n%s", cmp.Diff(want, c))
			}
		}
		put := func(deny string) string {
			t.Helper()
			w := s.do(s.putApp("blog", strings.Replace(newApp, `{`, `{`+deny, 1)))
			if w.Code/100 != 2 {
				t.Fatal(w.Body)
			}
			return s.get("/v1/apps/blog", adminKey).Body.String()
		}
		for _, tc := range []struct{ in, out string }{
			{``, ""}, {`"deny":["/a","/b/*"],`, `"deny":["/a","/b/*"]`}, {`"deny":[],`, `"deny":[]`}, {`"deny":null,`, ""}, {``, ""},
		} {
			if got := put(tc.in); tc.out == "" && strings.Contains(got, "deny") || !strings.Contains(got, tc.out) {
				t.Errorf("%q comes back as %s", tc.in, got)
			}
		}
	})
}

// What a watcher of virtual tokens hears: the same token, and of each renewal how long it
// lasts from then.
func TestAWatchOfAVirtualTokenShowsOneToken(t *testing.T) {
	t.Parallel()
	inBubble(t, virtualStack(t), func(t *testing.T, s *stack) {
		first := tokenIn(t, s.get(tokenPath, callerKey))
		// A ticket that somebody else reads is none of its business.
		s.get("/v1/apps/shop/tokens/jsapi_ticket", ordersKey)
		w := s.watch(t, "app=shop", callerKey)
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		got, comments := w.take(t)
		if len(got) < 3 || comments < 1000 || !w.open() {
			t.Errorf("%d events and %d comments in five hours; open: %v", len(got), comments, w.open())
		}
		for _, tok := range got {
			if tok.Token != first.Token || tok.Version != 1 || tok.ExpiresIn != 7200 || tok.Kind != "access_token" {
				t.Errorf("told of %+v", tok)
			}
		}
	})
}
