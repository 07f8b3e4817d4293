package e2e_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/servertest"
)

// Fleets need real database servers and minutes, so they are asked for by name.
var fleets = flag.Bool("e2e-fleet", false, "also run fleets of servers over real stores")

const replicas = 3

// backend is a store's server that the test may treat badly.
type backend struct {
	url           string
	pause, resume func()
	kill, restart func()
	addr          string
	withAddr      func(addr string) string // the URL with another address in it
}

// engines are the stores that a fleet can share.
func engines() map[string]func(t *testing.T) backend {
	database := func(d *servertest.Database, u *url.URL) backend {
		return backend{
			url: u.String(), pause: d.Pause, resume: d.Resume, kill: d.Kill, restart: d.Restart, addr: u.Host,
			withAddr: func(addr string) string {
				next := *u
				next.Host = addr
				return next.String()
			},
		}
	}
	return map[string]func(t *testing.T) backend{
		"redis": func(t *testing.T) backend {
			s := servertest.StartRedis(t, servertest.RedisConfig{Durable: true})
			return backend{
				url: s.URL, pause: s.Pause, resume: s.Resume, kill: s.Kill, restart: s.Restart, addr: s.Addr(),
				withAddr: func(addr string) string { return strings.Replace(s.URL, s.Addr(), addr, 1) },
			}
		},
		"postgres": func(t *testing.T) backend {
			d := servertest.PostgreSQL(t)
			return database(d, d.New(t))
		},
		"mysql": func(t *testing.T) backend {
			d := servertest.MariaDB(t)
			return database(d, d.New(t))
		},
	}
}

// eachEngine runs a test over every store, one beside the other.
func eachEngine(t *testing.T, f func(t *testing.T, b backend)) {
	t.Helper()
	t.Parallel()
	if !*fleets {
		t.Skip("fleets are run by make fleet")
	}
	for name, begin := range engines() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, begin(t))
		})
	}
}

// fleet is several servers over one store, in front of one platform.
type fleet struct {
	t        *testing.T
	store    backend
	sandbox  *process
	shared   string // folder with what all of them read
	config   string // what is in every configuration but the store
	dirs     [replicas]string
	replicas [replicas]atomic.Pointer[process]
	env      [replicas][]string
	prefix   [replicas][]string // what a replica's program is started by
	urls     [replicas]string   // of the store, as each of them sees it
	listen   [replicas]string
	platform string // its base URL, as all of them see it
}

// fleetConfig is what a fleet is made of.
type fleetConfig struct {
	lifetime, overlap string // of the platform's tokens
	policy            string
	many              int // apps beside the two
	change            func(*fleet)
	logins            bool // an app that users log in to, whose refresh tokens work once
}

// newFleet starts the servers, all at once, on an empty store.
func newFleet(t *testing.T, b backend, c fleetConfig) *fleet {
	t.Helper()
	args := []string{
		"sandbox", "--listen", "127.0.0.1:0", "--lifetime", c.lifetime, "--overlap", c.overlap,
		"--app", "wxstable00000001=" + secret, "--app", "wxclassic0000001=" + secret,
	}
	for i := range c.many {
		args = append(args, "--app", fmt.Sprintf("wxmany%010d=%s", i, secret))
	}
	if c.logins {
		args = append(args, "--rotate-refresh", "--app", loginApp+"="+secret)
	}
	f := &fleet{t: t, store: b, sandbox: start(t, t.TempDir(), args...), shared: t.TempDir()}
	f.platform = f.sandbox.url
	if c.change != nil {
		c.change(f)
	}
	f.configure(c)
	for i := range replicas {
		f.launch(i)
	}
	for i := range replicas {
		f.replicas[i].Load().await()
	}
	for i := range replicas {
		for _, app := range []string{"stable", "classic"} {
			f.awaitToken(i, app)
		}
	}
	return f
}

// configure writes a folder for each server, and one with the keys that they share.
func (f *fleet) configure(c fleetConfig) {
	f.t.Helper()
	var apps strings.Builder
	add := func(id, appID, mode string) {
		fmt.Fprintf(&apps, "  - {id: %s, platform: wechat, app_id: %s, secret: %s, mode: %s, base_url: \"%s\", %s}\n", id, appID, secret, mode, f.platform, c.policy)
	}
	add("stable", "wxstable00000001", "stable")
	add("classic", "wxclassic0000001", "classic")
	for i := range c.many {
		add(fmt.Sprintf("many-%d", i), fmt.Sprintf("wxmany%010d", i), []string{"stable", "classic"}[i%2])
	}
	var clients string
	if c.logins {
		fmt.Fprintf(&apps, `  - id: shop
    platform: wechat
    app_id: %[1]s
    secret: %[2]s
    base_url: %[3]s
    login: {authorize_url: "%[3]s", redirect_uris: ["%[4]s"]}
`, loginApp, secret, f.platform, landing)
		clients = "  - {name: site, key: " + siteKey + ", apps: [shop], allow: [users]}\npublic_url: " + fleetURL + "\n"
	}
	f.config = fmt.Sprintf(`keyset_file: %[1]s/keyset.json
admin_key_file: %[1]s/admin.key
apps:
%[2]sclients:
  - {name: e2e, key: %[3]s, apps: ["*"], allow: [read, renew, admin]}
%[4]s`, f.shared, apps.String(), key, clients)
	f.spread()
}

// spread gives each server a folder with what all of them have in their configuration, and
// where its store is.
func (f *fleet) spread() {
	f.t.Helper()
	for i := range replicas {
		f.dirs[i] = f.t.TempDir()
		if f.listen[i] == "" {
			f.listen[i] = "127.0.0.1:0"
		}
		f.write(i, "hufu.yaml", "listen: "+f.listen[i]+"\nstore_file: store\n"+f.config)
		if f.urls[i] == "" {
			f.urls[i] = f.store.url
		}
		f.write(i, "store", f.urls[i]+"\n")
	}
}

func (f *fleet) write(i int, name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dirs[i], name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// launch starts a server; it listens once it was awaited.
func (f *fleet) launch(i int) {
	f.t.Helper()
	args := append(append([]string{}, f.prefix[i]...), hufu(f.t), "serve")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = f.env[i]
	f.replicas[i].Store(launch(f.t, f.dirs[i], cmd, []string{"serve"}))
}

// restart starts a server that has ended again.
func (f *fleet) restart(i int) {
	f.t.Helper()
	f.launch(i)
	f.replicas[i].Load().await()
}

// any is one of the servers that run.
func (f *fleet) any() *process {
	for {
		if p := f.replicas[rand.N(replicas)].Load(); p.url != "" && !p.killed.Load() {
			return p
		}
	}
}

func (f *fleet) awaitToken(i int, app string) (tok token) {
	f.t.Helper()
	waitFor(f.t, fmt.Sprintf("a token of %s on server %d", app, i), func() bool {
		status, got, err := f.replicas[i].Load().token(app)
		tok = got
		return err == nil && status == http.StatusOK
	})
	return tok
}

// agree waits until all servers hand out one token, which is alive.
func (f *fleet) agree(app string) token {
	f.t.Helper()
	var last token
	waitFor(f.t, "all servers to hand out one token of "+app, func() bool {
		for i := range replicas {
			status, tok, err := f.replicas[i].Load().token(app)
			if err != nil || status != http.StatusOK || i > 0 && tok.Token != last.Token {
				return false
			}
			last = tok
		}
		ok, err := opens(f.sandbox.url, last.Token)
		return err == nil && ok
	})
	return last
}

// ready is what a server says of itself.
func (f *fleet) ready(i int) (r struct {
	Status  string `json:"status"`
	Unsaved int    `json:"unsaved"`
	Store   struct {
		Reachable bool    `json:"reachable"`
		Behind    float64 `json:"behind_seconds"`
	} `json:"store"`
}, err error,
) {
	res, err := http.Get(f.replicas[i].Load().url + "/readyz")
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	return r, json.NewDecoder(res.Body).Decode(&r)
}

// wantIssues checks that a fleet costs the platform no more than one server would (I1).
func (f *fleet) wantIssues(took time.Duration, extra int) {
	f.t.Helper()
	for app, every := range map[string]time.Duration{"wxstable00000001": 14 * time.Second, "wxclassic0000001": 10 * time.Second} {
		issues, most := f.sandbox.issues(f.t, app), int(took/every)+2+extra
		f.t.Logf("%s: %d issues in %v", app, issues, took.Round(time.Second))
		if issues > most {
			f.t.Errorf("I1: %s: %d issues in %v, want at most %d", app, issues, took, most)
		}
	}
}
