package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

// patient tokens outlive an outage of half a minute, in which they have to be renewed.
const patient = "overlap: 20s, renew: {every: 40s}"

func TestI2I3AStoreThatIsAwayIsNotNoticedByReadersOfAFleet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose, find func(backend)
	}{
		"killed": {func(b backend) { b.kill() }, func(b backend) { b.restart() }},
		"frozen": {func(b backend) { b.pause() }, func(b backend) { b.resume() }},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, b backend) {
				const outage = 30 * time.Second
				f := newFleet(t, b, fleetConfig{lifetime: "90s", overlap: "20s", policy: patient, many: 10})
				stop := make(chan struct{})
				begun := time.Now()
				reads, wait := holdAnswers(t, f.any, f.sandbox, stop)
				<-time.After(25 * time.Second) // renewals come due in the outage
				c.lose(b)
				slow := f.slowestRead(outage)
				for i := range replicas {
					f.wantStore(i, false)
				}
				c.find(b)
				waitFor(t, "the servers to reach the store again", func() bool {
					for i := range replicas {
						if ready, err := f.ready(i); err != nil || !ready.Store.Reachable || ready.Unsaved != 0 {
							return false
						}
					}
					return true
				})
				for _, app := range []string{"stable", "classic", "many-0", "many-1"} {
					f.agree(app)
				}
				<-time.After(15 * time.Second)
				close(stop)
				wait()
				t.Logf("%d reads, the slowest of those without the store took %v", reads.Load(), slow.Round(time.Millisecond))
				if slow > time.Second {
					t.Errorf("I3: a reader waited %v while the store was away and its token lived", slow)
				}
				// Renewed twice at the most often, and never by two servers.
				took := time.Since(begun) + 3*time.Second
				for app, every := range map[string]time.Duration{"wxclassic0000001": 40 * time.Second, "wxstable00000001": 70 * time.Second} {
					issues, most := f.sandbox.issues(t, app), int(took/every)+2
					if app == "wxstable00000001" {
						most += replicas // issued without the store, where that does no harm
					}
					t.Logf("%s: %d issues in %v", app, issues, took.Round(time.Second))
					if issues > most {
						t.Errorf("I1: %s: %d issues in %v, want at most %d", app, issues, took, most)
					}
				}
				wantNoMisuse(t, f.sandbox)
			})
		})
	}
}

// slowestRead reads from all servers for a while and returns the longest time that took.
func (f *fleet) slowestRead(d time.Duration) time.Duration {
	f.t.Helper()
	var slowest time.Duration
	for end := time.Now().Add(d); time.Now().Before(end); {
		for i := range replicas {
			for _, app := range []string{"stable", "classic"} {
				begun := time.Now()
				status, tok, err := f.replicas[i].Load().token(app)
				if err != nil || status != http.StatusOK {
					f.t.Errorf("I3: server %d answered %d %s (%v) while the store was away", i, status, tok.Code, err)
				}
				slowest = max(slowest, time.Since(begun))
			}
		}
		<-time.After(50 * time.Millisecond)
	}
	return slowest
}

func (f *fleet) wantStore(i int, reachable bool) {
	f.t.Helper()
	ready, err := f.ready(i)
	if err != nil || ready.Store.Reachable != reachable {
		f.t.Errorf("server %d says %+v (%v), want that it reaches the store: %v", i, ready, err, reachable)
	}
}

func TestI2AServerThatIsCutOffBreaksNoPromiseOfTheFleet(t *testing.T) {
	eachEngine(t, func(t *testing.T, b backend) {
		var island *island
		f := newFleet(t, b, fleetConfig{lifetime: "90s", overlap: "20s", policy: patient, change: func(f *fleet) {
			// All servers know the platform by the address that the one on the island has to use.
			island = newIsland(t)
			f.platform = "http://" + island.share(strings.TrimPrefix(f.sandbox.url, "http://"))
			f.urls[0] = b.withAddr(island.shareStore(b.addr))
			f.prefix[0] = island.program()
			f.listen[0] = island.address() + ":0"
		}})
		stop := make(chan struct{})
		begun := time.Now()
		_, wait := holdAnswers(t, f.any, f.sandbox, stop)
		<-time.After(25 * time.Second)
		island.cut()
		slow := f.slowestRead(30 * time.Second)
		f.wantStore(0, false)
		f.wantStore(1, true)
		island.mend()
		waitFor(t, "the server that was cut off to reach the store again", func() bool {
			ready, err := f.ready(0)
			return err == nil && ready.Store.Reachable && ready.Unsaved == 0
		})
		f.agree("stable")
		f.agree("classic")
		<-time.After(10 * time.Second)
		close(stop)
		wait()
		if slow > time.Second {
			t.Errorf("I3: a reader waited %v", slow)
		}
		if issues, most := f.sandbox.issues(t, "wxclassic0000001"), int(time.Since(begun)/(40*time.Second))+2; issues > most {
			t.Errorf("I1: %d issues, want at most %d", issues, most)
		}
		wantNoMisuse(t, f.sandbox)
	})
}

func TestI1I2ClocksThatAreMinutesApartDoAFleetNoHarm(t *testing.T) {
	eachEngine(t, func(t *testing.T, b backend) {
		f := newFleet(t, b, fleetConfig{lifetime: "20s", overlap: "6s", policy: short, change: func(f *fleet) {
			for i, skew := range []string{"-3m", "0s", "7m"} {
				f.env[i] = []string{"HUFU_CLOCK_SKEW=" + skew}
			}
		}})
		stop := make(chan struct{})
		begun := time.Now()
		_, wait := holdAnswers(t, f.any, f.sandbox, stop)
		<-time.After(*hold)
		close(stop)
		wait()
		f.wantIssues(time.Since(begun)+3*time.Second, 0)
		wantNoMisuse(t, f.sandbox)
	})
}

func TestARollingRestartOfAFleetFailsNoRead(t *testing.T) {
	eachEngine(t, func(t *testing.T, b backend) {
		f := newFleet(t, b, fleetConfig{lifetime: "20s", overlap: "6s", policy: short})
		front := newBalancer(t, f)
		stop := make(chan struct{})
		begun := time.Now()
		reads, wait := holdAnswers(t, func() *process { return front.process }, f.sandbox, stop)
		for range 2 {
			for i := range replicas {
				// As orchestrators do it: no new requests, then the signal, then the next one
				// once this one is ready.
				front.drain(i)
				if code := f.replicas[i].Load().terminate(); code != 0 {
					t.Errorf("server %d: exit code %d after SIGTERM", i, code)
				}
				f.restart(i)
				f.awaitToken(i, "classic")
				front.admit(i)
				<-time.After(2 * time.Second)
			}
		}
		close(stop)
		wait()
		t.Logf("%d reads through %d restarts", reads.Load(), 2*replicas)
		f.wantIssues(time.Since(begun)+3*time.Second, 0)
		wantNoMisuse(t, f.sandbox)
	})
}

// An app and a client that one server is given are known to all, and gone from all.
func TestI9WhatOneServerOfAFleetIsToldAllKnow(t *testing.T) {
	eachEngine(t, func(t *testing.T, b backend) {
		f := newFleet(t, b, fleetConfig{lifetime: "2h", overlap: "5m", policy: "overlap: 5m"})
		ctx := t.Context()
		first, second := f.admin(0), f.admin(1)
		added, err := first.AddClient(ctx, api.Client{Name: "orders", Apps: []string{"*"}, Allow: []string{"read"}})
		if err != nil {
			t.Fatal(err)
		}
		f.awaitEverywhere("a new client to be let in", "stable", added.Key, http.StatusOK)
		app := api.App{
			ID: "news", Platform: "wechat", AppID: "wxclassic0000001", Mode: "stable", BaseURL: f.sandbox.url, Secret: api.Secrets{secret},
		}
		if _, err := second.PutApp(ctx, app); err != nil {
			t.Fatal(err)
		}
		f.awaitEverywhere("a new app to have a token", "news", added.Key, http.StatusOK)
		if err := first.DeleteApp(ctx, "news"); err != nil {
			t.Fatal(err)
		}
		f.awaitEverywhere("a removed app to be gone", "news", added.Key, http.StatusNotFound)
		if err := second.DeleteClient(ctx, "orders"); err != nil {
			t.Fatal(err)
		}
		f.awaitEverywhere("a revoked client to be refused", "stable", added.Key, http.StatusUnauthorized)
		wantNoMisuse(t, f.sandbox)
	})
}

// admin is a client of one server with every right.
func (f *fleet) admin(i int) *client.Client {
	f.t.Helper()
	c, err := client.New(client.Config{Addr: f.replicas[i].Load().url, Key: key})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// awaitEverywhere waits until every server answers a read of an app in the same way.
func (f *fleet) awaitEverywhere(what, app, key string, status int) {
	f.t.Helper()
	begun := time.Now()
	for i := range replicas {
		waitFor(f.t, fmt.Sprintf("%s on server %d", what, i), func() bool {
			req, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.replicas[i].Load().url+"/v1/apps/"+app+"/tokens/access_token", nil)
			if err != nil {
				f.t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+key)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return false
			}
			_ = res.Body.Close()
			return res.StatusCode == status
		})
	}
	f.t.Logf("%s took %v", what, time.Since(begun).Round(time.Millisecond))
}
