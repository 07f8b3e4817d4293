//go:build linux

package obs_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/obs"
)

const (
	crashVar    = "HUFU_TEST_CRASH"
	crashSecret = "83_Marker" + "0123-456789"
)

// TestCrashChild is the process that crashes; by itself it does nothing.
func TestCrashChild(t *testing.T) {
	t.Parallel()
	how := os.Getenv(crashVar)
	if how == "" {
		t.Skip("runs only as a child of another test")
	}
	if err := obs.NoCoreDumps(); err != nil {
		t.Fatal(err)
	}
	// Built here, so that no argument or variable of the process has it.
	secret := strings.Join([]string{"83_Marker", "0123-456789"}, "")
	tok := broker.Token{Key: broker.Key{App: "shop"}, Secret: broker.NewSecret(secret), Version: 1}
	go func() { crash(how, secret, &tok, tok, []byte(secret)) }()
	select {}
}

//go:noinline
func crash(how, secret string, p *broker.Token, tok broker.Token, raw []byte) {
	fmt.Fprintln(os.Stderr, "ready", len(secret), p.Version, tok.Version, len(raw))
	switch how {
	case "panic":
		panic(&tok)
	case "panic with secret":
		panic(tok.Secret)
	case "fault":
		fmt.Fprintln(os.Stderr, (<-nothing()).Version)
	default:
		select {}
	}
}

// nothing gives a pointer to no token.
func nothing() <-chan *broker.Token {
	ch := make(chan *broker.Token)
	close(ch)
	return ch
}

func TestCrashesLeaveNoSecretBehind_I6(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"panic", "panic with secret", "fault", "SIGQUIT", "SIGABRT"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestCrashChild$")
			// The worst an operator can ask for.
			cmd.Env = append(os.Environ(), crashVar+"="+how, "GOTRACEBACK=crash")
			cmd.Dir = t.TempDir()
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(stderr)
			if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "ready") {
				t.Fatalf("the child said %q, %v", line, err)
			}
			switch how {
			case "SIGQUIT":
				err = cmd.Process.Signal(syscall.SIGQUIT)
			case "SIGABRT":
				err = cmd.Process.Signal(syscall.SIGABRT)
			}
			if err != nil {
				t.Fatal(err)
			}
			dump, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if !bytes.Contains(dump, []byte("goroutine ")) {
				t.Errorf("there is no dump: %s", dump)
			}
			if bytes.Contains(dump, []byte(crashSecret)) {
				t.Errorf("the secret is in the dump:\n%s", dump)
			}
			status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || status.CoreDump() {
				t.Errorf("a core was dumped: %v", cmd.ProcessState)
			}
			if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
