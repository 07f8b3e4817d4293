package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/renew"
)

// sized is what a child says about a server with a number of apps.
type sized struct {
	Apps     int
	Start    time.Duration
	CPU      time.Duration // spent in Start, on all cores
	Heap     uint64
	Baseline uint64
	Health   time.Duration
	File     int64
	Peak     uint64 // of resident memory, in bytes
}

func (s sized) heapPerApp() int64 { return (int64(s.Heap) - int64(s.Baseline)) / int64(s.Apps) }

func growth(t *testing.T) {
	fmt.Printf("Growth: apps with one token each, loaded from the embedded store, sealed\n\n")
	fmt.Printf("| apps | start | CPU of it | heap per app | peak memory of the start | readyz | file per app |\n|---|---|---|---|---|---|---|\n")
	for field := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := fillFolder(t.Context(), dir, n); err != nil {
			t.Fatal(err)
		}
		s := sizeOf(t, "size:"+dir)
		fmt.Printf("| %d | %v | %v | %d B | %d MiB | %v | %d B |\n", s.Apps, s.Start.Round(time.Millisecond), s.CPU.Round(time.Millisecond),
			s.heapPerApp(), s.Peak>>20, s.Health.Round(10*time.Microsecond), s.File/int64(n))
	}
	fmt.Println()
}

// sizeOf has a child measure a server in itself.
func sizeOf(t *testing.T, role string) (s sized) {
	t.Helper()
	askChild(t, role, &s)
	return s
}

// askChild has a child measure something, and reads what it says.
func askChild(t *testing.T, role string, into any) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// measureSize is what a child says about a server over the embedded store in dir.
func measureSize(ctx context.Context, dir string) error {
	return measureStart("size", func(s *sized) (*renew.Manager, error) {
		// Nothing is due meanwhile; the sandbox of an empty platform is never asked.
		st, err := openStack(ctx, dir, sandboxFor(0).Transport())
		if err != nil {
			return nil, err
		}
		s.Start = st.started
		if fi, err := os.Stat(dir + "/hufu.db"); err == nil {
			s.File = fi.Size()
		}
		return st.manager, nil
	})
}

// measureStart prints what a start costs this process.
func measureStart(name string, start func(*sized) (*renew.Manager, error)) error {
	s := sized{Baseline: heap()}
	spent := cpuTime()
	stop, err := profile(name)
	if err != nil {
		return err
	}
	defer stop()
	m, err := start(&s)
	if err != nil {
		return err
	}
	s.Peak = peakMemory()
	s.CPU = cpuTime() - spent
	s.Heap = heap()
	begun := time.Now()
	h := m.Health()
	s.Health, s.Apps = time.Since(begun), h.Apps
	if h.Tokens != h.Apps {
		return fmt.Errorf("%d apps, but %d tokens can be read: %+v", h.Apps, h.Tokens, h.Troubles)
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// cpuTime is what this process has spent on all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the most memory that was resident at a time. What getrusage says of it
// begins with that of the process that has started this one.
func peakMemory() uint64 { return memoryBy("VmHWM:") }

// residentMemory is what is resident now.
func residentMemory() uint64 { return memoryBy("VmRSS:") }

func memoryBy(name string) uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), name)
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseUint(fields[0], 10, 64)
	return kilobytes << 10
}

func heap() uint64 {
	debug.FreeOSMemory()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
