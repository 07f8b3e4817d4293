package wecom_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wecom"
)

// The sum was made by sha1sum of what is signed.
func TestAPageIsSignedInSeconds(t *testing.T) {
	t.Parallel()
	pages := wecom.Platform(platform.NewCaller(nil)).Pages
	at := pages.Stamp(time.UnixMilli(1414588745123))
	if got, want := pages.SignPage(broker.NewSecret("tkt"), "https://a.test/p?a=%20b#x", "abc", at), "9a479a700e7f0b7fae479f95b222f3ab2fa12303"; got != want {
		t.Errorf("signed %s at %d, want %s", got, at, want)
	}
	if _, ok := pages.(broker.CardSigner); ok {
		t.Error("it signs cards, which WeCom does not have")
	}
}

// A token is of the corp's id and the app's secret, and the AgentId has no part in it: two
// apps with one secret have one token (I1), and those with two secrets have two (I8).
func TestAgentsAreToldApartByTheirSecretsI1I8(t *testing.T) {
	t.Parallel()
	p := wecom.Platform(platform.NewCaller(nil))
	app := func(agent, secret string) *broker.App {
		a := &broker.App{Platform: wecom.Name, AppID: "ww01", Mode: wecom.Mode, Secrets: []broker.Secret{broker.NewSecret(secret)}}
		if agent != "" {
			a.Params = map[string]string{wecom.AgentID: agent}
		}
		return a
	}
	one := p.Registrations(app("1000002", "one"))
	for _, tt := range []struct {
		agent, secret string
		same          bool
	}{{"", "one", true}, {"1000003", "one", true}, {"1000002", "two", true}, {"", "two", false}, {"1000003", "two", false}} {
		if same := slices.ContainsFunc(p.Registrations(app(tt.agent, tt.secret)), func(name string) bool { return slices.Contains(one, name) }); same != tt.same {
			t.Errorf("agent %q with secret %s: the same app %v, want %v", tt.agent, tt.secret, same, tt.same)
		}
	}
}
