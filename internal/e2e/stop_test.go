package e2e_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// drip answers calls of one path with a file that comes slowly, in parts.
func drip(parts int) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/cgi-bin/media/get" {
				h.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "image/jpeg")
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for range parts {
				if _, err := io.Copy(w, &file{end: 1024}); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				select {
				case <-tick.C:
				case <-r.Context().Done():
					return
				}
			}
		})
	}
}

// begin begins a download of which the first part is there.
func begin(t *testing.T, r *http.Request) io.Reader {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if _, err := io.ReadFull(res.Body, make([]byte, 1024)); err != nil {
		t.Fatal(err)
	}
	return res.Body
}

// A server that is asked to stop finishes what it passes on, and takes nothing new.
func TestAStopWaitsForASlowDownload(t *testing.T) {
	t.Parallel()
	const parts = 30
	up := startUpstream(t, sandbox.Config{}, drip(parts))
	server := start(t, configure(t, up.url, "overlap: 5m", callers), "serve")
	d := server.doors(t, "stable", stableID)[0]
	body := begin(t, d.request(t, http.MethodGet, server.url, "/cgi-bin/media/get?media_id=1", nil))
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the server to listen no more", func() bool {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		_, err := askWith(c, d.request(t, http.MethodGet, server.url, "/healthz", nil))
		return err != nil
	})
	rest, err := io.ReadAll(body)
	if err != nil || len(rest) != (parts-1)*1024 {
		t.Errorf("%d bytes came after the signal, want %d (%v)", len(rest), (parts-1)*1024, err)
	}
	<-server.ended
	if code := server.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// One that does not end is cut off, so that the server can be replaced.
func TestAStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	up := startUpstream(t, sandbox.Config{}, drip(1_000_000))
	server := start(t, configure(t, up.url, "overlap: 5m", callers), "serve")
	d := server.doors(t, "stable", stableID)[0]
	body := begin(t, d.request(t, http.MethodGet, server.url, "/cgi-bin/media/get?media_id=1", nil))
	go func() { _, _ = io.Copy(io.Discard, body) }()
	asked := time.Now()
	if code := server.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	took := time.Since(asked)
	t.Logf("it took %v", took.Round(time.Millisecond))
	if took > 25*time.Second {
		t.Errorf("the stop took %v", took)
	}
	waitFor(t, "the call at the platform to end", func() bool { return up.active.Load() == 0 })
}

// What an SDK keeps for hours is good after a restart, a kill, and rotations of the keys
// that seal everything.
func TestVirtualTokensOutliveRestartsAndRotations(t *testing.T) {
	t.Parallel()
	up := startUpstream(t, sandbox.Config{}, nil)
	dir := configure(t, up.url, "overlap: 5m", callers)
	server := start(t, dir, "serve")
	d := server.doors(t, "stable", stableID)[3]
	check := func(when string) {
		t.Helper()
		if a, err := ask(d.request(t, http.MethodGet, server.url, "/cgi-bin/user/get", nil)); err != nil || !a.ok() {
			t.Errorf("%s: %v %v", when, a, err)
		}
		if tok := server.handedOut(t, stableID, virtualKey); tok != d.shows {
			t.Errorf("%s: another token is handed out", when)
		}
	}
	rotate := func() {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), hufu(t), "keys", "rotate")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HUFU_ADDR="+server.url, "HUFU_KEY="+key)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "seals from now on") {
			t.Fatalf("hufu keys rotate: %v: %s", err, out)
		}
	}
	restart := func() { server = start(t, dir, "serve") }
	if d.shows == "" || d.handout != "virtual" {
		t.Fatal("no virtual token")
	}
	check("at first")
	if code := server.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	restart()
	check("after a restart")
	for range 3 {
		rotate()
		check("after a rotation")
		server.kill()
		restart()
		check("after a rotation and a kill")
	}
}
