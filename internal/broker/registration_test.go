package broker_test

import (
	"slices"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// Two apps that the platform takes for one are one here, and no others are (I1, I8).
func TestRegistrationsAreAsManyAsThePlatformHasTokensI1I8(t *testing.T) {
	t.Parallel()
	base := broker.App{ID: "a", Platform: "p", AppID: "x", Mode: "one", Params: map[string]string{"corp": "1"}}
	for name, tt := range map[string]struct {
		change   func(*broker.App)
		same     bool
		oneToken bool // where the platform gives an app id one token
	}{
		"nothing":    {func(*broker.App) {}, true, true},
		"our id":     {func(a *broker.App) { a.ID = "b" }, true, true},
		"the secret": {func(a *broker.App) { a.Secrets = []broker.Secret{broker.NewSecret("s")} }, true, true},
		"the mode":   {func(a *broker.App) { a.Mode = "two" }, false, true},
		"a param":    {func(a *broker.App) { a.Params = map[string]string{"corp": "2"} }, false, true},
		"no params":  {func(a *broker.App) { a.Params = nil }, false, true},
		"app id":     {func(a *broker.App) { a.AppID = "y" }, false, false},
		"the place":  {func(a *broker.App) { a.BaseURL = "https://test.example" }, false, false},
	} {
		other := base
		tt.change(&other)
		for _, oneToken := range []bool{false, true} {
			p, want := broker.Platform{BaseURL: "https://p.example", OneToken: oneToken}, tt.same
			if oneToken {
				want = tt.oneToken
			}
			if got := slices.Equal(p.Registrations(&base), p.Registrations(&other)); got != want {
				t.Errorf("%s changed, one token %v: the same app %v, want %v", name, oneToken, got, want)
			}
		}
	}
}

// Where no token is asked for with a param, apps that differ in it only are two if their
// secrets are, and one with a secret in common (I1).
func TestAppsThatShareASecretAreOneWhateverTheirIdleParamsI1(t *testing.T) {
	t.Parallel()
	p := broker.Platform{BaseURL: "https://p.example", Params: []broker.Param{{Name: "corp"}, {Name: "agent", Idle: true}}}
	app := func(corp, agent string, secrets ...string) *broker.App {
		a := &broker.App{Platform: "p", AppID: "x", Params: map[string]string{"corp": corp}}
		if agent != "" {
			a.Params["agent"] = agent
		}
		for _, s := range secrets {
			a.Secrets = append(a.Secrets, broker.NewSecret(s))
		}
		return a
	}
	base := app("1", "7", "old", "new")
	elsewhere := app("1", "8", "new")
	elsewhere.BaseURL = "https://test.example"
	for name, tt := range map[string]struct {
		other *broker.App
		same  bool
	}{
		"another agent":                  {app("1", "8", "other"), false},
		"no agent":                       {app("1", "", "other"), false},
		"another agent, its secret":      {app("1", "8", "new"), true},
		"no agent, one of its secrets":   {app("1", "", "other", "old"), true},
		"the agent, another secret":      {app("1", "7", "other"), true},
		"another corp, its secret":       {app("2", "7", "new"), false},
		"its secret at another platform": {elsewhere, false},
	} {
		same := slices.ContainsFunc(p.Registrations(tt.other), func(name string) bool { return slices.Contains(p.Registrations(base), name) })
		if same != tt.same {
			t.Errorf("%s: the same app %v, want %v", name, same, tt.same)
		}
	}
	if base.Params["agent"] != "7" {
		t.Error("the app was changed")
	}
}
