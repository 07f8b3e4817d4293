package wechat_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

func request(secret string) broker.IssueRequest {
	app := testApp()
	return broker.IssueRequest{App: &app, Key: broker.Key{App: app.ID, Kind: broker.AccessToken}, Secret: broker.NewSecret(secret)}
}

func issuer(p broker.Platform, mode string) broker.Issuer {
	return p.Kinds(mode)[broker.AccessToken].Issuer
}

// The platform's refusals as an operator gets to see them.
func TestRefusalsTellTheOperatorWhatToDo(t *testing.T) {
	t.Parallel()
	const from = "116.25.45.231"
	for name, tt := range map[string]struct {
		arrange func(*sandbox.Sandbox) error
		secret  string
		code    string
		says    string
	}{
		"whitelist": {
			func(sb *sandbox.Sandbox) error { return sb.SetWhitelist(appID, "10.0.0.1") }, appSecret,
			"ip_not_whitelisted", "add " + from + " to the IP whitelist",
		},
		"wrong secret": {func(*sandbox.Sandbox) error { return nil }, "not-the-secret", "wrong_secret", "AppSecret"},
		"frozen secret": {
			func(sb *sandbox.Sandbox) error { return sb.Freeze(appID, sandbox.FrozenSecret) }, appSecret,
			"secret_frozen", "解冻",
		},
		"punished": {
			func(sb *sandbox.Sandbox) error { return sb.Freeze(appID, sandbox.FrozenPunished) }, appSecret,
			"token_forbidden", "mp.weixin.qq.com",
		},
		"other form of the whitelist": {
			func(sb *sandbox.Sandbox) error {
				sb.Inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 61004})
				return nil
			}, appSecret, "ip_not_whitelisted", "add " + from + " to the IP whitelist",
		},
		"confirmation": {
			func(sb *sandbox.Sandbox) error {
				sb.Inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 89503})
				return nil
			}, appSecret, "ip_unconfirmed", "administrator",
		},
	} {
		for _, mode := range []string{wechat.Stable, wechat.Classic} {
			sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: appSecret}}})
			if err := tt.arrange(sb); err != nil {
				t.Fatal(err)
			}
			p := wechat.Platform(platform.NewCaller(sb.TransportFrom(from)))
			_, err := issuer(p, mode).Issue(t.Context(), request(tt.secret))
			e := broker.AsError(err)
			if err == nil || e.Code != tt.code || !strings.Contains(e.Hint, tt.says) || e.Unknown {
				t.Errorf("%s, %s: %v, code %s, hint %q; want %s and a hint with %q", name, mode, err, e.Code, e.Hint, tt.code, tt.says)
			}
			if !strings.Contains(e.PlatformMessage, " rid: ") {
				t.Errorf("%s, %s: the rid is lost from %q", name, mode, e.PlatformMessage)
			}
		}
	}
}

func TestFaultsOfTheSandboxHaveTheirOutcomes(t *testing.T) {
	t.Parallel()
	for kind, want := range map[sandbox.FaultKind]struct {
		code    string
		unknown bool
	}{
		sandbox.FaultHang: {platform.CodeTimeout, true}, sandbox.FaultLost: {platform.CodeNoAnswer, true},
		sandbox.FaultReset: {platform.CodeNoAnswer, true}, sandbox.FaultTruncated: {platform.CodeNoAnswer, true},
		sandbox.FaultGarbage: {platform.CodeGarbage, true}, sandbox.FaultHuge: {platform.CodeGarbage, true},
		sandbox.FaultStatus: {platform.CodeHTTP5xx, true}, sandbox.FaultErrcode: {"system_busy", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: appSecret}}})
			for _, mode := range []string{wechat.Stable, wechat.Classic} {
				sb.Inject(sandbox.Fault{Kind: kind, Times: 1})
				_, err := issuer(newPlatform(sb), mode).Issue(t.Context(), request(appSecret))
				if e := broker.AsError(err); err == nil || e.Code != want.code || e.Unknown != want.unknown {
					t.Errorf("%s, %s: %v (%s, unknown %v), want %+v", kind, mode, err, e.Code, e.Unknown, want)
				}
			}
		})
	}
}

func TestChecksFollowTheTokensFate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: appSecret}}})
		app := testApp()
		for _, mode := range []string{wechat.Stable, wechat.Classic} {
			i := issuer(newPlatform(sb), mode)
			expect := func(tok broker.Secret, want broker.Verdict) {
				t.Helper()
				checker, ok := i.(broker.Checker)
				if !ok {
					t.Fatal("no checker")
				}
				if v, err := checker.Check(t.Context(), &app, tok); v != want || err != nil {
					t.Errorf("%s: verdict %d, %v; want %d", mode, v, err, want)
				}
			}
			got, err := i.Issue(t.Context(), request(appSecret))
			if err != nil {
				t.Fatal(err)
			}
			expect(got.Token, broker.VerdictOK)
			sb.Kill(got.Token.Reveal())
			expect(got.Token, broker.VerdictRejected)
			expect(broker.NewSecret("nonsense"), broker.VerdictRejected)
			if _, ok := i.(broker.Forcer); ok {
				continue // the dead token is what stable_token would give again
			}
			if got, err = i.Issue(t.Context(), request(appSecret)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(got.Lifetime)
			expect(got.Token, broker.VerdictRejected)
		}
	})
}

func TestForceTooSoonGivesTheSameTokenWithoutAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: appSecret}}})
		p := newPlatform(sb)
		src := p.Kinds(wechat.Stable)[broker.AccessToken]
		forcer, ok := src.Issuer.(broker.Forcer)
		if !ok {
			t.Fatal("no forcer")
		}
		var tokens []broker.Secret
		for _, wait := range []time.Duration{0, src.Rotation.Limits.ForceGap / 2, src.Rotation.Limits.ForceGap} {
			time.Sleep(wait)
			got, err := forcer.Force(t.Context(), request(appSecret))
			if err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, got.Token)
		}
		if !tokens[0].Equal(tokens[1]) || tokens[1].Equal(tokens[2]) {
			t.Error("a force within the gap has to give the same token, one after it another")
		}
	})
}

func TestNothingIsAskedWithoutAnAppIDOrASecret(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{})
	for _, mode := range []string{"", wechat.Classic} {
		_, err := issuer(newPlatform(sb), mode).Issue(t.Context(), request(""))
		if e := broker.AsError(err); err == nil || e.Code != "secret_missing" || e.PlatformCode != "" {
			t.Errorf("without a secret: %v", err)
		}
		req := request(appSecret)
		app := *req.App
		app.AppID = ""
		req.App = &app
		_, err = issuer(newPlatform(sb), mode).Issue(t.Context(), req)
		if e := broker.AsError(err); err == nil || e.Code != "app_id_missing" {
			t.Errorf("without an app id: %v", err)
		}
	}
	_, err := newPlatform(sb).Kinds("")[broker.JSAPITicket].Issuer.Issue(t.Context(), request(""))
	if err == nil || broker.AsError(err).Class != broker.Misconfigured {
		t.Errorf("a ticket without a source of tokens: %v", err)
	}
}
