package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
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
	family   string // how the mode's tokens rotate
	kinds    int    // of tokens that are got by the app secret
	key      string // what the sandbox calls it
	yaml     string // what the configuration says of it
	whose    func(token string) (sandbox.Credential, bool)
	dies     func(token string) (time.Time, bool)
	counts   func() (issues, calls int)
}

// platformTwins are two apps of each platform, in each of its modes. Both are as alike as
// two can be there: where there are corps, they are of one.
func platformTwins(t *testing.T) (apps []sandbox.App, all []*tried) {
	t.Helper()
	add := func(a tried, n int) {
		app := sandbox.App{Platform: a.platform, ID: fmt.Sprintf("app-%s-%s-%d", a.platform, a.mode, n), Secret: fmt.Sprintf("e2e0secret0%s0%s0%d", a.platform, a.mode, n)}
		var params string
		switch a.platform {
		case "wecom":
			app.ID, app.Agent = "corp0123456789ab", fmt.Sprintf("100000%d", n)
			params = fmt.Sprintf(", params: {agent_id: %q}", app.Agent)
		case "dingtalk":
			app.Company = "corp0123456789ab"
			params = fmt.Sprintf(", params: {corp_id: %q}", app.Company)
		case "oauth2":
			params = ", oauth2: {token_url: \"SANDBOX/token\"}"
			if a.mode == "refresh_token" {
				app.Refresh = "refresh-" + app.ID
				params += ", refresh_token: " + app.Refresh
			}
		case "wechat":
			app.Platform = ""
		}
		a.id, a.key = strings.ReplaceAll(fmt.Sprintf("%s-%s-%d", a.platform, a.mode, n), "_", "-"), strings.TrimSuffix(app.ID+":"+app.Agent, ":")
		a.yaml = fmt.Sprintf("  - {id: %s, platform: %s, app_id: %s, secret: %s, mode: %s%s, %s, base_url: \"SANDBOX\"}\n", a.id, a.platform, app.ID, app.Secret, a.mode, params, short)
		apps, all = append(apps, app), append(all, &a)
	}
	for _, row := range platformRows(t) {
		for n := range 2 {
			add(row, n)
		}
	}
	return apps, all
}

// platformRows are all platforms in each of their modes. They are read from
// docs/platforms.md, which is written from the program.
func platformRows(t *testing.T) (rows []tried) {
	t.Helper()
	page, err := os.ReadFile("../../docs/platforms.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+)[^|]* \\| `(\\w+)_token` \\| (\\w+):").FindAllStringSubmatch(string(page), -1) {
		if last := len(rows) - 1; m[3] != "access" {
			rows[last].kinds++
			continue
		}
		rows = append(rows, tried{platform: m[1], mode: m[2], family: m[4], kinds: 1})
	}
	if len(rows) == 0 {
		t.Fatal("docs/platforms.md has no table")
	}
	return rows
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
	times := func(every time.Duration) int { return a.kinds * (int(took/every) + 2) }
	switch a.family {
	case "late":
		// Renewed in the window. Who comes a moment early is given the same again.
		return times(14 * time.Second), 2 * times(14*time.Second)
	case "fixed":
		// Asked at the end. Who comes in the last second is given the same twice more.
		return times(20 * time.Second), 3 * times(20*time.Second)
	case "sliding":
		// Half of the lifetime ahead, and always the same.
		return a.kinds, times(10 * time.Second)
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
	apps, all := platformTwins(t)
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
					// Of one that is said to live for no second nothing is promised: that is what
					// a fixed platform says of a token in its last second, too.
					if tok.ExpiresIn > 0 {
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
