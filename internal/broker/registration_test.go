package broker_test

import (
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
			if got := p.Registration(&base) == p.Registration(&other); got != want {
				t.Errorf("%s changed, one token %v: the same app %v, want %v", name, oneToken, got, want)
			}
		}
	}
}
