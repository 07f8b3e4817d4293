package servertest

import (
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // The driver pgx.
)

// PostgreSQL runs a PostgreSQL server until the test ends. Its commits outlast its crash,
// not that of the machine. The settings are more of its configuration: "fsync=on".
func PostgreSQL(t testing.TB, settings ...string) *Database {
	t.Helper()
	const folders = "/usr/lib/postgresql/*/bin"
	server, initdb := program(t, "postgres", folders), program(t, "initdb", folders)
	folder, owner, care := home(t, "postgres")
	data, password := filepath.Join(folder, "data"), filepath.Join(folder, "password")
	if err := os.WriteFile(password, []byte(dbPassword+"\n"), 0o644); err != nil { //nolint:gosec // The server's user has to read it.
		t.Fatal(err)
	}
	run(t, launch(t, owner, folder, initdb, "--pgdata", data, "--username", dbUser, "--pwfile", password,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"))
	d := &Database{t: t, scheme: "postgres", driver: "pgx", system: "postgres", care: care}
	d.dsn = func(u *url.URL) string {
		plain := *u
		q := u.Query()
		q.Set("sslmode", "disable")
		plain.RawQuery = q.Encode()
		return plain.String()
	}
	// A schema, because making a database takes a hundred times as long.
	d.create = func(t testing.TB, name string) *url.URL {
		u := d.URL()
		d.Exec(t, u, "CREATE SCHEMA "+name)
		u.RawQuery = url.Values{"search_path": {name}}.Encode()
		return u
	}
	d.begin = func(port int) *process {
		args := []string{"-D", data}
		for _, s := range append([]string{
			"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(port), "unix_socket_directories=",
			"max_connections=500", "shared_buffers=32MB", "fsync=off", "full_page_writes=off",
		}, settings...) {
			args = append(args, "-c", s)
		}
		return launch(t, owner, folder, server, args...)
	}
	return d.start()
}

// run waits until a program that ends by itself has done so.
func run(t testing.TB, p *process) {
	t.Helper()
	Await(t, func() bool {
		select {
		case <-p.done:
			return true
		default:
			return false
		}
	})
	if !p.cmd.ProcessState.Success() {
		t.Fatalf("%s: %v; it printed:\n%s", p.cmd.Path, p.cmd.ProcessState, p.out)
	}
}
