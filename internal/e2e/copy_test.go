package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/servertest"
)

// copyStore runs hufu store copy, and returns what it printed and how it ended.
func copyStore(t *testing.T, dir string, env []string, from, to string) (said string, code int) {
	t.Helper()
	cmd := exec.Command(hufu(t), "store", "copy", from, to)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// A company moves from one store to the next, and the next. Whoever holds a token and its
// ETag notices nothing (I2): the same token, at the same version, for which nothing is
// issued (I1).
func TestAServerOnACopyHandsOutTheSameTokens(t *testing.T) {
	t.Parallel()
	urls := map[string]string{
		"PG": servertest.PostgreSQL(t).URL().String(), "MY": servertest.MariaDB(t).URL().String(),
		"REDIS": servertest.StartRedis(t, servertest.RedisConfig{Password: "pass-word", Durable: true}).URL,
	}
	sandbox := startSandbox(t, "2h", "5m")
	dir := configure(t, sandbox.url, "overlap: 5m")
	config, err := os.ReadFile(filepath.Join(dir, "hufu.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for name, u := range urls {
		env = append(env, name+"="+u)
		// Each of them with the keyset and the admin key of the first.
		text := fmt.Sprintf("store: \"${%s}\"\n%s", name, config)
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".url"), []byte(u+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := start(t, dir, "serve")
	apps := map[string]string{"stable": "wxstable00000001", "classic": "wxclassic0000001"}
	tokens := map[string]token{}
	for app := range apps {
		waitFor(t, "the first token", func() bool {
			status, tok, err := server.token(app)
			tokens[app] = tok
			return err == nil && status == http.StatusOK
		})
	}
	// A version that no new store would come to by itself.
	for range 3 {
		before := tokens["classic"].Version
		post(t, sandbox.url+"/_sandbox/apps/wxclassic0000001/kill", `{"mode":"classic"}`)
		status, tok, err := server.call(http.MethodPost, "/v1/apps/classic/tokens/access_token/renew", fmt.Sprintf(`{"version":%d}`, before))
		if err != nil || status != http.StatusOK || tok.Version <= before {
			t.Fatalf("renew: %d, %+v, %v", status, tok, err)
		}
		tokens["classic"] = tok
	}
	issued := map[string]int{}
	for app, id := range apps {
		issued[app] = sandbox.issues(t, id)
	}
	if said, code := copyStore(t, dir, env, "hufu.yaml", "env:PG"); code != 1 || !strings.Contains(said, "another hufu") {
		t.Errorf("a store in use: exit code %d, %s", code, said)
	}
	for _, step := range []struct{ from, to, serve string }{
		{"hufu.yaml", "env:PG", "PG.yaml"},
		{"PG.yaml", "file:MY.url", "MY.yaml"},
		{"env:MY", "REDIS.yaml", "REDIS.yaml"},
		{"file:REDIS.url", "embedded:data2", "data2.yaml"},
	} {
		if code := server.terminate(); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		said, code := copyStore(t, dir, env, step.from, step.to)
		if code != 0 || !strings.Contains(said, "records   2") {
			t.Fatalf("%s to %s: exit code %d, %s", step.from, step.to, code, said)
		}
		for name, u := range urls {
			if strings.Contains(said, u) || strings.Contains(said, "pass") {
				t.Errorf("I6: the URL of %s was shown: %s", name, said)
			}
		}
		if step.serve == "data2.yaml" {
			text := fmt.Sprintf("data_dir: data2\nkeyset_file: data/keyset.json\n%s", config)
			if err := os.WriteFile(filepath.Join(dir, step.serve), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		server = startWith(t, dir, env, "serve", "--config", step.serve)
		for app, id := range apps {
			status, tok, err := server.token(app)
			if err != nil || status != http.StatusOK || tok.Token != tokens[app].Token || tok.Version != tokens[app].Version {
				t.Errorf("%s after %s to %s: %d, version %d (%v), want version %d again", app, step.from, step.to, status, tok.Version, err, tokens[app].Version)
			}
			if n := sandbox.issues(t, id); n != issued[app] {
				t.Errorf("%s after %s to %s: %d issues, want %d", app, step.from, step.to, n, issued[app])
			}
		}
		if said, code := copyStore(t, dir, env, step.to, "embedded:other"); code != 1 || !strings.Contains(said, "in use by") && !strings.Contains(said, "another hufu") {
			t.Errorf("a store in use: exit code %d, %s", code, said)
		}
	}
	// The last one goes on where the first one was.
	post(t, sandbox.url+"/_sandbox/apps/wxclassic0000001/kill", `{"mode":"classic"}`)
	status, tok, err := server.call(http.MethodPost, "/v1/apps/classic/tokens/access_token/renew", fmt.Sprintf(`{"version":%d}`, tokens["classic"].Version))
	if err != nil || status != http.StatusOK || tok.Version <= tokens["classic"].Version {
		t.Errorf("renew: %d, %+v, %v", status, tok, err)
	}
}
