package dropin_test

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

func TestBothPathsGiveTheManagedTokenWhateverItsMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{wechat.Stable, wechat.Classic} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			inBubble(t, stacktest.Config{Mode: mode}, func(t *testing.T, s *stack) {
				want := s.Sandbox.Current(appID, sandbox.Mode(mode))
				if got := s.token(ordersID); got.AccessToken != want || want == "" {
					t.Errorf("cgi-bin/token gave %+v, want the %s token", got, mode)
				}
				time.Sleep(3 * time.Hour) // past the promise, so that this is no early re-ask
				want = s.Sandbox.Current(appID, sandbox.Mode(mode))
				if got := s.stable(ordersID, false); got.AccessToken != want {
					t.Errorf("stable_token gave %+v, want the %s token", got, mode)
				}
				other := sandbox.Stable
				if mode == wechat.Stable {
					other = sandbox.Classic
				}
				if got := s.Sandbox.Current(appID, other); got != "" {
					t.Error("a token was issued in the mode that the app is not in")
				}
			})
		})
	}
}

// A path is a token path here exactly where the gateway takes it for one: it passes none
// of them on, and sends whoever asks it for them here.
func TestTokenPathsAreTheSameHowTheyAreWritten(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		query := strings.TrimPrefix(tokenPath(appID, ordersID), "/cgi-bin/token")
		want := s.Sandbox.Current(appID, sandbox.Stable)
		body := fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q}`, appID, ordersID)
		for _, before := range []string{"", "/gateway/" + stacktest.App} {
			for _, path := range []string{"/cgi-bin/token/", "/CGI-BIN/Token", "//cgi-bin///token//", "/cgi-bin/token"} {
				if a := decode(t, s.do("GET", before+path+query, "")); a.AccessToken != want {
					t.Errorf("%s%s: %+v", before, path, a)
				}
				if a := decode(t, s.do("POST", before+path+query, "")); a.Errcode != 43001 {
					t.Errorf("%s%s by POST: %+v", before, path, a)
				}
			}
			for _, path := range []string{"/cgi-bin/stable_token/", "/cgi-bin/Stable_Token"} {
				if a := decode(t, s.do("POST", before+path, body)); a.AccessToken != want {
					t.Errorf("%s%s: %+v", before, path, a)
				}
			}
			for _, path := range []string{"/cgi-bin/ticket/getticket/", "/cgi-bin//Ticket/getTicket"} {
				if a := decode(t, s.do("GET", before+path+"?type=jsapi&access_token="+want, "")); a.Ticket == "" {
					t.Errorf("%s%s: %+v", before, path, a)
				}
			}
		}
	})
}

func TestSuccessHasThePlatformsExactForm(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		w := s.do("GET", tokenPath(appID, ordersID), "")
		a := decode(t, w)
		if got, want := w.Body.String(), fmt.Sprintf(`{"access_token":%q,"expires_in":%d}`, a.AccessToken, a.ExpiresIn); got != want {
			t.Errorf("body %s\nwant %s", got, want)
		}
		for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		w = s.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+a.AccessToken, "")
		a = decode(t, w)
		if got, want := w.Body.String(), fmt.Sprintf(`{"errcode":0,"errmsg":"ok","ticket":%q,"expires_in":%d}`, a.Ticket, a.ExpiresIn); got != want {
			t.Errorf("body %s\nwant %s", got, want)
		}
	})
}

func TestPathsMayHaveDoubledSlashes(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for _, prefix := range []string{"http://h/", "http://h//", "http://h///"} {
			target := prefix + strings.ReplaceAll(tokenPath(appID, ordersID)[1:], "cgi-bin/", "cgi-bin//")
			if a := decode(t, s.do("GET", target, "")); a.AccessToken == "" {
				t.Errorf("%s: %+v", prefix, a)
			}
		}
	})
}

// What SDKs send besides is no reason to refuse them: PowerWeChat adds neededText=.
func TestUnknownParametersAndFieldsAreTolerated(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		if a := decode(t, s.do("GET", tokenPath(appID, ordersID)+"&neededText=&x=%zz", "")); a.AccessToken == "" {
			t.Errorf("cgi-bin/token: %+v", a)
		}
		body := fmt.Sprintf(`{"neededText":"","nested":{"a":[1]},"appid":%q,"secret":%q,"grant_type":"client_credential"}`, appID, ordersID)
		if a := decode(t, s.do("POST", "/cgi-bin/stable_token", body)); a.AccessToken == "" {
			t.Errorf("stable_token: %+v", a)
		}
	})
}

// cached is how long each SDK caches a token of which it was told expires_in, as read
// in the SDKs' sources.
func cached(sdk string, expiresIn int64) int64 {
	type step struct{ over, margin int64 }
	steps := map[string][]step{
		"":                  {{0, 0}},
		"generic":           {{0, 0}},
		"easywechat":        {{0, 0}},
		"powerwechat":       {{0, 0}},
		"wxjava-redis":      {{0, 0}},
		"wxjava":            {{200, 200}},
		"co-wechat-api":     {{10, 10}},
		"wechatpy":          {{60, 60}},
		"silenceper":        {{1500, 1500}},
		"silenceper-stable": {{300, 300}},
		"go-workwx":         {{1800, 1800}},
		"lark-node-sdk":     {{180, 180}},
		"oapi-sdk-go":       {{180, 180}},
		"oapi-sdk-java":     {{180, 180}},
		"oapi-sdk-python":   {{600, 600}},
		"chanxuehong":       {{3600, 600}, {1800, 300}, {300, 60}, {60, 10}},
		"senparc":           {{3600, 600}, {1800, 300}, {300, 30}, {0, 0}},
	}
	for _, x := range steps[sdk] {
		if expiresIn > x.over {
			return expiresIn - x.margin
		}
	}
	return -1 // the SDK breaks
}

// I2, as an SDK lives it: at every age of the token, its cache ends when the promise
// does, and never later.
func TestEverySDKsCacheEndsWithThePromise(t *testing.T) {
	t.Parallel()
	profiles := []string{""}
	for _, p := range broker.SDKProfiles() {
		profiles = append(profiles, p.Name)
	}
	// At what promise every SDK asks, each time under a key of its own.
	promises := []int64{7190, 3600, 3001, 1801, 1500, 901, 301, 299, 61, 30, 1, 0}
	key := func(sdk string, i int) string { return fmt.Sprintf("key-%d-of-%s-0123456789abcdef0123456789", i, sdk) }
	var clients []*broker.Client
	for _, sdk := range profiles {
		for i := range promises {
			c := client(fmt.Sprintf("%s-%d", cmp.Or(sdk, "none"), i), key(sdk, i), "shop")
			c.SDK = sdk
			clients = append(clients, c)
		}
	}
	inBubble(t, stacktest.Config{Mode: wechat.Stable, Clients: clients}, func(t *testing.T, s *stack) {
		// The platform goes away, so that the token grows old.
		s.Sandbox.Inject(sandbox.Fault{Kind: sandbox.FaultStatus})
		for i, want := range promises {
			held, _ := s.Service.ReadNow(broker.Caller{Client: clients[0]}, "shop", broker.AccessToken)
			time.Sleep(held.Promise() - time.Duration(want)*time.Second)
			held, ok := s.Service.ReadNow(broker.Caller{Client: clients[0]}, "shop", broker.AccessToken)
			promise := int64(held.Promise() / time.Second)
			if !ok || promise != want {
				t.Fatalf("the promise is %d s, want %d s", promise, want)
			}
			for _, sdk := range profiles {
				a := s.token(key(sdk, i))
				got := cached(sdk, a.ExpiresIn)
				// A promise that has run out is one second. chanxuehong takes no figure under
				// 61 s, of which it caches 51; planned renewals never let a promise get there.
				most := max(promise, 1)
				if sdk == "chanxuehong" {
					most = max(promise, 51)
				}
				switch {
				case got <= 0:
					t.Errorf("%q breaks on expires_in %d", sdk, a.ExpiresIn)
				case got > most:
					t.Errorf("I2: %q caches a token for %d s that is promised for %d s", sdk, got, promise)
				case got < promise:
					t.Errorf("%q caches a token for %d s only that is promised for %d s", sdk, got, promise)
				}
				if unchanged := cached(sdk, 60) == 60 && cached(sdk, 7200) == 7200; unchanged && a.ExpiresIn != max(promise, 1) {
					t.Errorf("%q was told %d, want the promise, %d", sdk, a.ExpiresIn, promise)
				}
			}
		}
	})
}

// A client that is the caller of another app must not learn anything of this one (I8).
func TestAKeyGetsItsOwnAppsOnly(t *testing.T) {
	t.Parallel()
	c := stacktest.Config{Apps: []*broker.App{stacktest.NewApp("other", otherID)}, Clients: []*broker.Client{client("blog", "blog-key-0123456789abcdef0123456789", "other")}}
	inBubble(t, c, func(t *testing.T, s *stack) {
		a := decode(t, s.do("GET", tokenPath(otherID, "blog-key-0123456789abcdef0123456789"), ""))
		if a.AccessToken != s.Sandbox.Current(otherID, sandbox.Stable) {
			t.Errorf("the client's own app: %+v", a)
		}
		foreign := s.do("GET", tokenPath(appID, "blog-key-0123456789abcdef0123456789"), "")
		unknown := s.do("GET", tokenPath("wx000000000000dead", "blog-key-0123456789abcdef0123456789"), "")
		if f, u := mask(foreign.Body.String()), mask(unknown.Body.String()); f != u {
			t.Errorf("an app that is not the client's is told apart from one that does not exist:\n%s\n%s", f, u)
		}
		ticket := decode(t, s.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+a.AccessToken, ""))
		if ticket.Ticket == "" || ticket.Ticket != s.Sandbox.CurrentTicket(otherID, "jsapi") {
			t.Errorf("the ticket is not that of the token's app: %+v", ticket)
		}
	})
}

// Strangers cannot find out which apps are here.
func TestAnUnknownKeyHearsTheSameAboutEveryApp(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for _, key := range []string{"guess", secret, "hufu_" + strings.Repeat("a", 38), strings.Repeat("k", 5000)} {
			known := mask(s.do("GET", tokenPath(appID, key), "").Body.String())
			unknown := mask(s.do("GET", tokenPath("wx000000000000dead", key), "").Body.String())
			if known != unknown || !strings.Contains(known, "40125") {
				t.Errorf("key %.8s…: %s\nand for an app that does not exist: %s", key, known, unknown)
			}
		}
	})
}

func TestHeadAndOptionsHandOutNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		for _, path := range []string{tokenPath(appID, ordersID), "/cgi-bin/stable_token", "/", "/cgi-bin/user/get"} {
			if w := s.do("HEAD", path, ""); w.Code != http.StatusOK || w.Body.Len() > 0 {
				t.Errorf("HEAD %.20s: %d %s", path, w.Code, w.Body)
			}
			w := s.do("OPTIONS", path, "")
			if w.Code != http.StatusNoContent || w.Body.Len() > 0 || w.Header().Get("Allow") == "" {
				t.Errorf("OPTIONS %.20s: %d %v", path, w.Code, w.Header())
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("browsers are allowed to ask from other sites")
			}
		}
	})
}

// What only an administrator can mend is said with what to do.
func TestAnAmbiguousAppIDSaysWhatToDo(t *testing.T) {
	t.Parallel()
	var apps []*broker.App
	for _, mode := range []string{wechat.Stable, wechat.Classic} {
		a := stacktest.NewApp("other-"+mode, otherID)
		a.Mode = mode
		apps = append(apps, a)
	}
	const key = "blog-key-0123456789abcdef0123456789"
	inBubble(t, stacktest.Config{Apps: apps, Clients: []*broker.Client{client("blog", key, "other-*")}}, func(t *testing.T, s *stack) {
		got := mask(s.do("GET", tokenPath(otherID, key), "").Body.String())
		const want = `(ambiguous_app): the client may use 2 apps with this app id: other-classic, other-stable; name the app in the place of the app secret, KEY.APP: the client key, a dot and this server's id of the app; or give the client the right to one of them only rid: TIME-RID-RID"}`
		if !strings.HasSuffix(got, want) {
			t.Errorf("%s\nwant …%s", got, want)
		}
	})
}

func TestAMistypedKeyIsToldSo(t *testing.T) {
	t.Parallel()
	inBubble(t, stacktest.Config{}, func(t *testing.T, s *stack) {
		got := mask(s.do("GET", tokenPath(appID, "hufu_"+strings.Repeat("a", 38)), "").Body.String())
		if !strings.HasPrefix(got, `{"errcode":40125,"errmsg":"invalid appsecret, this Hufu client key is mistyped`) || !strings.HasSuffix(got, ` rid: TIME-RID-RID"}`) {
			t.Error(got)
		}
	})
}
