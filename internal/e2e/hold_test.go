package e2e_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var hold = flag.Duration("e2e-hold", 25*time.Second, "how long workers hold answers to their promise")

// state is what the sandbox knows.
type state struct {
	Apps []struct {
		ID     string `json:"app_id"`
		Counts struct {
			Issues       int            `json:"issues"`
			StableCalls  int            `json:"stable_calls"`
			ClassicCalls int            `json:"classic_calls"`
			Outside      int            `json:"outside"`
			Exchanges    int            `json:"exchanges"`
			Refreshes    int            `json:"refreshes"`
			ByErrcode    map[string]int `json:"by_errcode"`
		} `json:"counts"`
	} `json:"apps"`
	Misuses []struct {
		App    string `json:"app"`
		What   string `json:"what"`
		Detail string `json:"detail"`
	} `json:"misuses"`
}

func (p *process) state(t *testing.T, app string) (s state, raw string) {
	t.Helper()
	res, err := http.Get(p.url + "/_sandbox/state?app=" + app)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var m json.RawMessage
	if err := json.NewDecoder(res.Body).Decode(&m); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(m, &s); err != nil {
		t.Fatal(err)
	}
	return s, string(m)
}

func (p *process) issues(t *testing.T, app string) int {
	t.Helper()
	s, raw := p.state(t, app)
	if len(s.Apps) != 1 {
		t.Fatalf("the sandbox does not know %s: %s", app, raw)
	}
	return s.Apps[0].Counts.Issues
}

func wantNoMisuse(t *testing.T, sandbox *process) {
	t.Helper()
	s, _ := sandbox.state(t, "")
	for _, m := range s.Misuses {
		t.Errorf("the platform saw a misuse: %+v", m)
	}
}

// holdAnswers lets workers read tokens of both apps until stop is closed. Each answer
// is asked of the platform at once, again and again, and at the end of its promise
// (I2).
func holdAnswers(t *testing.T, server func() *process, sandbox *process, stop <-chan struct{}) (reads *atomic.Int64, wait func()) {
	t.Helper()
	reads = new(atomic.Int64)
	var wg sync.WaitGroup
	check := func(app, when string, tok token, asked time.Time) {
		begun := time.Now()
		ok, err := opens(sandbox.url, tok.Token)
		if err != nil {
			t.Errorf("ask the sandbox: %v", err)
			return
		}
		// A machine that is busy may be late; what counts is when the platform was asked.
		if !ok && begun.Before(asked.Add(time.Duration(tok.ExpiresIn)*time.Second)) {
			t.Errorf("I2: %s: version %d, promised for %d s, is dead %s, %v after it was read", app, tok.Version, tok.ExpiresIn, when, time.Since(asked).Round(time.Millisecond))
		}
	}
	for i := range 12 {
		app := []string{"stable", "classic"}[i%2]
		wg.Go(func() {
			for {
				asked, server := time.Now(), server()
				status, tok, err := server.token(app)
				if err == nil && status == http.StatusOK {
					reads.Add(1)
					if tok.ExpiresIn > 0 {
						check(app, "at once", tok, asked)
					}
					wg.Go(func() {
						// The last moment of the promise, counted from before it was asked for.
						left := time.Until(asked.Add(time.Duration(tok.ExpiresIn)*time.Second - 300*time.Millisecond))
						select {
						case <-time.After(left):
							check(app, "at the end of its promise", tok, asked)
						case <-stop:
						}
					})
				} else if !server.killed.Load() {
					t.Errorf("I3: %s: a reader was answered %d %s (%v)", app, status, tok.Code, err)
				}
				select {
				case <-time.After(100*time.Millisecond + rand.N(200*time.Millisecond)):
				case <-stop:
					return
				}
			}
		})
	}
	return reads, wg.Wait
}

func TestEveryAnswerIsGoodForItsExpiresIn(t *testing.T) {
	t.Parallel()
	sandbox := startSandbox(t, "20s", "6s")
	server := start(t, configure(t, sandbox.url, short), "serve")
	for _, app := range []string{"stable", "classic"} {
		waitFor(t, "the first token", func() bool { status, _, err := server.token(app); return err == nil && status == http.StatusOK })
	}
	stop := make(chan struct{})
	begun := time.Now()
	reads, wait := holdAnswers(t, func() *process { return server }, sandbox, stop)
	<-time.After(*hold)
	close(stop)
	wait()
	took := time.Since(begun)
	for app, every := range map[string]time.Duration{"wxstable00000001": 14 * time.Second, "wxclassic0000001": 10 * time.Second} {
		issues, most := sandbox.issues(t, app), int(took/every)+2
		t.Logf("%s: %d issues in %v", app, issues, took.Round(time.Second))
		if issues > most {
			t.Errorf("I1: %s: %d issues in %v, want at most %d", app, issues, took, most)
		}
	}
	t.Logf("%d reads", reads.Load())
	wantNoMisuse(t, sandbox)
	if code := server.terminate(); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
}

func TestATroubledPlatformIsNotNoticedByReadersWhileATokenLives(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{
		`{"kind":"hang"}`, `{"kind":"garbage"}`, `{"kind":"reset"}`, `{"kind":"status","status":502}`, `{"kind":"errcode","errcode":-1}`,
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			sandbox := startSandbox(t, "60s", "6s")
			server := start(t, configure(t, sandbox.url, short), "serve")
			var first [2]token
			apps := []string{"stable", "classic"}
			for i, app := range apps {
				waitFor(t, "the first token", func() bool {
					status, tok, err := server.token(app)
					first[i] = tok
					return err == nil && status == http.StatusOK
				})
			}
			post(t, sandbox.url+"/_sandbox/faults", fault)
			// Renewals come due and fail; the platform itself says that the token lives.
			end := time.After(16 * time.Second)
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-tick.C:
				case <-end:
					if n < 100 {
						t.Errorf("I3: only %d rounds of reads in 16 s: readers waited for the platform", n)
					}
					return
				}
				for i, app := range apps {
					status, tok, err := server.token(app)
					if err != nil || status != http.StatusOK || tok.Token != first[i].Token {
						t.Fatalf("I3: %s: %d %s %v while its token lives", app, status, tok.Code, err)
					}
				}
			}
		})
	}
}

func Test300ReportsOfOneDeadTokenCostOneIssue(t *testing.T) {
	t.Parallel()
	sandbox := startSandbox(t, "2h", "5m")
	server := start(t, configure(t, sandbox.url, "overlap: 5m"), "serve")
	for app, id := range map[string]string{"stable": "wxstable00000001", "classic": "wxclassic0000001"} {
		var dead token
		waitFor(t, "the first token", func() bool {
			status, tok, err := server.token(app)
			dead = tok
			return err == nil && status == http.StatusOK
		})
		post(t, sandbox.url+"/_sandbox/apps/"+id+"/kill", fmt.Sprintf(`{"mode":%q}`, app))
		before := sandbox.issues(t, id)
		report := func(what string) {
			var wg sync.WaitGroup
			var mu sync.Mutex
			answers := map[token]int{}
			for i := range 300 {
				body := fmt.Sprintf(`{"version":%d}`, dead.Version)
				if i%2 == 1 {
					body = fmt.Sprintf(`{"token":%q}`, dead.Token)
				}
				wg.Go(func() {
					status, tok, err := server.call(http.MethodPost, "/v1/apps/"+app+"/tokens/access_token/renew", body)
					if err != nil || status != http.StatusOK {
						t.Errorf("%s: %d %s %v", what, status, tok.Code, err)
					}
					tok.ExpiresIn = 0
					mu.Lock()
					answers[tok]++
					mu.Unlock()
				})
			}
			wg.Wait()
			if len(answers) != 1 {
				t.Errorf("I4: %s got %d different answers", what, len(answers))
			}
			for tok := range answers {
				if tok.Version <= dead.Version {
					t.Errorf("I4: %s got the dead token again", what)
				}
			}
			if n := sandbox.issues(t, id) - before; n != 1 {
				t.Errorf("I4: %s cost %d issues, want 1 in all", what, n)
			}
		}
		report("300 reports")
		report("300 late reports")
	}
}
