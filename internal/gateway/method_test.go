package gateway_test

import (
	"net/http"
	"testing"

	"github.com/hufu-io/hufu/internal/stacktest"
)

// I6: what a platform, or a proxy before it, makes of other methods could send back the
// token, or open a connection.
func TestOnlyOrdinaryMethodsArePassedOn(t *testing.T) {
	t.Parallel()
	inBubble(t, stackConfig{}, func(t *testing.T, s *stack) {
		tok := s.token(callerKey)
		for _, method := range []string{http.MethodTrace, http.MethodConnect, "TRACK", "get", "SEARCH"} {
			if a := s.keyed(method, users, callerKey, ""); a.status != http.StatusBadRequest || a.Code != "bad_method" {
				t.Errorf("%s with a key: %d %s", method, a.status, a.body)
			}
			if a := s.send(request(method, withToken(users, tok), "")); a.Errcode == 0 {
				t.Errorf("%s with a token: %d %s", method, a.status, a.body)
			}
		}
		if n := s.Sandbox.Calls(stacktest.AppID, users); n > 0 {
			t.Errorf("%d calls arrived", n)
		}
	})
}
