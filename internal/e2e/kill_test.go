package e2e_test

import (
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// A server that is killed at any moment and started again serves the same token
// without an extra issue, or, where the kill fell inside an issue, goes on serving the
// old one and repeats the issue when no promise depends on it any more. Either way no
// promise is broken (I2), by the process that gave it or by its successor.
func TestKilledAtAnyMomentAndStartedAgain(t *testing.T) {
	t.Parallel()
	sandbox := startSandbox(t, "20s", "6s")
	dir := configure(t, sandbox.url, short)
	var current atomic.Pointer[process]
	current.Store(start(t, dir, "serve"))
	for _, app := range []string{"stable", "classic"} {
		waitFor(t, "the first token", func() bool {
			status, _, err := current.Load().token(app)
			return err == nil && status == http.StatusOK
		})
	}
	// A slow platform makes it likely that a kill falls inside an issue.
	post(t, sandbox.url+"/_sandbox/faults", `{"path":"/cgi-bin/","kind":"late","delay":"400ms","probability":0.5}`)
	stop := make(chan struct{})
	begun := time.Now()
	reads, wait := holdAnswers(t, current.Load, sandbox, stop)
	kills := 0
	for end := begun.Add(*hold); time.Now().Before(end); kills++ {
		<-time.After(time.Second + rand.N(3*time.Second))
		current.Load().kill()
		current.Store(start(t, dir, "serve"))
	}
	close(stop)
	wait()
	took := time.Since(begun)
	t.Logf("%d kills, %d reads", kills, reads.Load())
	for app, every := range map[string]time.Duration{"wxstable00000001": 14 * time.Second, "wxclassic0000001": 10 * time.Second} {
		// A kill inside an issue costs that issue and delays the next one.
		issues, most := sandbox.issues(t, app), int(took/every)+2+kills
		t.Logf("%s: %d issues in %v", app, issues, took.Round(time.Second))
		if issues > most {
			t.Errorf("I1: %s: %d issues in %v with %d kills, want at most %d", app, issues, took, kills, most)
		}
	}
}

func TestARestartServesTheSameTokenWithoutAnIssue(t *testing.T) {
	t.Parallel()
	sandbox := startSandbox(t, "2h", "5m")
	dir := configure(t, sandbox.url, "overlap: 5m")
	apps := map[string]string{"stable": "wxstable00000001", "classic": "wxclassic0000001"}
	server := start(t, dir, "serve")
	tokens := map[string]token{}
	for app := range apps {
		waitFor(t, "the first token", func() bool {
			status, tok, err := server.token(app)
			tokens[app] = tok
			return err == nil && status == http.StatusOK
		})
	}
	for range 5 {
		server.kill()
		server = start(t, dir, "serve")
		for app, id := range apps {
			status, tok, err := server.token(app)
			if err != nil || status != http.StatusOK || tok.Token != tokens[app].Token || tok.Version != tokens[app].Version {
				t.Errorf("%s: %d version %d (%v) after kill -9, want version %d again", app, status, tok.Version, err, tokens[app].Version)
			}
			if n := sandbox.issues(t, id); n != 1 {
				t.Errorf("%s: %d issues, want 1", app, n)
			}
		}
	}
}
