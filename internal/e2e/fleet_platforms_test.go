package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// tried is an app of a platform, in one of its modes, at the sandbox of this process.
type tried struct {
	id       string // ours
	platform string
	mode     string
	key      string // what the sandbox calls it
	yaml     string // what the configuration says of it
	whose    func(token string) (sandbox.Credential, bool)
	dies     func(token string) (time.Time, bool)
	counts   func() (issues, calls int)
}

// platformTwins are two apps of each of the sandbox's platforms, in each of its modes. Both
// are as alike as two can be there: where there are corps, they are of one.
func platformTwins() (apps []sandbox.App, all []*tried) {
	add := func(name, mode string, n int) {
		a := sandbox.App{Platform: name, ID: fmt.Sprintf("app-%s-%s-%d", name, mode, n), Secret: fmt.Sprintf("e2e0secret0%s0%s0%d", name, mode, n)}
		var params string
		switch name {
		case "wecom":
			a.ID, a.Agent = "corp0123456789ab", fmt.Sprintf("100000%d", n)
			params = fmt.Sprintf(", params: {agent_id: %q}", a.Agent)
		case "dingtalk":
			a.Company = "corp0123456789ab"
			params = fmt.Sprintf(", params: {corp_id: %q}", a.Company)
		case "wechat":
			a.Platform = ""
		}
		t := &tried{id: fmt.Sprintf("%s-%s-%d", name, mode, n), platform: name, mode: mode, key: strings.TrimSuffix(a.ID+":"+a.Agent, ":")}
		t.yaml = fmt.Sprintf("  - {id: %s, platform: %s, app_id: %s, secret: %s, mode: %s%s, %s, base_url: \"SANDBOX\"}\n", t.id, name, a.ID, a.Secret, mode, params, short)
		apps, all = append(apps, a), append(all, t)
	}
	for n := range 2 {
		for _, mode := range []string{"stable", "classic"} {
			add("wechat", mode, n)
		}
	}
	some := sandbox.New(sandbox.Config{})
	for _, name := range sandbox.Platforms() {
		for _, mode := range some.Of(name).Modes() {
			for n := range 2 {
				add(name, string(mode), n)
			}
		}
	}
	return apps, all
}

// at says where the platform of an app is, and has the truth about it.
func (a *tried) at(sb *sandbox.Sandbox, url string) {
	if a.platform == "wechat" {
		a.yaml = strings.ReplaceAll(a.yaml, "SANDBOX", url)
		a.whose, a.dies = sb.Whose, sb.Dies
		a.counts = func() (issues, calls int) {
			c := sb.Counts(a.key)
			return c.Issues, c.StableCalls + c.ClassicCalls
		}
		return
	}
	p := sb.Of(a.platform)
	a.yaml = strings.ReplaceAll(a.yaml, "SANDBOX", url+"/"+a.platform)
	a.whose, a.dies = p.Whose, p.Dies
	a.counts = func() (issues, calls int) {
		c := p.Counts(a.key)
		return c.Issues, c.IssueCalls
	}
}

// bounds are how many new tokens the app may have cost a fleet, and how many calls, with
// tokens of 20 s, an overlap or window of 6 s, and a renewal every 10 s. One for the start
// and one for the end are added.
func (a *tried) bounds(took time.Duration) (issues, calls int) {
	times := func(every time.Duration) int { return int(took/every) + 2 }
	switch a.platform + "/" + a.mode {
	case "wechat/stable", "feishu/classic", "feishu/oauth", "lark/classic", "lark/oauth":
		// Late: renewed in the window. Who comes a moment early is given the same again.
		return times(14 * time.Second), 2 * times(14*time.Second)
	case "wecom/token", "douyin/stable":
		// Fixed: asked at the end. Who comes a moment early is given the same again.
		return times(20 * time.Second), 2 * times(20*time.Second)
	case "dingtalk/v1", "dingtalk/legacy", "dingtalk/unified":
		// Sliding: half of the lifetime ahead, and always the same.
		return 1, times(10 * time.Second)
	default:
		// Eager and independent: every renewal is a call and a new token.
		return times(10 * time.Second), times(10 * time.Second)
	}
}

// TestI1I2I8AFleetKeepsThePromisesOfEveryPlatform runs three servers over Redis with apps of
// all platforms and modes. What each answers is held to its promise, to its app, and to what
// the platforms were asked for.
func TestI1I2I8AFleetKeepsThePromisesOfEveryPlatform(t *testing.T) {
	t.Parallel()
	if !*fleets {
		t.Skip("fleets are run by make fleet")
	}
	apps, all := platformTwins()
	sb := sandbox.New(sandbox.Config{Apps: apps, Lifetime: 20 * time.Second, Overlap: 6 * time.Second, Window: 6 * time.Second})
	server := httptest.NewServer(sb.Handler())
	t.Cleanup(server.Close)
	f := &fleet{t: t, store: engines()["redis"](t), shared: t.TempDir()}
	var config strings.Builder
	fmt.Fprintf(&config, "keyset_file: %[1]s/keyset.json\nadmin_key_file: %[1]s/admin.key\nclients:\n  - {name: e2e, key: %[2]s, apps: [\"*\"], allow: [read, renew]}\napps:\n", f.shared, key)
	for _, a := range all {
		a.at(sb, server.URL)
		config.WriteString(a.yaml)
	}
	f.config = config.String()
	for i := range replicas {
		f.listen[i] = "127.0.0.1:0"
	}
	f.spread()
	for i := range replicas {
		f.launch(i)
	}
	for i := range replicas {
		f.replicas[i].Load().await()
	}
	begun := time.Now()
	for _, a := range all {
		for i := range replicas {
			f.awaitToken(i, a.id)
		}
	}
	stop := make(chan struct{})
	reads, wait := holdPlatforms(t, f.any, all, stop)
	<-time.After(*hold)
	close(stop)
	wait()
	took := time.Since(begun) + 3*time.Second
	for _, a := range all {
		issues, calls := a.counts()
		mostIssues, mostCalls := a.bounds(took)
		t.Logf("%s: %d issues in %d calls in %v", a.id, issues, calls, took.Round(time.Second))
		if issues > mostIssues || calls > mostCalls {
			t.Errorf("I1: %s: %d issues in %d calls in %v, want at most %d in %d", a.id, issues, calls, took, mostIssues, mostCalls)
		}
	}
	t.Logf("%d reads", reads.Load())
	for _, m := range sb.Misuses() {
		t.Errorf("the platform saw a misuse: %+v", m)
	}
}

// holdPlatforms lets a worker for each app read its token from any server until stop is
// closed. Each answer is held to its app, and to its promise at once and at its end.
func holdPlatforms(t *testing.T, server func() *process, all []*tried, stop <-chan struct{}) (reads *atomic.Int64, wait func()) {
	t.Helper()
	reads = new(atomic.Int64)
	var wg sync.WaitGroup
	for _, a := range all {
		check := func(when string, tok token, promised time.Time) {
			if dies, known := a.dies(tok.Token); !known || dies.Before(promised) {
				t.Errorf("I2: %s: version %d, promised until %v, dies at %v, as it is known %s", a.id, tok.Version, promised, dies, when)
			}
		}
		wg.Go(func() {
			for {
				asked := time.Now()
				status, tok, err := server().token(a.id)
				if err != nil || status != http.StatusOK {
					t.Errorf("I3: %s: a reader was answered %d %s (%v)", a.id, status, tok.Code, err)
				} else {
					reads.Add(1)
					if whose, known := a.whose(tok.Token); !known || whose.App != a.key {
						t.Errorf("I8: %s has a token of %q", a.id, whose.App)
					}
					promised := asked.Add(time.Duration(tok.ExpiresIn) * time.Second)
					check("at once", tok, promised)
					wg.Go(func() {
						select {
						case <-time.After(time.Until(promised) - 100*time.Millisecond):
							check("at the end of its promise", tok, promised)
						case <-stop:
						}
					})
				}
				select {
				case <-time.After(200*time.Millisecond + rand.N(400*time.Millisecond)):
				case <-stop:
					return
				}
			}
		})
	}
	return reads, wg.Wait
}
