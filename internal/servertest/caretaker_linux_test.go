package servertest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/servertest"
)

// crashing says to a test process that it is to crash, in which folder.
const crashing = "SERVERTEST_CRASH"

// What stands still goes with the test process too, however that ends.
func TestNothingIsLeftOfACrashedTest(t *testing.T) {
	t.Parallel()
	if os.Getenv(crashing) != "" {
		d := servertest.PostgreSQL(t)
		d.Pause()
		go panic("as a test may")
		select {}
	}
	// The server runs as another user, who may not enter t.TempDir.
	dir, err := os.MkdirTemp("", "servertest-crash-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), crashing+"=1", "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil && strings.Contains(string(out), "--- SKIP") {
		t.Skip("PostgreSQL is not installed")
	}
	if err == nil || !strings.Contains(string(out), "as a test may") {
		t.Fatalf("%v, and it printed:\n%s", err, out)
	}
	servertest.Await(t, func() bool {
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range processFolders(t) {
			if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, dir) {
				left = append(left, link)
			}
		}
		return len(left) == 0
	})
}

// processFolders are links to the folders that processes work in.
func processFolders(t *testing.T) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	return links
}
