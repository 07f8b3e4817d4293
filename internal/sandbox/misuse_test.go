package sandbox_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestMisuses(t *testing.T) {
	t.Parallel()
	rotate := func(t *testing.T, sb *sandbox.Sandbox) {
		t.Helper()
		if _, err := sb.RotateOutside(appID); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, sb *sandbox.Sandbox, c caller)
		want []sandbox.MisuseKind
	}{
		{"proper use", func(_ *testing.T, _ *sandbox.Sandbox, c caller) {
			for range 3 {
				c.use(c.token().AccessToken)
				c.use(c.stable().AccessToken)
				time.Sleep(5 * time.Minute)
			}
		}, nil},
		{"an issue inside the overlap", func(_ *testing.T, _ *sandbox.Sandbox, c caller) {
			c.token()
			time.Sleep(5*time.Minute - time.Nanosecond)
			c.token()
		}, []sandbox.MisuseKind{sandbox.IssueInsideOverlap}},
		{"refused calls issue nothing", func(_ *testing.T, _ *sandbox.Sandbox, c caller) {
			c.token()
			c.do("GET", tokenPath(appID, "wrong"), "")
			c.do("GET", tokenPath(other, "other-"+secret), "")
		}, nil},
		{"an issue after one from outside", func(t *testing.T, sb *sandbox.Sandbox, c caller) {
			c.token()
			rotate(t, sb)
			c.token()
		}, nil},
		{"an issue after a kill", func(_ *testing.T, sb *sandbox.Sandbox, c caller) {
			sb.Kill(c.token().AccessToken)
			c.token()
		}, nil},
		{"an issue after a lost answer", func(t *testing.T, sb *sandbox.Sandbox, c caller) {
			sb.Inject(sandbox.Fault{Kind: sandbox.FaultLost, Times: 1})
			attempt(t.Context(), sb.Transport(), base, tokenPath(appID, secret))
			c.token()
		}, nil},
		{"a superseded token", func(_ *testing.T, _ *sandbox.Sandbox, c caller) {
			a := c.token()
			time.Sleep(time.Hour)
			c.token()
			time.Sleep(5 * time.Minute)
			c.use(a.AccessToken)
		}, []sandbox.MisuseKind{sandbox.SupersededToken}},
		{"an expired token", func(_ *testing.T, _ *sandbox.Sandbox, c caller) {
			a := c.stable()
			time.Sleep(2 * time.Hour)
			c.use(a.AccessToken)
		}, []sandbox.MisuseKind{sandbox.ExpiredToken}},
		{"a killed token", func(_ *testing.T, sb *sandbox.Sandbox, c caller) {
			a := c.stable()
			sb.Kill(a.AccessToken)
			c.use(a.AccessToken)
		}, []sandbox.MisuseKind{sandbox.KilledToken}},
		{"a token that an outsider ended", func(t *testing.T, sb *sandbox.Sandbox, c caller) {
			a := c.token()
			rotate(t, sb)
			time.Sleep(5 * time.Minute)
			c.use(a.AccessToken)
		}, []sandbox.MisuseKind{sandbox.OutsideToken}},
		{"a token that an outsider pushed out", func(t *testing.T, sb *sandbox.Sandbox, c caller) {
			a := c.token()
			time.Sleep(time.Hour)
			c.token()
			rotate(t, sb)
			c.use(a.AccessToken)
		}, []sandbox.MisuseKind{sandbox.OutsideToken}},
		{"a stable token that outsiders forced out", func(t *testing.T, sb *sandbox.Sandbox, c caller) {
			a := c.stable()
			if _, err := sb.ForceOutside(appID); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Minute)
			c.use(a.AccessToken)
		}, []sandbox.MisuseKind{sandbox.OutsideToken}},
		{"a token from nowhere", func(_ *testing.T, _ *sandbox.Sandbox, c caller) {
			c.use("83_nowhere")
		}, nil},
		{"forced too soon", func(_ *testing.T, _ *sandbox.Sandbox, c caller) {
			c.forced()
			time.Sleep(29 * time.Second)
			c.forced()
		}, []sandbox.MisuseKind{sandbox.ForcedTooSoon}},
		{"forced too often", func(_ *testing.T, _ *sandbox.Sandbox, c caller) {
			for range 22 {
				c.forced()
				time.Sleep(30 * time.Second)
			}
		}, []sandbox.MisuseKind{sandbox.ForcedTooOften, sandbox.ForcedTooOften}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
				tc.do(t, sb, c)
				var got []sandbox.MisuseKind
				for _, m := range sb.Misuses() {
					got = append(got, m.What)
					if m.App != appID || m.At.IsZero() || m.Detail == "" {
						t.Errorf("misuse %+v", m)
					}
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("misuses (-want +got):\n%s", diff)
				}
			})
			bubble(t, sandbox.Config{Allow: tc.want}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
				tc.do(t, sb, c)
				if m := sb.Misuses(); len(m) != 0 {
					t.Errorf("misuses that are allowed were recorded: %+v", m)
				}
			})
		})
	}
}

func TestIssuesTellOfEveryNewToken(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		start := time.Now()
		c.token()
		c.stable()
		c.stable()
		time.Sleep(time.Minute)
		c.forced()
		outside, err := sb.RotateOutside(appID)
		if err != nil {
			t.Fatal(err)
		}
		if !sb.Live(outside) || sb.Current(appID, sandbox.Classic) != outside {
			t.Error("the token from outside is not the current one")
		}
		want := []sandbox.IssueEvent{
			{At: start, Mode: sandbox.Classic, Generation: 1},
			{At: start, Mode: sandbox.Stable, Generation: 1},
			{At: start.Add(time.Minute), Mode: sandbox.Stable, Generation: 2, Forced: true},
			{At: start.Add(time.Minute), Mode: sandbox.Classic, Generation: 2, Outside: true},
		}
		if diff := cmp.Diff(want, sb.Issues(appID)); diff != "" {
			t.Errorf("issues (-want +got):\n%s", diff)
		}
		wantCounts := sandbox.Counts{Issues: 3, Outside: 1, ClassicCalls: 1, StableCalls: 3, Forced: 1}
		if diff := cmp.Diff(wantCounts, sb.Counts(appID), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		c.do("GET", tokenPath("wxunknown", "x"), "")
		if got := sb.Counts(""); got.Refused != 1 || got.ByErrcode[40013] != 1 {
			t.Errorf("counts of nobody = %+v", got)
		}
	})
}

func TestDiesTellsUntilWhenATokenLives(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		start := time.Now()
		a := c.token().AccessToken
		check := func(want time.Time) {
			t.Helper()
			if got, ok := sb.Dies(a); !ok || !got.Equal(want) {
				t.Errorf("Dies = %v %v, want %v", got, ok, want)
			}
		}
		check(start.Add(2 * time.Hour))
		time.Sleep(time.Hour)
		c.token()
		check(start.Add(time.Hour + 5*time.Minute))
		sb.Kill(a)
		check(start.Add(time.Hour))
		if _, ok := sb.Dies("83_nowhere"); ok {
			t.Error("a token from nowhere is known")
		}
	})
}

func TestUnknownAppsAreErrors(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{})
	_, errRotate := sb.RotateOutside("x")
	_, errForce := sb.ForceOutside("x")
	_, errKill := sb.KillCurrent("x", sandbox.Stable)
	for i, err := range []error{
		errRotate, errForce, errKill, sb.SetSecret("x", "y"), sb.SetWhitelist("x"), sb.Freeze("x", sandbox.FrozenSecret),
		sb.Unfreeze("x"), sb.ConfirmIP("x", "::1"), sb.RefuseIP("x", "::1"),
	} {
		if diff := cmp.Diff(sandbox.ErrUnknownApp, err, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("call %d: %s", i, diff)
		}
	}
	if sb.Kill("x") || sb.Live("x") || sb.Current("x", sandbox.Stable) != "" || sb.Issues("x") != nil {
		t.Error("an app that does not exist has tokens")
	}
	if diff := cmp.Diff(sandbox.Counts{}, sb.Counts("x")); diff != "" {
		t.Error(diff)
	}
}
