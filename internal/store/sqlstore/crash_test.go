package sqlstore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

// childPath is the environment variable that makes the test binary the process
// that is killed.
const childPath = "SQLSTORE_TEST_CHILD_PATH"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, writeForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForEver puts records from several goroutines, and says of each when it was
// acknowledged.
func writeForEver(path string) error {
	ctx := context.Background()
	s, err := sqlstore.Open(ctx, sqlstore.Config{Path: path})
	if err != nil {
		return err
	}
	if _, err := s.Acquire(ctx, "child", "child", time.Hour); err != nil {
		return err
	}
	failed := make(chan error)
	for i := range 8 {
		k := broker.Key{App: fmt.Sprintf("app-%d", i), Kind: broker.AccessToken}
		go func() {
			for {
				r, err := s.Get(ctx, k)
				if err != nil {
					r = broker.Record{Key: k}
				}
				r.Current.Box = fmt.Appendf(nil, "box at %d", r.Version+1)
				v, err := s.Put(ctx, r)
				if err != nil {
					failed <- err
				}
				fmt.Printf("%s %d\n", k, v)
			}
		}()
	}
	return <-failed
}

func TestEveryAcknowledgedPutSurvivesAKill_I5(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "hufu.db")
	acknowledged := map[broker.Key]broker.Version{}
	for round := range 4 {
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), childPath+"="+path)
		child.Stderr = t.Output()
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for lines := bufio.NewScanner(out); lines.Scan(); n++ {
			var key string
			var v broker.Version
			if _, err := fmt.Sscanf(lines.Text(), "%s %d", &key, &v); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			k, err := broker.ParseKey(key)
			if err != nil {
				t.Fatal(err)
			}
			acknowledged[k] = max(acknowledged[k], v)
			if n == 100+round*37 {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		requireStored(t, path, acknowledged, n)
	}
}

func requireStored(t *testing.T, path string, acknowledged map[broker.Key]broker.Version, n int) {
	t.Helper()
	s := open(t, path, nil)
	defer closeStore(t, s)
	if n < 100 || len(acknowledged) != 8 {
		t.Fatalf("the child had only %d writes of %d records acknowledged", n, len(acknowledged))
	}
	for k, v := range acknowledged {
		r, err := s.Get(t.Context(), k)
		if err != nil || r.Version < v {
			t.Errorf("%q was acknowledged at version %d, and is at %d: %v", k, v, r.Version, err)
		}
		if want := fmt.Sprintf("box at %d", r.Version); string(r.Current.Box) != want {
			t.Errorf("%q holds %q, want %q", k, r.Current.Box, want)
		}
	}
	// Whoever held a lease when the process died is known not to have released it,
	// and nobody has to wait for it to run out.
	l, err := s.Acquire(t.Context(), "child", "me", time.Minute)
	if err != nil || l.Abandoned.IsZero() {
		t.Errorf("the lease of the killed process: %+v, %v", l, err)
	}
	if err := s.Release(t.Context(), l); err != nil {
		t.Error(err)
	}
}
