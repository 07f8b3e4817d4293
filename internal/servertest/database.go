package servertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// The one user of a database server, who may do everything.
const (
	dbUser     = "hufu"
	dbPassword = "pässword: /?#[]@%" //nolint:gosec // G101: of a test's server, and with all that has to be escaped in a URL
)

// Database is a database server that tests may treat badly. Tests that treat it well share
// one, each with a database of its own.
type Database struct {
	t      testing.TB
	scheme string // of its URL
	driver string // of database/sql
	system string // the database that is always there
	dsn    func(*url.URL) string
	// create makes something empty of this name, and returns its URL.
	create func(t testing.TB, name string) *url.URL
	begin  func(port int) *process
	port   int
	// process is the server's first process: of PostgreSQL, others descend from it.
	process *process
	frozen  []int
	care    *caretaker
	made    atomic.Int64
}

// start runs the server for the first time, on a port that nobody else has taken.
func (d *Database) start() *Database {
	d.t.Helper()
	for range maxStarts {
		d.port = freePort(d.t)
		if d.run() {
			return d
		}
	}
	d.t.Fatalf("%s ends at once, %d times; it printed:\n%s", d.process.cmd.Path, maxStarts, d.process.out)
	return nil
}

func (d *Database) run() bool {
	d.t.Helper()
	d.process = d.begin(d.port)
	d.t.Cleanup(func() { d.kill() })
	return d.process.await(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, stopTimeout)
		defer cancel()
		return d.Try(ctx, d.URL(), "SELECT 1")
	})
}

// Addr is the server's HOST:PORT.
func (d *Database) Addr() string { return loopback(d.port) }

// URL is the server's, for its user who may do everything, and of the database that is
// always there.
func (d *Database) URL() *url.URL {
	return &url.URL{Scheme: d.scheme, Host: d.Addr(), User: url.UserPassword(dbUser, dbPassword), Path: "/" + d.system}
}

// New makes an empty database, or what is as good as one, and returns its URL. It goes with
// the server.
func (d *Database) New(t testing.TB) *url.URL {
	t.Helper()
	return d.create(t, fmt.Sprintf("test%d", d.made.Add(1)))
}

// Exec runs statements at a URL, on a connection of its own.
func (d *Database) Exec(t testing.TB, u *url.URL, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := d.Try(t.Context(), u, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// Try is Exec for a statement that may fail.
func (d *Database) Try(ctx context.Context, u *url.URL, statement string) error {
	db, err := d.Open(u)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // What was asked has been answered.
	_, err = db.ExecContext(ctx, statement)
	return err
}

// Open returns connections to a URL by the driver alone.
func (d *Database) Open(u *url.URL) (*sql.DB, error) { return sql.Open(d.driver, d.dsn(u)) }

// Pause stops the server where it is: connections stay and get no answer.
func (d *Database) Pause() {
	d.t.Helper()
	pid := d.process.cmd.Process.Pid
	d.process.signal(syscall.SIGSTOP)
	d.frozen = descendants(d.t, pid)
	d.care.stillness(d.frozen) // before they stand still
	for _, pid := range d.frozen {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // it may have ended
	}
}

// Resume lets the server go on after Pause.
func (d *Database) Resume() {
	d.t.Helper()
	for _, pid := range d.frozen {
		_ = syscall.Kill(pid, syscall.SIGCONT) // as above
	}
	d.frozen = nil
	d.care.stillness(nil)
	d.process.signal(syscall.SIGCONT)
}

// Kill ends the server as a crash does.
func (d *Database) Kill() {
	d.t.Helper()
	d.kill()
}

func (d *Database) kill() {
	d.t.Helper()
	d.process.signal(syscall.SIGSTOP) // it makes no others
	rest := descendants(d.t, d.process.cmd.Process.Pid)
	for _, pid := range rest {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
	d.process.kill()
	d.frozen = nil
	d.care.stillness(nil)
	for _, pid := range rest {
		Await(d.t, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	}
}

// Restart starts the server again at the same address and with the same data, after Kill.
func (d *Database) Restart() {
	d.t.Helper()
	if !d.run() {
		d.t.Fatalf("%s does not start again; it printed:\n%s", d.process.cmd.Path, d.process.out)
	}
}

// descendants are the processes that a process has started, which has not ended itself.
func descendants(t testing.TB, pid int) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, f := range files {
		stat, err := os.ReadFile(f) //nolint:gosec // G304: the kernel's
		if err != nil {
			continue // it has ended
		}
		// PID (NAME) STATE PARENT …, and the name may hold anything.
		_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, append(descendants(t, child), child)...)
		}
	}
	return found
}

// home makes a folder for a server that refuses to run as root, with a caretaker, and says
// as whom it runs: as one of the given users if the test is root, else as the test.
func home(t testing.TB, users ...string) (folder string, owner *syscall.Credential, care *caretaker) {
	t.Helper()
	// Not in t.TempDir, which other users cannot enter.
	folder, err := os.MkdirTemp("", "servertest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	care = watchOver(t, folder)
	if os.Getuid() != 0 {
		return folder, nil, care
	}
	for _, name := range append(users, "nobody") {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr, os.Chown(folder, int(uid), int(gid))); err != nil {
			t.Fatal(err)
		}
		return folder, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, care
	}
	t.Fatal("there is no user whom the server could run as")
	return "", nil, nil
}
