package sandbox_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func TestAPlatformKnowsWhatWasDone(t *testing.T) {
	t.Parallel()
	everyWay(t, sandbox.Config{}, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		p := sb.Of(w.platform)
		began := time.Now()
		time.Sleep(time.Second)
		token, _ := w.get(c)
		w.opens(c, token)
		c.shoot(w.ask(thatApp, "wrong"))
		n := p.Counts(thatApp)
		issues := 1
		if w.mode == "app" {
			issues = 2 // It comes with the tenant's.
		}
		if n.IssueCalls != 1 || n.Issues != issues || n.Calls != 2 || n.Refused != 1 || len(n.ByCode) != 1 {
			t.Errorf("counts %+v", n)
		}
		events := slices.DeleteFunc(p.Issues(thatApp), func(e sandbox.IssueEvent) bool { return e.Mode != w.mode })
		want := []sandbox.IssueEvent{{At: began.Add(time.Second), Mode: w.mode, Generation: 1}}
		if diff := cmp.Diff(want, events); diff != "" {
			t.Errorf("issues (-want +got):\n%s", diff)
		}
		_, path, _ := strings.Cut(strings.Split(w.ask("", "").line, "?")[0], " ")
		if n := p.Calls(thatApp, path); n != 2 {
			t.Errorf("%d calls of %s arrived, want 2", n, path)
		}
		get, _ := w.calls("")
		_, path, _ = strings.Cut(strings.Split(get.line, "?")[0], " ")
		arrivals := p.Arrivals(thatApp, path)
		if len(arrivals) != 1 || arrivals[0].Mode != w.mode || arrivals[0].Generation != 1 {
			t.Errorf("arrivals %+v", arrivals)
		}
		if who, ok := p.Whose(token); !ok || who != (sandbox.Credential{Sort: sandbox.AppToken, App: thatApp}) {
			t.Errorf("the token is said to be %+v", who)
		}
		if _, ok := p.Whose("nobody's"); ok || p.Live("nobody's") || p.Current("nobody", "") != "" || p.Counts("nobody").Refused != 0 {
			t.Error("it knows what there is not")
		}
	})
}

func TestOutsidersInterfere(t *testing.T) {
	t.Parallel()
	cfg := sandbox.Config{Allow: []sandbox.MisuseKind{sandbox.OutsideToken}}
	everyWay(t, cfg, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		p := sb.Of(w.platform)
		first, _ := w.get(c)
		second, err := p.RotateOutside(thatApp, w.mode)
		if err != nil {
			t.Fatal(err)
		}
		replaces := w.manner == "eager" || w.manner == "independent"
		if (second != first) != replaces || p.Counts(thatApp).Outside != map[bool]int{true: 1}[replaces] {
			t.Errorf("somebody else asked: a new token %v, want %v; counts %+v", second != first, replaces, p.Counts(thatApp))
		}
		time.Sleep(w.overlap)
		if got, want := w.opens(c, first), w.manner != "eager"; got != want {
			t.Errorf("after the overlap the first opens %v, want %v", got, want)
		}
		if _, err := p.RotateOutside("nobody", ""); err == nil {
			t.Error("an app that there is not rotates")
		}
		if _, err := p.RotateOutside(thatApp, "nonsense"); err == nil || !strings.Contains(err.Error(), string(p.Modes()[0])) {
			t.Errorf("a mode that there is not: %v", err)
		}
	})
}

func TestTokensAreKilledAndSpoiled(t *testing.T) {
	t.Parallel()
	cfg := sandbox.Config{Allow: []sandbox.MisuseKind{sandbox.KilledToken}}
	everyWay(t, cfg, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		p := sb.Of(w.platform)
		first, _ := w.get(c)
		if !p.Kill(first) || p.Kill(first) || w.opens(c, first) {
			t.Error("a killed token lives")
		}
		second, _ := w.get(c)
		if second == first || !w.opens(c, second) {
			t.Error("there is no new token after one was killed")
		}
		if lived, err := p.KillCurrent(thatApp, w.mode); !lived || err != nil || p.Live(second) {
			t.Errorf("the current one lived %v, %v", lived, err)
		}
		third, _ := w.get(c)
		if !p.Spoil(third) || p.Live(third) {
			t.Error("a spoiled token lives")
		}
		again, _ := w.get(c)
		if got, want := again == third, w.manner != "eager" && w.manner != "independent"; got != want {
			t.Errorf("a spoiled token is handed out %v, want %v", got, want)
		}
	})
}

func TestSecretsAreReplacedAndAppsFrozen(t *testing.T) {
	t.Parallel()
	everyWay(t, sandbox.Config{}, func(t *testing.T, w way, sb *sandbox.Sandbox, c caller) {
		p := sb.Of(w.platform)
		token, _ := w.get(c)
		if err := p.Freeze(thatApp, "50003"); err != nil {
			t.Fatal(err)
		}
		if a := c.shoot(w.ask(thatApp, thatSecret)); a.token(w.token) != "" || !strings.Contains(a.text, "50003") {
			t.Errorf("a frozen app is answered %s", a.text)
		}
		if !w.opens(c, token) {
			t.Error("the token of a frozen app is dead")
		}
		if p.Freeze(thatApp, "") == nil || p.Unfreeze(thatApp) != nil {
			t.Error("without a code it is frozen, or it cannot be unfrozen")
		}
		time.Sleep(6 * time.Minute)
		token, _ = w.get(c)
		if err := p.SetSecret(thatApp, "another"); err != nil {
			t.Fatal(err)
		}
		if a := c.shoot(w.ask(thatApp, thatSecret)); a.token(w.token) != "" {
			t.Error("the secret that was replaced is good")
		}
		if !w.opens(c, token) {
			t.Error("the token that was got by the old secret is dead")
		}
		time.Sleep(6 * time.Minute)
		if a := c.shoot(w.ask(thatApp, "another")); a.token(w.token) == "" {
			t.Errorf("the new secret is answered %s", a.text)
		}
	})
}
