package bench_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/servertest"
)

const (
	// rawSize is that of a value that a yardstick writes: a stored token and the one before
	// it, sealed, and what else is in a record.
	rawSize   = 1 << 10
	rawPeriod = time.Second
)

// yardstick is what a server does by itself: single durable updates of a value by its key,
// out of n, from a number of connections.
type yardstick struct {
	name string
	// perSecond measures for about rawPeriod.
	perSecond func(t *testing.T, n, conns int) float64
}

// redisBenchmark is Redis' own program: plain SETs, and what a compare-and-swap of the
// store does at least, in a script.
func redisBenchmark(addr string) []yardstick {
	const script = "local v = redis.call('HGET', KEYS[1], ARGV[1]) " +
		"redis.call('XADD', 'raw-changes', 'MAXLEN', '~', 32768, '*', 'record', ARGV[1], 'value', ARGV[2]) " +
		"redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) return 1"
	host, port, _ := strings.Cut(addr, ":")
	path := program("redis-benchmark")
	if path == "" {
		return nil
	}
	run := func(name string, command ...string) yardstick {
		requests := 5000
		return yardstick{name, func(t *testing.T, n, conns int) float64 {
			t.Helper()
			out := output(t, nil, path, append([]string{
				"-h", host, "-p", port, "-c", strconv.Itoa(conns), "-n", strconv.Itoa(requests), "-r", strconv.Itoa(n), "--csv",
			}, command...)...)
			// The name of the test is the command, which may hold anything.
			lines := strings.Split(strings.TrimSpace(out), "\n")
			fields := strings.Split(lines[len(lines)-1], `","`)
			if len(fields) < 7 {
				t.Fatalf("redis-benchmark says %q", out)
			}
			rate := number(t, fields[len(fields)-7])
			requests = max(1000, int(rate*rawPeriod.Seconds()))
			return rate
		}}
	}
	value := strings.Repeat("x", rawSize)
	return []yardstick{
		run("redis-benchmark SET", "SET", "raw:__rand_int__", value),
		run("redis-benchmark script", "EVAL", script, "1", "raw-bucket", "__rand_int__", value),
	}
}

// pgbench is PostgreSQL's own program.
func pgbench(d *servertest.Database) []yardstick {
	path := program("pgbench", "/usr/lib/postgresql/*/bin")
	if path == "" {
		return nil
	}
	var rows int
	each := 50 // updates of a connection
	return []yardstick{{"pgbench", func(t *testing.T, n, conns int) float64 {
		t.Helper()
		if rows != n {
			rows = n
			d.Exec(t, d.URL(), "DROP TABLE IF EXISTS raw",
				`CREATE TABLE raw (id text COLLATE "C" PRIMARY KEY, changed bigint NOT NULL, version bigint NOT NULL, body text NOT NULL)`,
				"CREATE INDEX raw_changed ON raw (changed)",
				fmt.Sprintf("INSERT INTO raw SELECT 'key-' || i, 0, 1, repeat('x', %d) FROM generate_series(1, %d) i", rawSize, n),
				"VACUUM ANALYZE raw")
		}
		script := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(script, fmt.Appendf(nil, "\\set i random(1, %d)\n"+
			"UPDATE raw SET changed = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, version = version + 1,"+
			" body = repeat(md5(random()::text), %d) WHERE id = 'key-' || :i;\n", n, rawSize/32), 0o600); err != nil {
			t.Fatal(err)
		}
		u := d.URL()
		password, _ := u.User.Password()
		out := output(t, []string{"PGPASSWORD=" + password}, path, "--no-vacuum", "--file", script, "--protocol", "prepared",
			"--client", strconv.Itoa(conns), "--transactions", strconv.Itoa(each),
			"--host", u.Hostname(), "--port", u.Port(), "--username", u.User.Username(), strings.TrimPrefix(u.Path, "/"))
		found := regexp.MustCompile(`tps = ([0-9.]+) \(without`).FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("pgbench says %q", out)
		}
		rate := number(t, found[1])
		each = max(20, int(rate*rawPeriod.Seconds())/conns)
		return rate
	}}}
}

// driverLoop updates rows by the driver alone: MariaDB's own program cannot choose another
// row each time.
func driverLoop(db *sql.DB) []yardstick {
	const schema = "bench_raw"
	var rows int
	return []yardstick{{"driver loop", func(t *testing.T, n, conns int) float64 {
		t.Helper()
		if rows != n {
			rows = n
			for _, s := range []string{
				"DROP DATABASE IF EXISTS " + schema, "CREATE DATABASE " + schema,
				"CREATE TABLE " + schema + ".raw (id varbinary(255) PRIMARY KEY, changed bigint NOT NULL, version bigint NOT NULL," +
					" body mediumtext NOT NULL, KEY raw_changed (changed))",
				fmt.Sprintf("INSERT INTO %s.raw SELECT concat('key-', seq), 0, 1, repeat('x', %d) FROM seq_1_to_%d", schema, rawSize, n),
			} {
				if _, err := db.ExecContext(t.Context(), s); err != nil {
					t.Fatalf("%s: %v", s, err)
				}
			}
		}
		update, err := db.PrepareContext(t.Context(), "UPDATE "+schema+".raw SET changed = ?, version = version + 1, body = ? WHERE id = ?")
		if err != nil {
			t.Fatal(err)
		}
		defer update.Close()
		var done atomic.Int64
		var wg sync.WaitGroup
		begun := time.Now()
		for range conns {
			wg.Go(func() {
				for time.Since(begun) < rawPeriod {
					body := strings.Repeat(fmt.Sprintf("%016x", rand.Uint64()), rawSize/16)
					if _, err := update.ExecContext(t.Context(), time.Now().UnixNano(), body, fmt.Sprintf("key-%d", 1+rand.IntN(n))); err != nil {
						t.Error(err)
						return
					}
					done.Add(1)
				}
			})
		}
		wg.Wait()
		return float64(done.Load()) / time.Since(begun).Seconds()
	}}}
}

// program finds a server's own program in PATH or in folders, which may be patterns; empty
// where it is not installed.
func program(name string, folders ...string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, f := range folders {
		if found, err := filepath.Glob(filepath.Join(f, name)); err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return ""
}

// output runs a program, which has to work.
func output(t *testing.T, env []string, path string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", path, err, out)
	}
	return string(out)
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(strings.Trim(s, `"`), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
