package sqlstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

func TestFilesAreForTheirOwnerOnly_I6(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain", "with space", "q?uestion", "per%41cent", "ha#sh", "数据", "a&b=c;d", "'quote\""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), name, name)
			path := filepath.Join(dir, name+".db")
			s := open(t, path, nil)
			if _, err := s.Put(t.Context(), sample(1)); err != nil {
				t.Fatal(err)
			}
			for _, d := range []string{dir, filepath.Dir(dir)} {
				requireMode(t, d, 0o700)
			}
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, f := range files {
				names = append(names, strings.TrimPrefix(f.Name(), name))
				requireMode(t, filepath.Join(dir, f.Name()), 0o600)
			}
			if got, want := strings.Join(names, " "), ".db .db-shm .db-wal .db.lock"; got != want {
				t.Errorf("the folder holds %s, want %s", got, want)
			}
		})
	}
}

func requireMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %04o, want %04o", path, got, want)
	}
}

func TestUnsafePermissionsAreAnErrorThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file       string
		mode       os.FileMode
		wantAdvice string
	}{
		"database":        {"hufu.db", 0o640, "chmod 600"},
		"write-ahead log": {"hufu.db-wal", 0o604, "chmod 600"},
		"folder":          {"", 0o770, "chmod go-w"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "hufu.db")
			closeStore(t, open(t, path, nil))
			target := filepath.Join(dir, test.file)
			if test.file == "hufu.db-wal" {
				if err := os.WriteFile(target, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(target, test.mode); err != nil {
				t.Fatal(err)
			}
			_, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path})
			if want := fmt.Sprintf("%s %s", test.wantAdvice, target); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got error %v, want one with %q", err, want)
			}
		})
	}
}

func TestOneProcessOwnsTheDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hufu.db")
	s := open(t, path, nil)
	_, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path})
	if want := fmt.Sprintf("another hufu (process %d) is using %s; stop it, or set data_dir to another folder", os.Getpid(), path); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one with %q", err, want)
	}
	if _, err := s.Put(t.Context(), sample(1)); err != nil {
		t.Errorf("the owner was disturbed: %v", err)
	}
	closeStore(t, s)
	s = open(t, path, nil)
	if _, err := s.Get(t.Context(), sample(1).Key); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoDatabaseOfOursIsLeftAlone(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("this is no database\n", 300))
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path})
	if err == nil || !strings.Contains(err.Error(), "not a database") {
		t.Errorf("got error %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != string(text) {
		t.Errorf("the file was changed: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	rawExec(t, other, "CREATE TABLE t (x)")
	before, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlstore.Open(t.Context(), sqlstore.Config{Path: other})
	if err == nil || !strings.Contains(err.Error(), "some other program") {
		t.Errorf("got error %v", err)
	}
	if after, err := os.ReadFile(other); err != nil || string(before) != string(after) {
		t.Errorf("the other program's database was changed: %v", err)
	}
	if _, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: filepath.Dir(path)}); err == nil {
		t.Error("a folder was opened as a database")
	}
	if _, err := sqlstore.Open(t.Context(), sqlstore.Config{}); err == nil {
		t.Error("a store was opened without a path")
	}
}

func TestNothingStaysOpenAfterAFailedOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hufu.db")
	closeStore(t, open(t, path, nil))
	rawExec(t, path, "PRAGMA application_id = 7")
	for range 2 { // the second would find the first one's lock
		_, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path})
		if err == nil || !strings.Contains(err.Error(), "some other program") {
			t.Errorf("got error %v", err)
		}
	}
	rawExec(t, path, "PRAGMA application_id = 1752524405")
	s := open(t, path, nil)
	if _, err := s.Put(t.Context(), broker.Record{Key: sample(1).Key}); err != nil {
		t.Error(err)
	}
}
