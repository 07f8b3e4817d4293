package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platformtable"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// trialTime is how long a trial goes on, over a dozen lifetimes of most tokens, and
// afterwards how long answers are still held to their promises.
const (
	trialTime = 25 * time.Hour
	afterTime = 3 * time.Hour
)

// TestI1I2I8EveryPlatformKeepsItsPromisesOverThreeReplicas runs each platform, in each of
// its modes, with the platform's own times against its counterpart in the sandbox.
func TestI1I2I8EveryPlatformKeepsItsPromisesOverThreeReplicas(t *testing.T) {
	t.Parallel()
	for _, p := range platforms() {
		for _, mode := range p.Modes {
			t.Run(p.Name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					x := newTrial(t, p.Name, mode)
					defer x.close()
					x.run()
				})
			})
		}
	}
}

// trial is two apps of a platform, which are as alike as two can be there, and three
// replicas over one store that keep their tokens.
type trial struct {
	t        *testing.T
	platform broker.Platform
	mode     string
	truth    truth
	apps     [2]*broker.App
	replicas []*renew.Manager
	end      time.Time
	stop     context.CancelFunc

	mu   sync.Mutex
	seen map[broker.Key]map[string]bool // every token that was handed out
}

func newTrial(t *testing.T, name, mode string) *trial {
	t.Helper()
	x := &trial{t: t, mode: mode, seen: map[broker.Key]map[string]bool{}}
	var simulated []sandbox.App
	for i := range x.apps {
		app, twin := twins(name, mode, i)
		x.apps[i], simulated = app, append(simulated, twin)
	}
	// A call that takes its time may have left with a token in its last moment.
	sb := sandbox.New(sandbox.Config{Apps: simulated, Allow: []sandbox.MisuseKind{sandbox.ExpiredToken}})
	// Half of the calls take their time, so that tokens live a little longer there than it is
	// known here: who asks at the end of one meets the platform in the token's last second.
	sb.Inject(sandbox.Fault{Kind: sandbox.FaultSlow, Delay: 300 * time.Millisecond, Probability: 0.5})
	x.truth = truthOf(sb, name)
	table := platformtable.BuiltIn(platform.NewCaller(sb.Transport()))
	x.platform = table[slices.IndexFunc(table, func(p broker.Platform) bool { return p.Name == name })]
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	x.stop = stop
	store := memstore.New(memstore.Config{})
	for i := range 3 {
		ports := store.Handle()
		m, err := renew.New(renew.Config{
			Store: ports, Leaser: ports, Notifier: ports, Sealer: openBox{}, Platforms: table, Holder: fmt.Sprintf("replica-%d", i),
			Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range x.apps {
			if err := m.SetApp(ctx, a); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Start(ctx); err != nil {
			t.Fatal(err)
		}
		x.replicas = append(x.replicas, m)
	}
	return x
}

func (x *trial) close() {
	for _, m := range x.replicas {
		if err := m.Close(context.Background()); err != nil {
			x.t.Error(err)
		}
	}
	x.stop()
	synctest.Wait()
}

// run has every token of both apps read on every replica, holds each answer to its promise,
// and counts what that has cost.
func (x *trial) run() {
	x.t.Helper()
	kinds := x.platform.Kinds(x.mode)
	until := time.Now().Add(trialTime)
	x.end = until.Add(afterTime)
	var readers, holders sync.WaitGroup
	for i, m := range x.replicas {
		for n := range x.apps {
			for kind := range kinds {
				readers.Go(func() {
					for ; time.Now().Before(until); time.Sleep(time.Duration(5+i) * time.Minute) {
						x.read(&holders, m, n, kind)
					}
				})
			}
		}
	}
	readers.Wait()
	for n := range x.apps {
		for kind := range kinds {
			x.read(&holders, x.replicas[0], n, kind)
		}
		x.count(n, kinds)
	}
	holders.Wait()
	for _, m := range x.truth.misuses() {
		x.t.Errorf("the platform saw a misuse: %+v", m)
	}
}

// read reads one token and has it held to its promise (I2) and to its app (I8).
func (x *trial) read(holders *sync.WaitGroup, m *renew.Manager, n int, kind broker.Kind) {
	if x.t.Failed() {
		return // One fault says enough.
	}
	key := broker.Key{App: x.apps[n].ID, Kind: kind}
	tok, err := m.Token(x.t.Context(), key)
	if err != nil {
		x.t.Errorf("I3: no token of %s: %v", key, err)
		return
	}
	value, promise, begun := tok.Secret.Reveal(), tok.Promise(m.Now()), time.Now()
	x.mu.Lock()
	if x.seen[key] == nil {
		x.seen[key] = map[string]bool{}
	}
	x.seen[key][value] = true
	x.mu.Unlock()
	// The sandbox forgets tickets that were replaced, of which nothing is promised.
	if whose := x.truth.whose(value); !slices.Contains(whose, n) && (len(whose) > 0 || promise > 0) {
		x.t.Errorf("I8: the token of %s is that of %v", key, whose)
	}
	if promise <= 0 {
		return
	}
	check := func(when string) {
		if !x.truth.opens(n, kind, value) {
			x.t.Errorf("I2: version %d of %s was promised for %v at %v, and is dead %s", tok.Version, key, promise, begun, when)
		}
	}
	check("at once")
	holders.Go(func() {
		time.Sleep(min(promise-time.Nanosecond, time.Until(x.end)))
		check("later")
	})
}

// count holds what the platform was asked for to what the rotations need (I1).
func (x *trial) count(n int, kinds map[broker.Kind]broker.Source) {
	x.t.Helper()
	var least, most, calls, handed int
	for kind, src := range kinds {
		if src.Derived {
			continue
		}
		b := boundsOf(src.Rotation)
		least, most, calls = least+b.least, most+b.most, calls+b.calls
		handed += len(x.seen[broker.Key{App: x.apps[n].ID, Kind: kind}])
	}
	issues, asked := x.truth.issues(n)
	x.t.Logf("%s: %d issues in %d calls", x.apps[n].ID, issues, asked)
	if issues < least || issues > most {
		x.t.Errorf("I1: %d issues in %v, want %d to %d", issues, trialTime, least, most)
	}
	if asked > calls {
		x.t.Errorf("I1: the platform was asked %d times in %v, want at most %d", asked, trialTime, calls)
	}
	if issues != handed {
		x.t.Errorf("I1: %d tokens were issued, and %d handed out", issues, handed)
	}
}

// bounds are how many new tokens a fleet may cost in a trial, and how many calls for them.
type bounds struct{ least, most, calls int }

// boundsOf says what a rotation needs where no policy is set.
//
//   - eager and independent platforms are asked once in an hour, or in half of the lifetime
//     where that is longer or an hour is too long, up to a minute later, and give a new token
//     each time: one call, one issue.
//   - late ones once in a lifetime without its window.
//   - fixed ones once in a lifetime; one that is asked in the last second of a token gives it
//     again, twice at most.
//   - sliding ones as often as eager ones, and give the same token for ever.
func boundsOf(r broker.Rotation) bounds {
	times := func(every time.Duration) int { return int(trialTime/every) + 1 }
	life := cmp.Or(r.Lifetime, time.Hour) // which the simulated provider of OAuth 2.0 says
	every := max(time.Hour, life/2)
	if every >= life {
		every = life / 2
	}
	switch r.Family {
	case broker.Eager, broker.Independent:
		n := times(every)
		return bounds{least: times(every + time.Minute), most: n, calls: n}
	case broker.Late:
		n := times(r.Lifetime - r.Window)
		return bounds{least: times(r.Lifetime), most: n, calls: n}
	case broker.Fixed:
		n := times(r.Lifetime)
		return bounds{least: n - 1, most: n, calls: 3 * n}
	case broker.Sliding:
		return bounds{least: 1, most: 1, calls: times(every)}
	default:
		return bounds{}
	}
}

// twins are the app of a trial and its registration in the sandbox. Where a platform has
// corps, both apps are of one.
func twins(name, mode string, n int) (*broker.App, sandbox.App) {
	const corp = "corp0123456789ab"
	id, secret := fmt.Sprintf("app%013d", n), fmt.Sprintf("secret-%d-0123456789abcdef012345", n)
	app := &broker.App{ID: fmt.Sprintf("app-%d", n), Platform: name, AppID: id, Mode: mode, BaseURL: "http://sandbox/" + name, Secrets: []broker.Secret{broker.NewSecret(secret)}, Origin: broker.FromFile}
	twin := sandbox.App{Platform: name, ID: id, Secret: secret}
	switch name {
	case "wechat":
		app.BaseURL, twin.Platform = "http://sandbox", ""
	case "wecom":
		agent := fmt.Sprintf("100000%d", n)
		app.AppID, app.Params = corp, map[string]string{"agent_id": agent}
		twin.ID, twin.Agent = corp, agent
	case "dingtalk":
		app.Params, twin.Company = map[string]string{"corp_id": corp}, corp
	case "oauth2":
		app.OAuth2 = &broker.OAuth2{TokenURL: app.BaseURL + "/token"}
		if mode == "refresh_token" {
			twin.Refresh = fmt.Sprintf("refresh-%d-0123456789abcdef", n)
			app.Refresh = broker.NewSecret(twin.Refresh)
		}
	}
	return app, twin
}

// truth is what the sandbox knows of the apps of a trial, by their places.
type truth struct {
	opens   func(n int, kind broker.Kind, value string) bool
	whose   func(value string) []int
	issues  func(n int) (issued, calls int)
	misuses func() []sandbox.Misuse
}

func truthOf(sb *sandbox.Sandbox, name string) truth {
	names := make([]string, 2)
	for n := range names {
		_, twin := twins(name, "", n)
		names[n] = strings.TrimSuffix(twin.ID+":"+twin.Agent, ":")
	}
	owners := func(c sandbox.Credential, known bool) []int {
		var out []int
		for n, name := range names {
			// What belongs to a corp is all its apps'.
			if known && (c.App == name || strings.HasPrefix(name, c.App+":")) {
				out = append(out, n)
			}
		}
		return out
	}
	if name == "wechat" {
		return truth{
			opens: func(n int, kind broker.Kind, value string) bool {
				if scope, is := strings.CutSuffix(string(kind), "_ticket"); is {
					return sb.CurrentTicket(names[n], scope) == value
				}
				return sb.Live(value)
			},
			whose: func(value string) []int { return owners(sb.Whose(value)) },
			issues: func(n int) (issued, calls int) {
				c := sb.Counts(names[n])
				return c.Issues, c.ClassicCalls + c.StableCalls
			},
			misuses: sb.Misuses,
		}
	}
	p := sb.Of(name)
	return truth{
		opens: func(n int, kind broker.Kind, value string) bool {
			if strings.HasSuffix(string(kind), "_ticket") {
				return p.CurrentTicket(names[n], string(kind)) == value
			}
			return p.Live(value)
		},
		whose: func(value string) []int { return owners(p.Whose(value)) },
		issues: func(n int) (issued, calls int) {
			c := p.Counts(names[n])
			return c.Issues, c.IssueCalls
		},
		misuses: sb.Misuses,
	}
}

// openBox stands for the keyset.
type openBox struct{}

func (openBox) Seal(p, ad []byte) ([]byte, error) { return slices.Concat(ad, []byte{0}, p), nil }

func (openBox) Open(box, ad []byte) ([]byte, error) {
	p, is := strings.CutPrefix(string(box), string(ad)+"\x00")
	if !is {
		return nil, errors.New("sealed for something else")
	}
	return []byte(p), nil
}
