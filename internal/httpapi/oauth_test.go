package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// named answers with its name.
type named string

func (n named) ServeHTTP(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(n)) }

// Serves makes it an OpenID of everything below /oidc/.
func (named) Serves(path string) bool { return strings.Contains(path, "/oidc/") }

// What is below /oauth/{app}/ is ours, and nothing else: platforms have paths there too.
func TestBrowsersComeBelowOAuth(t *testing.T) {
	t.Parallel()
	inBubbleWith(t, httpapi.Config{Login: named("login"), OpenID: named("oidc"), DropIn: named("drop-in")}, func(t *testing.T, s *stack) {
		ids := map[string]bool{}
		for _, c := range []struct{ method, target, want string }{
			{"GET", "/oauth/shop/authorize?redirect_uri=x", "login"},
			{"GET", "/oauth/shop/callback?code=a&state=b", "login"},
			{"HEAD", "/oauth/shop/authorize", "login"},
			{"GET", "/oauth/nobody/authorize", "login"}, // which says so on a page
			{"GET", "/oauth/shop/what", "login"},
			{"GET", "/oauth/shop/oidc/authorize", "oidc"},
			{"POST", "/oauth/shop/oidc/token", "oidc"},
			{"POST", "/oauth/shop/authorize", "drop-in"},
			{"PUT", "/oauth/shop/oidc/token", "drop-in"},
			{"GET", "/oauth/access_token/", "drop-in"}, // Douyin's, which is no app's id
			{"GET", "/oauth/access_token/x", "drop-in"},
			{"POST", "/oauth/client_token/", "drop-in"},
			{"GET", "/oauth/2.0/token", "drop-in"}, // Baidu's
			{"GET", "/oauth/token", "drop-in"},
			{"GET", "/oauth/shop", "drop-in"},
			{"GET", "/oauth/shop/", "drop-in"},
			{"GET", "/oauth/", "drop-in"},
			{"GET", "/oauth//authorize", "drop-in"},
			{"GET", "/oauth/Shop/authorize", "drop-in"},
			{"GET", "/oauth/-shop/authorize", "drop-in"},
			{"GET", "/oauth/shop%2Fauthorize/x", "drop-in"},
			{"GET", "/oauth/shop/a%2Fb", "drop-in"},
			{"GET", "/OAuth/shop/authorize", "drop-in"},
			{"GET", "/x/oauth/shop/authorize", "drop-in"},
		} {
			w := s.do(call{method: c.method, target: c.target})
			if got := w.Body.String(); got != c.want {
				t.Errorf("%s %s goes to %q, want %q", c.method, c.target, got, c.want)
			}
			if id := w.Header().Get("X-Request-Id"); (id == "" || ids[id]) && c.want != "drop-in" {
				t.Errorf("%s %s: the request's id is %q", c.method, c.target, id)
			} else {
				ids[id] = true
			}
		}
	})
	// Where nobody serves them, they are as any other path.
	inBubbleWith(t, httpapi.Config{DropIn: named("drop-in")}, func(t *testing.T, s *stack) {
		if got := s.get("/oauth/shop/authorize", "").Body.String(); got != "drop-in" {
			t.Errorf("%q", got)
		}
	})
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		problemIn(t, s.get("/oauth/shop/authorize", ordersKey), http.StatusNotFound)
	})
}
