package wechat_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// login has a user log in at the simulated platform, and the code exchanged.
func login(t *testing.T, sb *sandbox.Sandbox, p broker.Platform, scope string) broker.Granted {
	t.Helper()
	code, err := sb.NewCode(appID, openID, scope)
	must(t, err)
	app := testApp()
	g, err := p.Web.Exchange(t.Context(), &app, app.Secrets[0], broker.NewSecret(code))
	must(t, err)
	return g
}

func keyOf(g broker.Granted) broker.Key {
	return broker.Key{App: "shop", Kind: g.Kind, Subject: g.OpenID}
}

func TestAUserLogsInAtTheSimulatedPlatform(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := newSandbox()
		p, app := newPlatform(sb), testApp()
		for scope, kind := range map[string]broker.Kind{
			sandbox.ScopeBase: "snsapi_base", sandbox.ScopeUserInfo: "snsapi_userinfo", sandbox.ScopeLogin: "snsapi_login",
		} {
			g := login(t, sb, p, scope)
			if g.Kind != kind || g.OpenID != openID || g.Lifetime != 2*time.Hour || g.RefreshLifetime != 30*24*time.Hour || g.Snapshot || !sb.LiveUser(g.Access.Reveal()) {
				t.Errorf("%s: granted %+v", scope, g)
			}
			if v, err := p.Web.CheckUser(t.Context(), &app, openID, g.Access); v != broker.VerdictOK || err != nil {
				t.Errorf("%s: a new token: verdict %d, %v", scope, v, err)
			}
			profile, err := p.Web.Profile(t.Context(), &app, openID, g.Access, "zh_CN")
			if scope == sandbox.ScopeBase {
				if !errors.Is(err, broker.ErrScopeLacking) {
					t.Errorf("%s: a profile: %+v, %v", scope, profile, err)
				}
				continue
			}
			if err != nil || profile.OpenID != openID || profile.UnionID != g.UnionID || profile.UnionID == "" || profile.Nickname == "" {
				t.Errorf("%s: a profile: %+v, %v", scope, profile, err)
			}
		}
	})
}

func TestACodeWorksOnceAndForMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := newSandbox()
		p, app := newPlatform(sb), testApp()
		exchange := func(secret, code string) error {
			_, err := p.Web.Exchange(t.Context(), &app, broker.NewSecret(secret), broker.NewSecret(code))
			return err
		}
		expect := func(name string, err error, code string, class broker.Class) {
			t.Helper()
			if e := broker.AsError(err); err == nil || e.Code != code || e.Class != class || e.Unknown {
				t.Errorf("%s: %v (%s, %s)", name, err, e.Code, e.Class)
			}
		}
		code, err := sb.NewCode(appID, openID, sandbox.ScopeBase)
		must(t, err)
		expect("an old secret", exchange(oldSecret, code), "wrong_secret", broker.BadCredential)
		must(t, exchange(appSecret, code)) // the old secret has not used it up
		expect("a used one", exchange(appSecret, code), "login_code_used", broker.Invalid)
		expect("nobody's", exchange(appSecret, "nobodys-code"), "bad_login_code", broker.Invalid)
		old, err := sb.NewCode(appID, openID, sandbox.ScopeBase)
		must(t, err)
		time.Sleep(6 * time.Minute)
		expect("an old one", exchange(appSecret, old), "login_code_expired", broker.Invalid)
	})
}

func TestARefreshKeepsATokenThatLivesAndReplacesOneThatDoesNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := newSandbox()
		p, app := newPlatform(sb), testApp()
		g := login(t, sb, p, sandbox.ScopeUserInfo)
		time.Sleep(time.Hour)
		same, err := p.Web.Refresh(t.Context(), &app, keyOf(g), g.Refresh)
		if err != nil || !same.Access.Equal(g.Access) || same.Lifetime != 2*time.Hour || same.Kind != g.Kind || !same.Refresh.Equal(g.Refresh) {
			t.Errorf("of a token that lives: %+v, %v", same, err)
		}
		time.Sleep(2 * time.Hour)
		if v, err := p.Web.CheckUser(t.Context(), &app, openID, g.Access); v != broker.VerdictRejected || err != nil {
			t.Errorf("an old token: verdict %d, %v", v, err)
		}
		if _, err := p.Web.Profile(t.Context(), &app, openID, g.Access, ""); !errors.Is(err, broker.ErrUserTokenRejected) {
			t.Errorf("a profile with an old token: %v", err)
		}
		next, err := p.Web.Refresh(t.Context(), &app, keyOf(g), g.Refresh)
		if err != nil || next.Access.Equal(g.Access) || !sb.LiveUser(next.Access.Reveal()) {
			t.Errorf("of a token that is dead: %+v, %v", next, err)
		}
		time.Sleep(30 * 24 * time.Hour)
		_, err = p.Web.Refresh(t.Context(), &app, keyOf(g), g.Refresh)
		if e := broker.AsError(err); !errors.Is(err, broker.ErrGrantEnded) || e.PlatformCode != "42002" || !strings.Contains(e.Message, "30 days") {
			t.Errorf("after 30 days: %v", err)
		}
		_, err = p.Web.Refresh(t.Context(), &app, keyOf(g), broker.NewSecret("nobodys"))
		if !errors.Is(err, broker.ErrGrantEnded) || broker.AsError(err).PlatformCode != "40030" {
			t.Errorf("nobody's refresh token: %v", err)
		}
	})
}

// I8: tokens of users and apps, and of different users, answer for nobody else.
func TestTokensAnswerForNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := newSandbox()
		p, app := newPlatform(sb), testApp()
		g := login(t, sb, p, sandbox.ScopeUserInfo)
		another := keyOf(g)
		another.Subject = "o-somebody-else"
		got, err := p.Web.Refresh(t.Context(), &app, another, g.Refresh)
		if e := broker.AsError(err); err == nil || !got.Access.IsZero() || e.Code != "wrong_user" || errors.Is(err, broker.ErrGrantEnded) || e.Class == broker.Denied {
			t.Errorf("another user's refresh token: %+v, %v", got, err)
		}
		if v, err := p.Web.CheckUser(t.Context(), &app, another.Subject, g.Access); v != broker.VerdictRejected || err != nil {
			t.Errorf("a token of another user: verdict %d, %v", v, err)
		}
		if _, err := p.Web.Profile(t.Context(), &app, another.Subject, g.Access, ""); err == nil || broker.AsError(err).Code != "bad_open_id" {
			t.Errorf("another user's profile: %v", err)
		}
		own, err := issuer(p, "").Issue(t.Context(), request(appSecret))
		must(t, err)
		if _, err := p.Web.Profile(t.Context(), &app, openID, own.Token, ""); !errors.Is(err, broker.ErrUserTokenRejected) {
			t.Errorf("the app's own token in a user's place: %v", err)
		}
		if _, err := p.Web.Subscription(t.Context(), &app, openID, g.Access, ""); err == nil || broker.AsError(err).Code != "token_rejected" {
			t.Errorf("a user's token in the app's place: %v", err)
		}
		if s, err := p.Web.Subscription(t.Context(), &app, openID, own.Token, "en"); err != nil || s.OpenID != openID {
			t.Errorf("a subscription: %+v, %v", s, err)
		}
		if len(sb.Misuses()) == 0 {
			t.Error("the platform has seen no mix-up, so nothing has been shown")
		}
	})
}

func TestAMiniProgramLogsInAtTheSimulatedPlatform(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := newSandbox()
		p, app := newPlatform(sb), testApp()
		code, err := sb.NewJSCode(appID, openID)
		must(t, err)
		s, err := p.Mini.Session(t.Context(), &app, app.Secrets[0], broker.NewSecret(code))
		if err != nil || s.OpenID != openID || s.UnionID == "" || s.Key.IsZero() {
			t.Errorf("session %+v, %v", s, err)
		}
		_, err = p.Mini.Session(t.Context(), &app, app.Secrets[0], broker.NewSecret(code))
		if e := broker.AsError(err); err == nil || e.Code != "login_code_used" {
			t.Errorf("once more: %v", err)
		}
		// The code of a browser is no code of a mini program (I8).
		code, err = sb.NewCode(appID, openID, sandbox.ScopeBase)
		must(t, err)
		_, err = p.Mini.Session(t.Context(), &app, app.Secrets[0], broker.NewSecret(code))
		if e := broker.AsError(err); err == nil || e.Code != "bad_login_code" {
			t.Errorf("a browser's code: %v", err)
		}
	})
}

// What the platform did with a code or a refresh token is known only where it said so.
func TestFaultsLeaveLoginsOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	for kind, want := range map[sandbox.FaultKind]string{
		sandbox.FaultHang: platform.CodeTimeout, sandbox.FaultLost: platform.CodeNoAnswer, sandbox.FaultReset: platform.CodeNoAnswer,
		sandbox.FaultTruncated: platform.CodeNoAnswer, sandbox.FaultGarbage: platform.CodeGarbage, sandbox.FaultHuge: platform.CodeGarbage,
		sandbox.FaultStatus: platform.CodeHTTP5xx, sandbox.FaultErrcode: "system_busy",
	} {
		synctest.Test(t, func(t *testing.T) {
			sb := newSandbox()
			p, app := newPlatform(sb), testApp()
			g := login(t, sb, p, sandbox.ScopeUserInfo)
			code, err := sb.NewCode(appID, openID, sandbox.ScopeBase)
			must(t, err)
			for name, call := range map[string]func(context.Context) error{
				"exchange": func(ctx context.Context) error {
					_, err := p.Web.Exchange(ctx, &app, app.Secrets[0], broker.NewSecret(code))
					return err
				},
				"refresh": func(ctx context.Context) error {
					_, err := p.Web.Refresh(ctx, &app, keyOf(g), g.Refresh)
					return err
				},
				"session": func(ctx context.Context) error {
					_, err := p.Mini.Session(ctx, &app, app.Secrets[0], broker.NewSecret(code))
					return err
				},
				"profile": func(ctx context.Context) error {
					_, err := p.Web.Profile(ctx, &app, openID, g.Access, "")
					return err
				},
			} {
				sb.Inject(sandbox.Fault{Kind: kind, Times: 1})
				err := call(t.Context())
				if e := broker.AsError(err); err == nil || e.Code != want || e.Unknown != (name != "profile") || e.Class == broker.Denied {
					t.Errorf("%s at %s: %v (%s, unknown %v); want %s", kind, name, err, e.Code, e.Unknown, want)
				}
			}
		})
	}
}
