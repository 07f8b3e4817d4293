package servertest

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// caretaker is a shell that outlives a test process which crashes. It then ends the
// processes that stand still, which do not notice that their server has gone, and removes
// the folder.
type caretaker struct {
	t    testing.TB
	mu   sync.Mutex
	pipe io.WriteCloser // its end tells that the test process has gone
}

// A line names the processes that stand still, and the last one says that nothing is left
// to be done. Servers that are just ending may still write into the folder.
const caretaking = `
while read -r line; do
  [ "$line" = done ] && exit
  still=$line
done
[ -z "$still" ] || kill -KILL $still 2>/dev/null
for try in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" 2>/dev/null && exit
  sleep 1
done`

// watchOver starts a caretaker of a folder, until the test ends.
func watchOver(t testing.TB, folder string) *caretaker {
	t.Helper()
	//nolint:noctx // It ends by itself, and not before the test process.
	cmd := exec.Command("/bin/sh", "-c", caretaking, "caretaker", folder) //nolint:gosec // The folder is the test's own.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                 // What ends the tests at a terminal does not end it.
	pipe, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a caretaker of %s: %v", folder, err)
	}
	c := &caretaker{t: t, pipe: pipe}
	t.Cleanup(func() {
		c.say("done")
		if err := cmd.Wait(); err != nil {
			t.Errorf("the caretaker of %s: %v", folder, err)
		}
	})
	return c
}

// stillness tells of the processes that stand still from now on, or of none.
func (c *caretaker) stillness(pids []int) {
	c.t.Helper()
	c.say(strings.Trim(fmt.Sprint(pids), "[]"))
}

func (c *caretaker) say(line string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintln(c.pipe, line); err != nil {
		c.t.Errorf("tell the caretaker %q: %v", line, err)
	}
}
