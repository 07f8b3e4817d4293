package seal_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

// victimEnv names the keyset that a copy of the test binary rotates.
const victimEnv = "HUFU_SEAL_TEST_VICTIM"

// fullEnv says that the child's disk is full: no file may grow to a keyset's size.
const fullEnv = "HUFU_SEAL_TEST_FULL"

// TestVictim is not a test: other tests run it in a process of its own. It
// rotates until it is killed, or until its standard input ends, and prints each
// new key's id once the rotation is reported done.
func TestVictim(t *testing.T) {
	path := os.Getenv(victimEnv)
	if path == "" {
		t.Skip("runs in a child process of the tests below")
	}
	if os.Getenv(fullEnv) != "" {
		signal.Ignore(syscall.SIGXFSZ)
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		full := limit
		full.Cur = 100
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
			t.Fatal(err)
		}
		_, rotateErr := seal.Rotate(path)
		createErr := seal.Create(path + ".new")
		if !errors.Is(rotateErr, syscall.EFBIG) || !errors.Is(createErr, syscall.EFBIG) {
			t.Errorf("rotate: %v, create: %v; want EFBIG", rotateErr, createErr)
		}
		// What the test binary writes at its end, a coverage profile, has room again.
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		return
	}
	orders := bufio.NewReader(os.Stdin)
	for {
		if _, err := orders.ReadByte(); err != nil {
			return
		}
		id, err := seal.Rotate(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("rotated %d\n", id)
	}
}

// victim starts a process that will rotate the keyset n times, and returns a
// function that yields the ids of its rotations until it ends.
func victim(t *testing.T, path string, n int) (cmd *exec.Cmd, next func() (uint32, bool)) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), exe, "-test.run=^TestVictim$")
	cmd.Env = append(os.Environ(), victimEnv+"="+path)
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := orders.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := orders.Close(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	return cmd, func() (uint32, bool) {
		for lines.Scan() {
			var word, id string
			if k, _ := fmt.Sscan(lines.Text(), &word, &id); k < 2 || word != "rotated" {
				continue
			}
			v, err := strconv.ParseUint(id, 10, 32)
			if err != nil {
				t.Error(err)
			}
			return uint32(v), true
		}
		return 0, false
	}
}

func TestAKilledRotationLeavesTheOldOrTheNewKeyset(t *testing.T) {
	t.Parallel()
	path := create(t)
	want := open(t, path).Keys()
	for round := range 12 {
		cmd, next := victim(t, path, 1000)
		// Killed right after a report, the process is somewhere in the next one.
		for range round%4 + 1 {
			id, ok := next()
			if !ok {
				t.Fatal("the process ended by itself")
			}
			want = append(want, id)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for id, ok := next(); ok; id, ok = next() {
			want = append(want, id)
		}
		_ = cmd.Wait() // It was killed.

		wantMode(t, path)
		got := open(t, path).Keys()
		for _, id := range want {
			if !slices.Contains(got, id) {
				t.Fatalf("round %d: key %d was reported and is lost", round, id)
			}
		}
	}
	rotate(t, path) // The lock died with its holder, and what it left is swept.
	onlyFile(t, path)
}

func TestAFullDiskLeavesTheKeysetAsItWas(t *testing.T) {
	t.Parallel()
	path := create(t)
	before := read(t, path)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestVictim$")
	cmd.Env = append(os.Environ(), victimEnv+"="+path, fullEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the file was changed")
	}
	onlyFile(t, path)
}

func TestProcessesThatRotateTogetherLoseNoKey(t *testing.T) {
	t.Parallel()
	path := create(t)
	want := open(t, path).Keys()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 3 {
		cmd, next := victim(t, path, 10)
		wg.Go(func() {
			for id, ok := next(); ok; id, ok = next() {
				mu.Lock()
				want = append(want, id)
				mu.Unlock()
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	slices.Sort(want)
	if got := open(t, path).Keys(); !slices.Equal(got, want) || len(want) != 31 {
		t.Errorf("the file has keys %v, rotated were %v, and 31 are wanted", got, want)
	}
	onlyFile(t, path)
}
