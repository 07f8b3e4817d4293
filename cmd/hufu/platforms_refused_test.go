package main

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platformtable"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// issuing asks for an access token at the sandbox, as the app of twins that it is handed
// for a change.
func issuing(t *testing.T, sb *sandbox.Sandbox, name, mode string, change func(*broker.App)) (broker.Issued, broker.Source, *broker.App, error) {
	t.Helper()
	table := platformtable.BuiltIn(platform.NewCaller(sb.Transport()))
	p := table[slices.IndexFunc(table, func(p broker.Platform) bool { return p.Name == name })]
	app, _ := twins(name, mode, 0)
	change(app)
	src := p.Kinds(mode)[broker.AccessToken]
	got, err := src.Issuer.Issue(t.Context(), broker.IssueRequest{
		App: app, Key: broker.Key{App: app.ID, Kind: broker.AccessToken}, Secret: app.Secrets[0], Refresh: app.Refresh,
	})
	return got, src, app, err
}

// eachMode runs f for every platform and mode, with a sandbox that knows the app of twins.
func eachMode(t *testing.T, f func(t *testing.T, sb *sandbox.Sandbox, name, mode string)) {
	t.Helper()
	for _, p := range platforms() {
		for _, mode := range p.Modes {
			t.Run(p.Name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					_, twin := twins(p.Name, mode, 0)
					f(t, sandbox.New(sandbox.Config{Apps: []sandbox.App{twin}, Allow: []sandbox.MisuseKind{sandbox.KilledToken}}), p.Name, mode)
				})
			})
		}
	}
}

// What an operator has got wrong is told as that, whatever the platform calls it: asking
// again does not help, and there is a hint.
func TestEveryPlatformTellsWhatIsWrongWithAnApp(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*broker.App){
		"another secret": func(a *broker.App) { a.Secrets = []broker.Secret{broker.NewSecret("another-secret-0123456789abcdef")} },
		"another app id": func(a *broker.App) { a.AppID = "nobody0123456789" },
	} {
		eachMode(t, func(t *testing.T, sb *sandbox.Sandbox, name, mode string) {
			_, _, _, err := issuing(t, sb, name, mode, change)
			e := broker.AsError(err)
			if err == nil || !e.Class.Permanent() || e.Unknown || e.Hint == "" || e.PlatformCode == "" {
				t.Errorf("%s: %v: class %s, hint %q, unknown %v", what, err, e.Class, e.Hint, e.Unknown)
			}
		})
	}
}

// A check tells a token that lives from one that is dead, and from one that was made up.
func TestEveryCheckTellsTheDeadFromTheLiving(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, sb *sandbox.Sandbox, name, mode string) {
		got, src, app, err := issuing(t, sb, name, mode, func(*broker.App) {})
		if err != nil {
			t.Fatal(err)
		}
		checker, can := src.Issuer.(broker.Checker)
		if !can {
			return
		}
		expect := func(what string, token broker.Secret, want broker.Verdict) {
			if v, err := checker.Check(t.Context(), app, token); v != want {
				t.Errorf("%s: verdict %d, %v; want %d", what, v, err, want)
			}
		}
		expect("a token that lives", got.Token, broker.VerdictOK)
		expect("one that was made up", broker.NewSecret("made-up-0123456789"), broker.VerdictRejected)
		if name == "wechat" {
			sb.Kill(got.Token.Reveal())
		} else {
			sb.Of(name).Kill(got.Token.Reveal())
		}
		expect("one that was killed", got.Token, broker.VerdictRejected)
	})
}
