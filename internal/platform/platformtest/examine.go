package platformtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// ExamineHarness describes the examination of an app to the contract of [broker.Examiner].
type ExamineHarness struct {
	New func(*platform.Caller) broker.Platform
	// App is a registration with one secret that the simulated platform knows.
	App broker.App
	// Open makes a new simulated platform, and Kill ends its app's current token.
	Open func(t *testing.T) (sb Sandbox, kill func())
	// WrongSecret and WrongApp are the platform's codes for the one and the other.
	WrongSecret, WrongApp string
	// Block keeps the caller out; nil: the platform does not look at addresses.
	Block func(t *testing.T) Sandbox
}

// Examine holds a platform's examination to what it has to find in every mode, and to
// changing nothing.
func Examine(t *testing.T, h ExamineHarness) {
	t.Helper()
	for _, mode := range h.New(platform.NewCaller(nil)).Modes {
		h.App.Mode = mode
		t.Run(mode+" finds what is wrong", h.findsFaults)
		t.Run(mode+" replaces no token", h.replacesNone)
	}
}

// stood is how an examination ended: the state of each finding, and the code of what is
// wrong.
type stood map[string]string

func (h ExamineHarness) examine(t *testing.T, rt http.RoundTripper, app broker.App, tok broker.Secret) stood {
	t.Helper()
	got := stood{}
	for _, f := range h.New(platform.NewCaller(rt)).Examiner.Examine(t.Context(), &app, tok) {
		got[f.Name] = string(f.State)
		if f.Err != nil {
			got[f.Name] += " " + f.Err.Code
			if f.Err.Hint == "" || f.Err.Unknown {
				t.Errorf("%s: %+v", f.Name, f.Err)
			}
		}
		if f.Detail == "" || f.State == broker.FindingFault && f.Err == nil {
			t.Errorf("%s is %s: %q, %v", f.Name, f.State, f.Detail, f.Err)
		}
		all := fmt.Sprintf("%+v %v", f, f.Err)
		for _, s := range append([]broker.Secret{tok}, app.Secrets...) {
			if !s.IsZero() && strings.Contains(all, s.Reveal()) {
				t.Errorf("I6: a finding says a secret: %s", all)
			}
		}
	}
	return got
}

func (h ExamineHarness) issue(t *testing.T, sb Sandbox, app broker.App) broker.Secret {
	t.Helper()
	src := h.New(platform.NewCaller(sb.Transport)).Kinds(app.Mode)[broker.AccessToken]
	got, err := src.Issuer.Issue(t.Context(), broker.IssueRequest{App: &app, Key: broker.Key{App: app.ID, Kind: broker.AccessToken}, Secret: app.Secrets[0]})
	if err != nil {
		t.Fatal(err)
	}
	return got.Token
}

func (h ExamineHarness) findsFaults(t *testing.T) {
	wrong := broker.NewSecret("0d0f0c2b9d7a41d8a3b6c5d4e3f2ffff")
	for name, tt := range map[string]struct {
		arrange func(app *broker.App, tok *broker.Secret, kill func())
		want    map[string]string // what differs
	}{
		"all is well": {},
		"no token yet": {
			arrange: func(_ *broker.App, tok *broker.Secret, _ func()) { *tok = broker.Secret{} },
			want:    map[string]string{"token": "unknown", "whitelist": "unknown"},
		},
		"a wrong secret": {
			arrange: func(app *broker.App, _ *broker.Secret, _ func()) { app.Secrets = []broker.Secret{wrong} },
			want:    map[string]string{"secret": "fault " + h.WrongSecret},
		},
		"one wrong secret of two": {
			arrange: func(app *broker.App, _ *broker.Secret, _ func()) {
				app.Secrets = []broker.Secret{app.Secrets[0], wrong}
			},
			want: map[string]string{"secret": "fault " + h.WrongSecret},
		},
		"no secret": {
			arrange: func(app *broker.App, _ *broker.Secret, _ func()) { app.Secrets = nil },
			want:    map[string]string{"secret": "fault secret_missing"},
		},
		"an unknown app": {
			arrange: func(app *broker.App, _ *broker.Secret, _ func()) { app.AppID += "0" },
			want:    map[string]string{"secret": "fault " + h.WrongApp},
		},
		"a token that has ended": {
			arrange: func(_ *broker.App, _ *broker.Secret, kill func()) { kill() },
			want:    map[string]string{"token": "fault token_rejected", "whitelist": "unknown"},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			sb, kill := h.Open(t)
			app := h.App
			app.BaseURL = sb.BaseURL
			tok := h.issue(t, sb, app)
			if tt.arrange != nil {
				tt.arrange(&app, &tok, kill)
			}
			got := h.examine(t, sb.Transport, app, tok)
			for what, want := range map[string]string{"reachability": "ok", "secret": "ok", "whitelist": "ok", "token": "ok"} {
				if w, ok := tt.want[what]; ok {
					want = w
				}
				if got[what] != want {
					t.Errorf("%s: %s is %q, want %q", name, what, got[what], want)
				}
			}
		})
	}
	for name, a := range map[string]answer{
		"a login page": says(http.StatusOK, "<html>"), "a broken proxy": says(http.StatusBadGateway, ""),
		"somebody who takes calls without a token": says(http.StatusOK, `{"errcode":0,"errmsg":"ok","code":0,"msg":"ok"}`),
	} {
		app := h.App
		app.BaseURL = host
		got := h.examine(t, &script{answers: []answer{a}}, app, broker.NewSecret(accessToken))
		if !strings.HasPrefix(got["reachability"], "fault ") || got["secret"] != "unknown" || got["token"] != "unknown" {
			t.Errorf("%s: %v", name, got)
		}
	}
	if h.Block == nil {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		sb := h.Block(t)
		app := h.App
		app.BaseURL = sb.BaseURL
		if got := h.examine(t, sb.Transport, app, h.issue(t, sb, app)); got["whitelist"] != "fault ip_not_whitelisted" || got["token"] != "unknown" {
			t.Errorf("from an address that is kept out: %v", got)
		}
	})
}

func (h ExamineHarness) replacesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb, _ := h.Open(t)
		app := h.App
		app.BaseURL = sb.BaseURL
		tok := h.issue(t, sb, app)
		for range 8 {
			h.examine(t, sb.Transport, app, tok)
			if !sb.Live(broker.AccessToken, tok) {
				t.Error("I2: an examination ended the token")
			}
			time.Sleep(14 * time.Minute)
		}
	})
}
