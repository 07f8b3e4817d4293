package dropin_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
	"github.com/hufu-io/hufu/internal/virtual"
)

// withVirtual has clients that get virtual tokens: caller may call, blind may only read,
// and narrow may call messages only. The first two have SDKs with large margins.
func withVirtual(tb testing.TB) stacktest.Config {
	tb.Helper()
	codec, err := virtual.New(bytes.Repeat([]byte{1}, virtual.KeySize))
	if err != nil {
		tb.Fatal(err)
	}
	add := func(name, sdk string, rights broker.Right, paths ...string) *broker.Client {
		c := stacktest.Client(name, stacktest.Key(name), rights, "shop")
		c.Handout, c.SDK, c.Paths = broker.HandoutVirtual, sdk, paths
		return c
	}
	return stacktest.Config{Mode: wechat.Classic, Virtual: codec, Clients: []*broker.Client{
		add("caller", "silenceper", broker.Call), add("blind", "silenceper", broker.Read), add("narrow", "", broker.Call, "/cgi-bin/message/*"),
	}}
}

// An SDK sees one token for ever, and one expires_in, whatever margin it takes off.
func TestAnSDKWithVirtualTokensNeverSeesARotation(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		key := stacktest.Key("caller")
		first := s.token(key)
		if !strings.HasPrefix(first.AccessToken, "hv1_") {
			t.Fatalf("%+v", first)
		}
		for range 6 {
			for _, a := range []answer{s.token(key), s.stable(key, false), s.stable(key, true)} {
				if a.AccessToken != first.AccessToken || a.ExpiresIn != 7200 {
					t.Errorf("I6: %+v, want %+v", a, first)
				}
			}
			time.Sleep(50 * time.Minute)
		}
		if s.Issues() < 4 {
			t.Errorf("%d issues in five hours", s.Issues())
		}
	})
}

// To ask again early for what never changes is no suspicion; force_refresh is one, of the
// real token.
func TestEarlyReasksForAVirtualTokenCostNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		key, issues := stacktest.Key("caller"), s.Issues()
		for range 100 {
			s.token(key)
			time.Sleep(time.Second)
		}
		if s.Checks() != 0 || s.Issues() != issues {
			t.Errorf("%d checks, %d issues", s.Checks(), s.Issues()-issues)
		}
		s.stable(key, true)
		if s.Checks() != 1 || s.Issues() != issues {
			t.Errorf("I4: force_refresh of a live token: %d checks, %d issues", s.Checks(), s.Issues()-issues)
		}
		if _, err := s.Sandbox.KillCurrent(appID, sandbox.Classic); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		for range 3 {
			s.stable(key, true)
		}
		if s.Issues() != issues+1 {
			t.Errorf("I4: force_refresh of a dead token: %d issues", s.Issues()-issues)
		}
	})
}

// Its SDK's ticket call shows the virtual token, and gets a real ticket.
func TestAVirtualTokenGetsTickets(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		ask := func(tok, typ string) answer {
			return decode(t, s.do("GET", "/cgi-bin/ticket/getticket?access_token="+tok+"&type="+typ, ""))
		}
		tok := s.token(stacktest.Key("caller")).AccessToken
		for typ, kind := range map[string]string{"jsapi": "jsapi", "wx_card": "wx_card"} {
			if a := ask(tok, typ); a.Errcode != 0 || a.Ticket == "" || a.Ticket != s.Sandbox.CurrentTicket(appID, kind) {
				t.Errorf("%s: %+v", typ, a)
			}
		}
		// The client is known by its token, and so is its SDK: silenceper takes 1500 s off.
		if known, unknown := ask(tok, "jsapi").ExpiresIn, ask(s.token(ordersID).AccessToken, "jsapi").ExpiresIn; known-unknown != 1500 {
			t.Errorf("expires_in %d, and %d for a client without a margin", known, unknown)
		}
		for name, tc := range map[string]struct {
			tok, typ string
			errcode  int
		}{
			"another type":                     {tok, "other", 40097},
			"a forged token":                   {tok[:len(tok)-1] + "A", "jsapi", 40001},
			"a client that may not call this":  {s.token(stacktest.Key("narrow")).AccessToken, "jsapi", 48001},
			"a forged token, and another type": {tok + "A", "other", 40001},
		} {
			if a := ask(tc.tok, tc.typ); a.Errcode != tc.errcode || a.Ticket != "" {
				t.Errorf("%s: %+v, want %d", name, a, tc.errcode)
			}
		}
	})
}

func TestAVirtualClientThatMayNotCallIsToldSo(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		for _, a := range []answer{s.token(stacktest.Key("blind")), s.stable(stacktest.Key("blind"), true)} {
			if a.Errcode != 48001 || !strings.Contains(a.Errmsg, "it needs the right call on the app shop") ||
				!strings.Contains(a.Errmsg, "; a virtual token is good for calls through this server only: an administrator") {
				t.Errorf("%+v", a)
			}
		}
	})
}
