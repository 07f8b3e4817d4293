package bench_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hufu-io/hufu/internal/servertest"
)

// backend is a running server for stores, with the settings for lasting writes that it has
// in production.
type backend struct {
	name string
	// empty makes an empty store and returns its URL.
	empty func(t *testing.T) string
	// hurry says whether writes may be lost in a crash: while a store is filled.
	hurry func(t *testing.T, on bool)
	// done is how many statements or commands the server has run, for whomever; unknown
	// where it does not count them.
	done func(t *testing.T) int64
	// stored is how many bytes the grants in the store at a URL take.
	stored func(t *testing.T, url string) int64
	raw    []yardstick
}

const unknown = -1

// backends start the servers that this machine has. Each skips its test where there is none.
func backends() map[string]func(*testing.T) *backend {
	return map[string]func(*testing.T) *backend{"Redis": redisBackend, "PostgreSQL": postgresBackend, "MariaDB": mariaBackend}
}

func redisBackend(t *testing.T) *backend {
	s := servertest.StartRedis(t, servertest.RedisConfig{Durable: true})
	command := func(t *testing.T, args ...string) string {
		t.Helper()
		answer, err := s.Command(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	var made atomic.Int64
	return &backend{
		name: "Redis, appendfsync always",
		empty: func(*testing.T) string {
			return fmt.Sprintf("%s?prefix=bench%d", s.URL, made.Add(1))
		},
		hurry: func(t *testing.T, on bool) {
			command(t, "CONFIG", "SET", "appendfsync", map[bool]string{true: "no", false: "always"}[on])
		},
		done: func(t *testing.T) (n int64) {
			// Of a script this counts the call, and the commands in it.
			for line := range strings.Lines(command(t, "INFO", "commandstats")) {
				_, rest, _ := strings.Cut(line, ":calls=")
				calls, _, _ := strings.Cut(rest, ",")
				if count, err := strconv.ParseInt(calls, 10, 64); err == nil {
					n += count
				}
			}
			return n
		},
		stored: func(t *testing.T, _ string) (n int64) {
			// All of it is one: what comes before is small, or the same again.
			for line := range strings.Lines(command(t, "INFO", "memory")) {
				if used, ok := strings.CutPrefix(line, "used_memory:"); ok {
					n, _ = strconv.ParseInt(strings.TrimSpace(used), 10, 64)
				}
			}
			return n
		},
		raw: redisBenchmark(s.Addr()),
	}
}

func postgresBackend(t *testing.T) *backend {
	settings := []string{"fsync=on", "full_page_writes=on", "shared_buffers=256MB", "max_wal_size=4GB"}
	const statements = "pg_stat_statements"
	found, _ := filepath.Glob("/usr/lib/postgresql/*/lib/" + statements + ".so")
	if len(found) > 0 {
		settings = append(settings, "shared_preload_libraries="+statements)
	}
	d := servertest.PostgreSQL(t, settings...)
	db := connections(t, d)
	done := func(*testing.T) int64 { return unknown }
	if len(found) > 0 {
		d.Exec(t, d.URL(), "CREATE EXTENSION "+statements)
		done = func(t *testing.T) (n int64) {
			ask(t, db, "SELECT sum(calls)::bigint FROM "+statements, &n)
			return n
		}
	}
	return &backend{
		name:  "PostgreSQL, fsync and synchronous_commit on",
		empty: func(t *testing.T) string { return d.New(t).String() },
		hurry: func(t *testing.T, on bool) {
			d.Exec(t, d.URL(), "ALTER SYSTEM SET synchronous_commit = "+map[bool]string{true: "off", false: "on"}[on], "SELECT pg_reload_conf()")
			if !on {
				// Its own background work does this within minutes.
				d.Exec(t, d.URL(), "VACUUM ANALYZE", "CHECKPOINT")
			}
		},
		done: done,
		stored: func(t *testing.T, at string) (n int64) {
			one, err := d.Open(parsed(t, at))
			if err != nil {
				t.Fatal(err)
			}
			defer one.Close()
			ask(t, one, "SELECT pg_total_relation_size('grants')", &n)
			return n
		},
		raw: pgbench(d),
	}
}

func mariaBackend(t *testing.T) *backend {
	d := servertest.MariaDB(t, "--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync",
		"--innodb-buffer-pool-size=512M", "--innodb-log-file-size=512M")
	db := connections(t, d)
	return &backend{
		name:  "MariaDB, innodb_flush_log_at_trx_commit = 1",
		empty: func(t *testing.T) string { return d.New(t).String() },
		hurry: func(t *testing.T, on bool) {
			d.Exec(t, d.URL(), "SET GLOBAL innodb_flush_log_at_trx_commit = "+map[bool]string{true: "0", false: "1"}[on])
		},
		done: func(t *testing.T) (n int64) {
			var name string
			ask(t, db, "SHOW GLOBAL STATUS LIKE 'Questions'", &name, &n)
			return n
		},
		stored: func(t *testing.T, at string) (n int64) {
			name := strings.TrimPrefix(parsed(t, at).Path, "/") + "/grants"
			ask(t, db, "SELECT file_size FROM information_schema.innodb_sys_tablespaces WHERE name = '"+name+"'", &n)
			return n
		},
		raw: driverLoop(db),
	}
}

func parsed(t *testing.T, at string) *url.URL {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func connections(t *testing.T, d *servertest.Database) *sql.DB {
	t.Helper()
	db, err := d.Open(d.URL())
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxIdleConns(100)
	t.Cleanup(func() { db.Close() })
	return db
}

func ask(t *testing.T, db *sql.DB, query string, into ...any) {
	t.Helper()
	if err := db.QueryRowContext(context.WithoutCancel(t.Context()), query).Scan(into...); err != nil {
		t.Fatal(err)
	}
}
