package access_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/stacktest"
	"github.com/hufu-io/hufu/internal/store/memstore"
	"github.com/hufu-io/hufu/internal/virtual"
)

// A virtual token dies with the key that it was handed out to, at once and for good.
func TestAVirtualTokenDiesWithItsClient(t *testing.T) {
	t.Parallel()
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) {
		ctx, admin := t.Context(), s.caller("admin")
		add := func(rights broker.Right, app string) (key broker.Secret) {
			t.Helper()
			key, err := s.AddClient(ctx, admin, virtualClient("guest", rights, app))
			if err != nil {
				t.Fatal(err)
			}
			return key
		}
		added := func() broker.Secret {
			t.Helper()
			guest := broker.Caller{Client: s.Authenticate(add(broker.Call, "shop").Reveal())}
			h, err := s.Read(ctx, guest, "shop", broker.AccessToken, 0)
			if err != nil {
				t.Fatal(err)
			}
			return h.Secret
		}
		alive := func(tok broker.Secret) bool {
			c, _, _, ok := s.Bearer(broker.Caller{}, tok)
			_, _, byToken := s.ByToken(ctx, broker.Caller{}, wechat.Name, tok)
			if ok != byToken || ok && c.Name() != "guest" {
				t.Errorf("bearer %v %q, by token %v", ok, c.Name(), byToken)
			}
			return ok
		}
		revoke := func() {
			t.Helper()
			if err := s.DeleteClient(ctx, admin, "guest"); err != nil {
				t.Fatal(err)
			}
		}
		first := added()
		if !alive(first) {
			t.Fatal("a token does not work")
		}
		revoke()
		if alive(first) {
			t.Error("it outlived its client")
		}
		second := added()
		if alive(first) || !alive(second) {
			t.Error("a client of the same name gave life to the tokens of the one before it")
		}
		revoke()
		for what, again := range map[string]func(){
			"the right": func() { add(broker.Read, "shop") }, "the app": func() { add(broker.Call, "shop-*") },
		} {
			again()
			if alive(first) || alive(second) {
				t.Errorf("a token of a client that lost %s works", what)
			}
			revoke()
		}
	})
}

// A client of the file keeps its key: what it loses is gone with the next start.
func TestAVirtualTokenDiesWithTheRightAndTheApp(t *testing.T) {
	t.Parallel()
	var tok broker.Secret
	inBubble(t, withVirtual(t), func(t *testing.T, s *stack) { tok = s.read(t, "signer").Secret })
	for what, c := range map[string]*broker.Client{
		"it is as it was":   virtualClient("signer", broker.Call, "shop"),
		"it gets real":      client("signer", broker.Call, "shop"),
		"without the right": virtualClient("signer", broker.Read|broker.Renew, "shop"),
		"without the app":   virtualClient("signer", broker.Call, "blog"),
		"another name":      virtualClient("other", broker.Call, "shop"),
		"another key":       func() *broker.Client { c := virtualClient("signer", broker.Call, "shop"); c.Key[0]++; return c }(),
	} {
		cfg := withVirtual(t)
		cfg.Clients = []*broker.Client{c}
		inBubble(t, cfg, func(t *testing.T, s *stack) {
			want := what == "it is as it was" || what == "it gets real"
			if _, _, _, ok := s.Bearer(broker.Caller{}, tok); ok != want {
				t.Errorf("%s: it works: %v", what, ok)
			}
		})
	}
	// The app itself may go too.
	inBubble(t, withVirtual(t, virtualClient("guest", broker.Call, "*")), func(t *testing.T, s *stack) {
		ctx, admin := t.Context(), s.caller("admin")
		app := teamApp("blog", otherID)
		app.BaseURL = stacktest.BaseURL
		if _, err := s.PutApp(ctx, admin, app); err != nil {
			t.Fatal(err)
		}
		h, err := s.Read(ctx, s.caller("guest"), "blog", broker.AccessToken, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteApp(ctx, admin, "blog"); err != nil {
			t.Fatal(err)
		}
		if _, _, _, ok := s.Bearer(broker.Caller{}, h.Secret); ok {
			t.Error("it works for an app that is gone")
		}
	})
}

// Replicas over one store accept each other's tokens, and hand out the same ones.
func TestReplicasAcceptEachOthersVirtualTokens(t *testing.T) {
	t.Parallel()
	keyring, err := seal.Start(filepath.Join(t.TempDir(), "keyset.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	store := memstore.New(memstore.Config{})
	other := store.Handle()
	t.Cleanup(func() {
		if err := errors.Join(other.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	var toks []broker.Secret
	for _, settings := range []broker.SettingStore{store, other} {
		codec, err := virtual.Open(t.Context(), settings, keyring)
		if err != nil {
			t.Fatal(err)
		}
		cfg := withVirtual(t)
		cfg.Virtual = codec
		inBubble(t, cfg, func(t *testing.T, s *stack) {
			toks = append(toks, s.read(t, "caller").Secret)
			for _, tok := range toks {
				if c, a, _, ok := s.Bearer(broker.Caller{}, tok); !ok || c.Name() != "caller" || a.ID != "shop" {
					t.Errorf("the token of another replica is %v, of %q", ok, c.Name())
				}
			}
		})
	}
	if len(toks) != 2 || !toks[0].Equal(toks[1]) {
		t.Error("replicas hand out different tokens")
	}
}
