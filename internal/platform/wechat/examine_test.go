package wechat_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	seenFrom  = "116.25.45.231"
	oldSecret = "0d0f0c2b9d7a41d8a3b6c5d4e3f2ffff"
)

// clocked says the time, as the platform does and its simulation does not.
type clocked struct {
	rt  http.RoundTripper
	off time.Duration
}

func (c clocked) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.rt.RoundTrip(r)
	if err == nil {
		resp.Header.Set("Date", time.Now().Add(c.off).UTC().Format(http.TimeFormat))
	}
	return resp, err
}

func newSandbox() *sandbox.Sandbox {
	return sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: appSecret}}})
}

// examine examines an app, and holds the findings to what they all have in common.
func examine(t *testing.T, rt http.RoundTripper, app broker.App, token broker.Secret) map[string]broker.Finding {
	t.Helper()
	found := wechat.Platform(platform.NewCaller(rt)).Examiner.Examine(t.Context(), &app, token)
	byName := map[string]broker.Finding{}
	var names []string
	for _, f := range found {
		byName[f.Name], names = f, append(names, f.Name)
		if f.Detail == "" || (f.State == broker.FindingFault) && f.Err == nil || f.State == broker.FindingOK && f.Err != nil {
			t.Errorf("%s is %s: %q, %v", f.Name, f.State, f.Detail, f.Err)
		}
		if f.Err != nil && (f.Err.Code == "" || f.Err.Class == "" || f.Err.Hint == "" || f.Err.Unknown) {
			t.Errorf("%s: %+v", f.Name, f.Err)
		}
		all := fmt.Sprintf("%+v %#v %+v %v", f, f, f.Err, f.Err)
		for _, s := range append([]broker.Secret{token}, app.Secrets...) {
			if !s.IsZero() && strings.Contains(all, s.Reveal()) {
				t.Errorf("I6: a finding says a secret: %s", all)
			}
		}
	}
	if got := strings.Join(names, " "); got != "reachability clock secret whitelist token" {
		t.Errorf("the findings are %s", got)
	}
	return byName
}

func TestAnExaminationTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	const ok, fault, unknown = broker.FindingOK, broker.FindingFault, broker.FindingUnknown
	type state struct {
		state broker.FindingState
		code  string
		says  string // in the detail or the hint
	}
	good := map[string]state{
		"reachability": {ok, "", "answers at api.weixin.qq.com"}, "clock": {ok, "", "agrees"}, "secret": {ok, "", "is taken"},
		"whitelist": {ok, "", "lets"}, "token": {ok, "", "opens"},
	}
	for name, tt := range map[string]struct {
		arrange func(*testing.T, *sandbox.Sandbox, *broker.App)
		off     time.Duration
		want    map[string]state // what differs
	}{
		"all is well":  {},
		"no token yet": {want: map[string]state{"token": {unknown, "", "no token"}}},
		"a clock that is ahead": {
			off:  -3 * time.Minute,
			want: map[string]state{"clock": {fault, "clock_skew", "ahead of"}},
		},
		"a clock that is behind":  {off: time.Hour, want: map[string]state{"clock": {fault, "clock_skew", "1h0m0s behind"}}},
		"a clock a little behind": {off: time.Minute, want: map[string]state{"clock": {ok, "", "1m0s behind"}}},
		"a wrong secret": {
			arrange: func(_ *testing.T, _ *sandbox.Sandbox, app *broker.App) {
				app.Secrets = []broker.Secret{broker.NewSecret(oldSecret)}
			},
			want: map[string]state{"secret": {fault, "wrong_secret", "AppSecret"}, "whitelist": {unknown, "", "takes a secret"}},
		},
		"one wrong secret of two": {
			arrange: func(_ *testing.T, _ *sandbox.Sandbox, app *broker.App) {
				app.Secrets = []broker.Secret{broker.NewSecret(appSecret), broker.NewSecret(oldSecret)}
			},
			want: map[string]state{"secret": {fault, "wrong_secret", "secret 1 of 2 is taken; secret 2 of 2 is refused"}},
		},
		"no secret": {
			arrange: func(_ *testing.T, _ *sandbox.Sandbox, app *broker.App) { app.Secrets = nil },
			want:    map[string]state{"secret": {fault, "secret_missing", ""}, "whitelist": {unknown, "", ""}},
		},
		"an unknown app": {
			arrange: func(_ *testing.T, _ *sandbox.Sandbox, app *broker.App) { app.AppID = "wxffffffffffffffff" },
			want:    map[string]state{"secret": {fault, "wrong_app_id", ""}, "whitelist": {unknown, "", ""}},
		},
		"a frozen secret": {
			arrange: func(t *testing.T, sb *sandbox.Sandbox, _ *broker.App) {
				must(t, sb.Freeze(appID, sandbox.FrozenSecret))
			},
			want: map[string]state{"secret": {fault, "secret_frozen", "解冻"}, "whitelist": {unknown, "", ""}},
		},
		"a punished account": {
			arrange: func(t *testing.T, sb *sandbox.Sandbox, _ *broker.App) {
				must(t, sb.Freeze(appID, sandbox.FrozenPunished))
			},
			want: map[string]state{"secret": {fault, "token_forbidden", "mp.weixin.qq.com"}, "whitelist": {unknown, "", ""}},
		},
		"an address that is not on the whitelist": {
			arrange: func(t *testing.T, sb *sandbox.Sandbox, _ *broker.App) {
				must(t, sb.SetWhitelist(appID, "10.0.0.1"))
			},
			want: map[string]state{
				"secret":    {unknown, "", "keeps this machine out"},
				"whitelist": {fault, "ip_not_whitelisted", "sees this machine as " + seenFrom},
			},
		},
		"an address that waits": {
			arrange: func(_ *testing.T, sb *sandbox.Sandbox, app *broker.App) {
				app.Secrets = append(app.Secrets, broker.NewSecret(oldSecret))
				sb.Inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 89503, Path: "/cgi-bin/stable_token", Times: 1})
			},
			want: map[string]state{"secret": {unknown, "", ""}, "whitelist": {fault, "ip_unconfirmed", "administrator"}},
		},
		"a used-up quota": {
			arrange: func(_ *testing.T, sb *sandbox.Sandbox, _ *broker.App) {
				sb.Inject(sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 45009, Path: "/cgi-bin/stable_token"})
			},
			want: map[string]state{"secret": {unknown, "daily_quota", "midnight"}, "whitelist": {unknown, "", ""}},
		},
		"a token that somebody else has replaced": {
			arrange: func(t *testing.T, sb *sandbox.Sandbox, _ *broker.App) {
				if _, err := sb.KillCurrent(appID, sandbox.Stable); err != nil {
					t.Fatal(err)
				}
			},
			want: map[string]state{"token": {fault, "token_rejected", "another server uses the same secret"}},
		},
		"something else in the place of the platform": {
			arrange: func(_ *testing.T, sb *sandbox.Sandbox, _ *broker.App) {
				sb.Inject(sandbox.Fault{Kind: sandbox.FaultGarbage})
			},
			want: map[string]state{
				"reachability": {fault, platform.CodeGarbage, "base_url"}, "clock": {unknown, "", ""},
				"secret": {unknown, "", "not asked"}, "whitelist": {unknown, "", "not asked"}, "token": {unknown, "", "not asked"},
			},
		},
		"a platform that fails": {
			arrange: func(_ *testing.T, sb *sandbox.Sandbox, _ *broker.App) {
				sb.Inject(sandbox.Fault{Kind: sandbox.FaultStatus})
			},
			want: map[string]state{
				"reachability": {fault, platform.CodeHTTP5xx, ""}, "clock": {unknown, "", ""},
				"secret": {unknown, "", "not asked"}, "whitelist": {unknown, "", "not asked"}, "token": {unknown, "", "not asked"},
			},
		},
		"a platform that hangs on secrets": {
			arrange: func(_ *testing.T, sb *sandbox.Sandbox, app *broker.App) {
				app.Secrets = append(app.Secrets, broker.NewSecret(oldSecret))
				sb.Inject(sandbox.Fault{Kind: sandbox.FaultHang, Path: "/cgi-bin/stable_token"})
			},
			want: map[string]state{"secret": {unknown, platform.CodeTimeout, ""}, "whitelist": {unknown, "", ""}},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			sb := newSandbox()
			app := testApp()
			got, err := issuer(newPlatform(sb), wechat.Stable).Issue(t.Context(), request(appSecret))
			must(t, err)
			token := got.Token
			if name == "no token yet" {
				token = broker.Secret{}
			}
			if tt.arrange != nil {
				tt.arrange(t, sb, &app)
			}
			began := time.Now()
			found := examine(t, clocked{sb.TransportFrom(seenFrom), tt.off}, app, token)
			if d := time.Since(began); d > 6*time.Second {
				t.Errorf("%s: it took %v", name, d)
			}
			for what, want := range good {
				if w, ok := tt.want[what]; ok {
					want = w
				}
				f, code, hint := found[what], "", ""
				if f.Err != nil {
					code, hint = f.Err.Code, f.Err.Hint
				}
				if f.State != want.state || code != want.code || !strings.Contains(f.Detail+hint, want.says) {
					t.Errorf("%s: %s is %s, %s: %q, hint %q; want %s, %s, %q", name, what, f.State, code, f.Detail, hint, want.state, want.code, want.says)
				}
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnExaminationReplacesNoToken(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{wechat.Stable, wechat.Classic} {
		synctest.Test(t, func(t *testing.T) {
			sb := newSandbox()
			app := testApp()
			app.Mode = mode
			got, err := issuer(newPlatform(sb), mode).Issue(t.Context(), request(appSecret))
			must(t, err)
			for range 3 {
				time.Sleep(got.Lifetime / 4)
				examine(t, sb.Transport(), app, got.Token)
				if now := sb.Current(appID, sandbox.Mode(mode)); now != got.Token.Reveal() || !sb.Live(now) {
					t.Errorf("%s: an examination replaced the token", mode)
				}
			}
			// In the last minutes the old token lives on, and the renewal gets what the
			// examination may have brought early.
			time.Sleep(got.Lifetime/4 - 2*time.Minute)
			examine(t, sb.Transport(), app, got.Token)
			early := sb.Current(appID, sandbox.Mode(mode))
			time.Sleep(time.Minute)
			if !sb.Live(got.Token.Reveal()) {
				t.Errorf("I2: %s: an examination ended the token before its expiry", mode)
			}
			next, err := issuer(newPlatform(sb), mode).Issue(t.Context(), request(appSecret))
			must(t, err)
			if mode == wechat.Stable && next.Token.Reveal() != early {
				t.Error("the renewal after an examination got another token")
			}
			if ms := sb.Misuses(); len(ms) > 0 {
				t.Errorf("%s: %v", mode, ms)
			}
		})
	}
}

func TestAnExaminationTellsApartWhereTheWayEnds(t *testing.T) {
	t.Parallel()
	noName := platform.NewTransport()
	noName.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "api.weixin.qq.com", IsNotFound: true}}
	}
	noDoor := platform.NewTransport()
	noDoor.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	}
	noTLS := platform.NewTransport()
	noTLS.DialTLSContext = nil
	noTLS.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS13}
	noTLS.DialContext = func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Read(make([]byte, 1))
			_ = there.Close()
		}()
		return here, nil
	}
	for name, rt := range map[string]http.RoundTripper{"could not be resolved": noName, "no connection": noDoor, "TLS handshake": noTLS} {
		f := examine(t, rt, testApp(), broker.NewSecret("83_token"))["reachability"]
		if f.State != broker.FindingFault || f.Err.Code != platform.CodeUnreachable || !strings.Contains(f.Detail, name) {
			t.Errorf("%s: %s, %q, %v", name, f.State, f.Detail, f.Err)
		}
	}
}

func TestAnExaminationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := newSandbox()
		sb.Inject(sandbox.Fault{Kind: sandbox.FaultHang})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		app := testApp()
		began := time.Now()
		found := newPlatform(sb).Examiner.Examine(ctx, &app, broker.NewSecret("83_token"))
		if d := time.Since(began); d != time.Second || found[0].Err == nil || found[0].Err.Code != platform.CodeTimeout {
			t.Errorf("after %v: %+v", d, found)
		}
	})
}
