package sink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

var errFault = errors.New("fault")

func crashToken(v int) broker.Token {
	return broker.Token{
		Key:     broker.Key{App: "shop", Kind: broker.AccessToken},
		Secret:  broker.NewSecret(fmt.Sprintf("%d-%s", v, strings.Repeat("x", 20_000))),
		Version: broker.Version(v), Issued: time.Unix(0, int64(v)*1e5),
	}
}

func TestFileIsWholeWhicheverStepFails(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{Properties, JSON} {
		for _, fail := range []step{
			stepCreate, stepWrite, stepOwner, stepMode, stepSync, stepClose, stepRename, stepSyncDir,
		} {
			t.Run(typ+": "+string(fail), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				path := filepath.Join(dir, "f")
				files := NewFiles()
				target, err := files.Open(broker.Sink{Type: typ, Path: path})
				if err != nil {
					t.Fatal(err)
				}
				if err := target.Write(t.Context(), crashToken(1)); err != nil {
					t.Fatal(err)
				}
				var synced bool
				failing := true
				files.fault = func(s step) error {
					if s == fail && failing {
						return errFault
					}
					synced = synced || s == stepSyncDir
					return nil
				}
				if err := target.Write(t.Context(), crashToken(2)); !errors.Is(err, errFault) {
					t.Fatalf("error %v, want the fault", err)
				}
				want := "1-x"
				if fail == stepSyncDir {
					want = "2-x"
				}
				if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), want) {
					t.Errorf("the file does not have %s: %v", want, err)
				}
				if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
					t.Errorf("left behind beside the file: %v, %v", all, err)
				}
				failing = false
				if err := target.Write(t.Context(), crashToken(2)); err != nil {
					t.Fatal(err)
				}
				if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), "2-x") {
					t.Errorf("the second attempt did not write: %v", err)
				}
			})
		}
	}
}

func TestSomebodyElsesChangeIsNotLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("a=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := NewFiles()
	changed := false
	files.fault = func(s step) error {
		if s == stepRename && !changed {
			changed = true
			return os.WriteFile(path, []byte("a=22\n"), 0o600)
		}
		return nil
	}
	target, err := files.Open(broker.Sink{Type: Properties, Path: path, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	tok := crashToken(1)
	tok.Secret = broker.NewSecret("v")
	if err := target.Write(t.Context(), tok); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "a=22\nk=v\n" {
		t.Errorf("the file holds %q, %v", data, err)
	}
}

const crashDirVar = "HUFU_TEST_CRASH_DIR"

// TestCrashChild is the process that is killed; by itself it does nothing.
func TestCrashChild(t *testing.T) {
	t.Parallel()
	dir := os.Getenv(crashDirVar)
	if dir == "" {
		t.Skip("runs only as a child of another test")
	}
	files := NewFiles()
	var targets []Target
	for _, s := range []broker.Sink{
		{Type: Properties, Path: filepath.Join(dir, "p"), Key: "k"}, {Type: JSON, Path: filepath.Join(dir, "j")},
	} {
		target, err := files.Open(s)
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, target)
	}
	// Each child goes on with later versions than the last one got to.
	first := int(time.Now().UnixMilli()) * 10
	for v := first; ; v++ {
		for _, target := range targets {
			if err := target.Write(context.Background(), crashToken(v)); err != nil {
				t.Fatal(err)
			}
		}
		if v == first {
			fmt.Fprintln(os.Stderr, "started")
		}
	}
}

func TestFileIsWholeAfterKillAtAnyMoment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	props, doc := filepath.Join(dir, "p"), filepath.Join(dir, "j")
	if err := os.WriteFile(props, []byte("# first\na=1\nk=0\n# last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wholeProps := regexp.MustCompile(`^# first\na=1\nk=\d+-x*\n# last\n$`)
	wholeDoc := regexp.MustCompile(`^\{"app":.*"token":"\d+-x*".*"issued_at":"[^"]+"\}\n$`)
	whole := func(path string, re *regexp.Regexp) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil || !re.Match(data) || len(data) < 20_000 {
			t.Fatalf("%s is not whole: %.80q (%d bytes), %v", path, data, len(data), err)
		}
	}
	for i := range 12 {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestCrashChild$")
		cmd.Env = append(os.Environ(), crashDirVar+"="+dir)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stderr).ReadString('\n'); err != nil || line != "started\n" {
			t.Fatalf("child said %q, %v", line, err)
		}
		// At another moment of a write each time; a longer write would only blur it.
		<-time.After(time.Duration(i)*1700*time.Microsecond + time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		whole(props, wholeProps)
		whole(doc, wholeDoc)
	}
	files := NewFiles()
	for _, path := range []string{props, doc} {
		target, err := files.Open(broker.Sink{Type: Properties, Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := target.(Tidier).Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 2 {
		t.Errorf("left behind after a start: %v, %v", all, err)
	}
}

func TestAFolderThatIsClosedIsToldWithWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	closed := func(s step) error {
		if s == stepCreate {
			return fs.ErrPermission
		}
		return nil
	}
	err := replacement{path: filepath.Join(dir, "a.json"), fault: closed}.run(nil)
	want := fmt.Sprintf("; let the server's user write in the folder %q", dir)
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want an error that ends in %q", err, want)
	}
}
