package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// ticket is the app's own, which no answer about a signature has.
func (s *stack) ticket(kind string) string {
	s.tb.Helper()
	return tokenIn(s.tb, s.get("/v1/apps/blog/tokens/"+kind, adminKey)).Token
}

func TestPagesGetWhatTheJSSDKWants(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, _ *stacktest.Users, _ *stacktest.Logins) {
		w := s.get("/v1/apps/blog/jssdk?url="+url.QueryEscape("https://blog.test/a?b=c&d#e"), adminKey)
		ticket := s.ticket("jsapi_ticket")
		if strings.Contains(w.Body.String(), ticket) {
			t.Error("I6: the ticket comes out")
		}
		got := decode[api.PageSignature](t, w, http.StatusOK)
		want := api.PageSignature{AppID: otherID, Timestamp: got.Timestamp, NonceStr: got.NonceStr}
		want.Signature = stacktest.Sign(ticket, "https://blog.test/a?b=c&d", got.NonceStr, strconv.FormatInt(got.Timestamp, 10))
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if p := problemIn(t, s.get("/v1/apps/blog/jssdk?url=https://evil.test/", adminKey), http.StatusBadRequest); p.Code != api.CodePageNotAllowed || !strings.Contains(p.Hint, "page_hosts") {
			t.Errorf("%+v", p)
		}
		for _, q := range []string{"", "?url=", "?url=blog.test", "?url=https://blog.test/&uri=x"} {
			if p := problemIn(t, s.get("/v1/apps/blog/jssdk"+q, adminKey), http.StatusBadRequest); p.Code != api.CodeInvalid {
				t.Errorf("%s: %+v", q, p)
			}
		}
		problemIn(t, s.get("/v1/apps/blog/jssdk?url=https://blog.test/", membersKey), http.StatusForbidden)
	})
}

func TestCardsGetWhatTheJSSDKWants(t *testing.T) {
	t.Parallel()
	withUsers(t, func(t *testing.T, s *stack, u *stacktest.Users, _ *stacktest.Logins) {
		card := decode[api.CardSignature](t, s.get("/v1/apps/blog/jssdk/card?card_id=pFS&code=12&openid=alice", adminKey), http.StatusOK)
		ticket := broker.NewSecret(s.ticket("wx_card_ticket"))
		var ext map[string]string // wx.addCard wants strings only
		if err := json.Unmarshal([]byte(card.CardExt), &ext); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"code": "12", "openid": "alice", "timestamp": ext["timestamp"], "nonce_str": ext["nonce_str"]}
		want["signature"] = u.SignCard(ticket, ext["timestamp"], ext["nonce_str"], "pFS", "12", "alice")
		if d := cmp.Diff(want, ext); d != "" || card.CardID != "pFS" {
			t.Errorf("%+v (-want +got):\n%s", card, d)
		}
		choice := decode[api.CardChoice](t, s.get("/v1/apps/blog/jssdk/choose-card?card_type=GROUPON", adminKey), http.StatusOK)
		wantChoice := api.CardChoice{CardType: "GROUPON", Timestamp: choice.Timestamp, NonceStr: choice.NonceStr, SignType: "SHA1"}
		wantChoice.CardSign = u.SignCard(ticket, otherID, strconv.FormatInt(choice.Timestamp, 10), choice.NonceStr, "", "GROUPON", "")
		if d := cmp.Diff(wantChoice, choice); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		for _, path := range []string{"card", "card?card_id=a%20b", "card?card=x", "choose-card?shop_id=%00", "choose-card?code=1"} {
			problemIn(t, s.get("/v1/apps/blog/jssdk/"+path, adminKey), http.StatusBadRequest)
		}
		problemIn(t, s.get("/v1/apps/blog/jssdk/card?card_id=x", membersKey), http.StatusForbidden)
	})
}
