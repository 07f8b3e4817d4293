package servertest

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// MariaDB runs a MariaDB server until the test ends. Its commits outlast its crash, not
// that of the machine. The options are more of its command line: "--sync-binlog=1".
func MariaDB(t testing.TB, options ...string) *Database {
	t.Helper()
	server := program(t, "mariadbd", "/usr/sbin", "/usr/libexec")
	folder, owner, care := home(t, "mysql")
	// A folder for what is temporary, because a server that starts removes what it takes for
	// leftovers of its own.
	data, temp := filepath.Join(folder, "data"), filepath.Join(folder, "temp")
	for _, sub := range []string{data, temp} {
		if err := os.Mkdir(sub, 0o755); err != nil { //nolint:gosec // Its folder is as it should be, and its owner differs.
			t.Fatal(err)
		}
		if owner == nil {
			continue
		}
		if err := os.Chown(sub, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	common := []string{"--no-defaults", "--datadir=" + data, "--tmpdir=" + temp, "--innodb-log-file-size=16M", "--innodb-use-native-aio=0"}
	// The program mariadb-install-db does the same, and needs the clients' package for it.
	setup := filepath.Join(folder, "setup.sql")
	if err := os.WriteFile(setup, systemTables(t), 0o644); err != nil { //nolint:gosec // The server's user has to read it.
		t.Fatal(err)
	}
	run(t, launch(t, owner, folder, "/bin/sh",
		append([]string{"-c", `exec "$@" --bootstrap <setup.sql`, "setup", server}, common...)...))
	d := &Database{t: t, scheme: "mysql", driver: "mysql", system: "mysql", care: care}
	d.dsn = func(u *url.URL) string {
		c := mysql.NewConfig()
		c.Net, c.Addr, c.User, c.DBName = "tcp", u.Host, u.User.Username(), strings.TrimPrefix(u.Path, "/")
		c.Passwd, _ = u.User.Password()
		c.Logger = &mysql.NopLogger{}
		return c.FormatDSN()
	}
	d.create = func(t testing.TB, name string) *url.URL {
		u := d.URL()
		d.Exec(t, u, "CREATE DATABASE "+name)
		u.Path = "/" + name
		return u
	}
	d.begin = func(port int) *process {
		args := append(slices.Clip(common),
			"--bind-address=127.0.0.1", "--port="+strconv.Itoa(port), "--skip-name-resolve",
			"--socket="+filepath.Join(folder, "socket"), "--pid-file="+filepath.Join(folder, "pid"),
			"--max-connections=500", "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2",
			"--innodb-flush-method=nosync",
			"--skip-log-bin")
		return launch(t, owner, folder, server, append(args, options...)...)
	}
	return d.start()
}

// systemTables is what makes a new folder one of a server's, and its user.
func systemTables(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("CREATE DATABASE mysql;\nUSE mysql;\n")
	for _, name := range []string{"m*_system_tables.sql", "m*_system_tables_data.sql"} {
		found, err := filepath.Glob(filepath.Join("/usr/share", "m*", name)) // mysql or mariadb, both
		if err != nil || len(found) == 0 {
			t.Fatalf("%s is not there: %v", name, err)
		}
		script, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		b.Write(script)
	}
	fmt.Fprintf(&b, "\nFLUSH PRIVILEGES;\nCREATE USER '%s'@'%%' IDENTIFIED BY '%s';\n", dbUser, dbPassword)
	fmt.Fprintf(&b, "GRANT ALL PRIVILEGES ON *.* TO '%s'@'%%' WITH GRANT OPTION;\n", dbUser)
	return b.Bytes()
}
