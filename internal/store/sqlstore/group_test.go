package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func openForTest(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "hufu.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func putSettingOp(s *Store, name string) op {
	return func(ctx context.Context, c runner) error {
		_, err := c.exec(ctx, s.queries.putSetting, name, []byte{})
		return err
	}
}

func TestABrokenWriteLeavesNothingAndItsNeighboursWhole(t *testing.T) {
	t.Parallel()
	s := openForTest(t)
	broken := errors.New("broken")
	// Held up by the first op, the others become one group.
	entered, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.write(t.Context(), func(context.Context, runner) error {
			close(entered)
			<-release
			return nil
		})
	})
	<-entered
	errs := make([]error, 40)
	for i := range errs {
		wg.Go(func() {
			put := putSettingOp(s, fmt.Sprint(i))
			errs[i] = s.write(t.Context(), func(ctx context.Context, c runner) error {
				switch i % 10 {
				case 0:
					return errors.Join(put(ctx, c), broken)
				case 1:
					_, err := c.exec(ctx, "INSERT INTO nowhere VALUES (1)")
					return err
				case 2:
					return refusal{broker.ErrConflict}
				}
				return put(ctx, c)
			})
		})
	}
	close(release)
	wg.Wait()
	for i, err := range errs {
		_, got := s.Setting(t.Context(), fmt.Sprint(i))
		switch i % 10 {
		case 0:
			if !errors.Is(err, broken) {
				t.Errorf("op %d: %v", i, err)
			}
		case 1:
			if err == nil {
				t.Errorf("op %d did not fail", i)
			}
		case 2:
			if !errors.Is(err, broker.ErrConflict) {
				t.Errorf("op %d: %v", i, err)
			}
		default:
			if err != nil || got != nil {
				t.Errorf("op %d: %v, then %v", i, err, got)
			}
			continue
		}
		if !errors.Is(got, broker.ErrNotFound) {
			t.Errorf("op %d left something: %v", i, got)
		}
	}
}

func TestAWriteWhoseCallerHasGoneIsNotDone(t *testing.T) {
	t.Parallel()
	s := openForTest(t)
	entered, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.write(t.Context(), func(context.Context, runner) error {
			close(entered)
			<-release
			return nil
		})
	})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() { failed <- s.write(ctx, putSettingOp(s, "gone")) }()
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	close(release)
	wg.Wait()
	if err := s.write(t.Context(), putSettingOp(s, "after")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Setting(t.Context(), "gone"); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("the setting: %v", err)
	}
}

func TestCommitsAreDurable(t *testing.T) {
	t.Parallel()
	s := openForTest(t)
	err := s.write(t.Context(), func(ctx context.Context, c runner) error {
		for pragma, want := range map[string]int{"synchronous": 2, "wal_autocheckpoint": 10000} {
			var got int
			if err := c.(*conn).c.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s is %d, want %d", pragma, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := s.readers.ExecContext(t.Context(), "DELETE FROM records"); err == nil {
		t.Error("a reader could write")
	}
}

func TestAFullDiskFailsWritesUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	s := openForTest(t)
	limit := func(pages string) {
		t.Helper()
		err := s.write(t.Context(), func(ctx context.Context, c runner) error {
			var n int
			return c.(*conn).c.QueryRowContext(ctx, "PRAGMA max_page_count = "+pages).Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(app string) error {
		r := broker.Record{Key: broker.Key{App: app, Kind: broker.AccessToken}}
		r.Current.Box = []byte(strings.Repeat("box of the token ", 10_000))
		_, err := s.Put(t.Context(), r)
		return err
	}
	limit("1") // which becomes what there is already
	err := put("first")
	if err == nil || !strings.Contains(err.Error(), "disk is full") || strings.Contains(err.Error(), "box of") {
		t.Errorf("got error %v", err)
	}
	if _, err := s.Get(t.Context(), broker.Key{App: "first", Kind: broker.AccessToken}); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("the record: %v", err)
	}
	limit("1000000")
	if err := put("first"); err != nil {
		t.Error(err)
	}
}

func TestVersionsAreComparedByNumber(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"3.51.3": true, "3.51.4": true, "3.52.0": true, "4.0.0": true, "3.100.0": true, "3.51.10": true,
		"3.51.2": false, "3.9.9": false, "3.6.23": false, "2.99.99": false, "3.51": false, "": false, "x": false,
	} {
		if got := atLeast(version, [3]int{3, 51, 3}); got != want {
			t.Errorf("atLeast(%q) is %v", version, got)
		}
	}
}

func TestPlaceholdersAreNumberedWhereTheDialectWantsIt(t *testing.T) {
	t.Parallel()
	d := sqliteDialect()
	d.placeholder = func(n int) string { return fmt.Sprintf("$%d", n) }
	if got, want := d.bind("a = ? AND b = ?"), "a = $1 AND b = $2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCleanMakesTextThatEveryDatabaseTakes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "plain": "plain", "虎符": "虎符", "a\x00b": "a\uFFFDb", "a\xff\xfeb": "a\uFFFDb", "\xc3": "\uFFFD", "\uFFFD": "\uFFFD",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) is %q, want %q", in, got, want)
		}
	}
}
