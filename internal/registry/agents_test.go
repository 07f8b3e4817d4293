package registry_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// agentWith is an agent with several secrets, by which alone the platform tells apps apart.
func agentWith(id string, secrets ...string) *broker.App {
	a := agent(id, id, secrets[0])
	for _, s := range secrets[1:] {
		a.Secrets = append(a.Secrets, broker.NewSecret(s))
	}
	return a
}

// agree reports an error unless all servers, and one that starts now, have these apps.
func agree(t *testing.T, want string, servers ...*fixture) {
	t.Helper()
	synctest.Wait()
	for i, f := range append(servers, open(t, servers[0].store.Handle(), "k", nil, nil)) {
		if got := strings.Join(f.AppIDs(), ","); got != want {
			t.Errorf("server %d of %d has the apps %s, want %s", i+1, len(servers)+1, got, want)
		}
	}
}

// I1: an app may be the same as two that are not the same as each other. All servers leave
// out the same ones, whatever they hear of first.
func TestI1ServersAgreeOnAnAppThatIsTheSameAsTwo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ middle, want string }{
		"it comes after one of them": {"m-shop", "a-shop,z-shop"},
		"it comes first":             {"0-shop", "0-shop"},
		"it comes last":              {"zz-shop", "a-shop,z-shop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := memstore.New(memstore.Config{})
				a, b := open(t, store, "k", nil, nil), open(t, store.Handle(), "k", nil, nil)
				// Neither has heard of the other's yet.
				putApp(t, a, agentWith("z-shop", "two"))
				putApp(t, a, agentWith("a-shop", "one"))
				putApp(t, b, agentWith(tt.middle, "one", "two"))
				for _, f := range []*fixture{a, b} {
					go f.Follow(t.Context())
					f.Heard(broker.Change{})
				}
				agree(t, tt.want, a, b)
			})
		})
	}
}

// An app that was left out for a secret is used once the other one has another.
func TestTwinsAfterTheWinnersSecretIsChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, nil, nil)
		putApp(t, a, agentWith("a-shop", "one"))
		putApp(t, b, agentWith("b-shop", "one"))
		agree(t, "a-shop", a, b)
		putApp(t, a, agentWith("a-shop", "two"))
		agree(t, "a-shop,b-shop", a, b)
	})
}
