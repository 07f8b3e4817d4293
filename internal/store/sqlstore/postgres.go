package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// minPostgres is the oldest version that is supported, as server_version_num has it. None
// before it is maintained any more.
const minPostgres = 120000

// sweepPostgres asks for the time at which the statement came, for which an index can be used.
// The condition stands outside too: there it is looked at again where another has changed
// the row meanwhile, who may have given the name to a new value.
const sweepPostgres = "DELETE FROM one_time WHERE until <= " + cameAt +
	" AND name IN (SELECT name FROM one_time WHERE until <= " + cameAt + " ORDER BY until LIMIT ?)"

const cameAt = "((extract(epoch FROM statement_timestamp()) * 1000000)::bigint * 1000)"

func postgresDialect() *dialect {
	return &dialect{
		name:        "postgres",
		goose:       goose.DialectPostgres,
		migrations:  "migrations/postgres",
		placeholder: dollar,
		quote:       doubleQuotes,

		ignoreDuplicate:  onConflictDoNothing,
		replaceDuplicate: onConflict,
		pruneAudit:       pruneBySelecting,
		sweep:            sweepPostgres,
		// The time of the wall, not of the transaction's begin.
		now: "((extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000)",
		// A statement takes 65535 parameters.
		limit:  "?",
		rows:   500,
		once:   []any{pgx.QueryExecModeExec},
		shared: true,

		undone:   undonePostgres,
		readOnly: func(err error) bool { return pgCode(err) == "25006" },
		explain:  explainPostgres,
		missing:  func(err error) bool { return pgCode(err) == "42P01" },
		lock: func(schema string) schemaLock {
			return schemaLock{
				// It says nothing for as long as another connection works on the schema.
				begin: []string{"BEGIN", "SET LOCAL idle_in_transaction_session_timeout = 0"},
				lock:  "SELECT 1 FROM pg_advisory_xact_lock($1)",
				end:   []string{"COMMIT"},
				key:   int64(binary.BigEndian.Uint64(digest("hufu schema " + schema))), //nolint:gosec // G115: any number does
			}
		},
	}
}

// digest makes a name of bounded length of another one.
func digest(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:8]
}

// openPostgres prepares connections to the server at a.
func openPostgres(a *address) (*engine, error) {
	cfg, err := postgresConfig(a)
	if err != nil {
		return nil, err
	}
	connector := stdlib.GetConnector(*cfg)
	return &engine{
		dialect:   postgresDialect(),
		connector: connector,
		migrator:  connector,
		check:     checkPostgres,
		primary:   "NOT pg_is_in_recovery()",
		listen: func(ctx context.Context, schema string, up func(bool), wake func()) {
			listenPostgres(ctx, cfg, channel(schema), up, wake)
		},
		announce: func(ctx context.Context, db *sql.DB, schema string) error {
			_, err := db.ExecContext(ctx, "SELECT pg_notify($1, '')", channel(schema))
			return err
		},
	}, nil
}

// channel is what the servers of one schema are told of changes on.
func channel(schema string) string { return fmt.Sprintf("hufu_%x", digest(schema)) }

// postgresConfig makes the driver's configuration. The driver's parser is not shown the
// password, so that its errors cannot tell it.
func postgresConfig(a *address) (*pgx.ConnConfig, error) {
	hosts, ports := []string{}, []string{}
	for _, h := range a.hosts {
		hosts, ports = append(hosts, h.host), append(ports, h.port)
	}
	settings := map[string]string{
		"user": a.user, "dbname": a.database,
		"application_name":     "hufu",
		"target_session_attrs": "read-write", // of several hosts the one that can be written
		"connect_timeout":      strconv.Itoa(int(a.pool.connectTimeout / time.Second)),
	}
	if len(hosts) > 0 {
		settings["host"], settings["port"] = strings.Join(hosts, ","), strings.Join(ports, ",")
	}
	if !a.password.IsZero() {
		settings["password"] = "none" // else one would be looked for in files
	}
	if a.params["sslrootcert"] != "" {
		settings["sslmode"] = "verify-full" // whoever names an authority wants it to be asked
	}
	maps.Copy(settings, a.params)
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	for name, value := range settings {
		fmt.Fprintf(&b, "%s='%s' ", name, escape.Replace(value))
	}
	cfg, err := pgx.ParseConfig(b.String())
	if err != nil {
		return nil, fmt.Errorf("the driver does not take the store's URL: %w", err)
	}
	if !a.password.IsZero() {
		cfg.Password = a.password.Reveal()
	}
	cfg.DialFunc = dialer(a.pool.connectTimeout).DialContext
	return cfg, nil
}

// dialer notices within half a minute that a connection has gone that nobody is told of.
func dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout:         timeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
}

func checkPostgres(ctx context.Context, db *sql.DB) (facts, error) {
	var f facts
	var version int
	var encoding, fsync, commit, pages, readOnly, name string
	err := db.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"+
		" current_setting('server_encoding'), current_setting('fsync'), current_setting('synchronous_commit'),"+
		" current_setting('full_page_writes'), current_setting('transaction_read_only'), coalesce(current_schema(), '')").
		Scan(&version, &name, &encoding, &fsync, &commit, &pages, &readOnly, &f.schema)
	if err != nil {
		return f, err
	}
	f.server = "PostgreSQL " + name
	switch {
	case version < minPostgres:
		return f, fmt.Errorf("the server is PostgreSQL %s: 12 or later is needed", name)
	case readOnly == "on":
		return f, errReadOnly
	case encoding != "UTF8":
		return f, fmt.Errorf("the database's encoding is %s: make one with ENCODING 'UTF8'", encoding)
	case f.schema == "":
		return f, errors.New("none of the schemas in the search_path is there: create one, or name another with search_path in the URL")
	}
	for setting, value := range map[string]string{"fsync": fsync, "synchronous_commit": commit, "full_page_writes": pages} {
		if value == "off" {
			f.risks = append(f.risks, setting+" = off")
		}
	}
	slices.Sort(f.risks)
	return f, nil
}

// listenPostgres wakes when any server tells of a change, until ctx ends. It has a
// connection of its own, and says while it works. Where it cannot, polls do without it.
func listenPostgres(ctx context.Context, cfg *pgx.ConnConfig, channel string, up func(bool), wake func()) {
	for ctx.Err() == nil {
		_ = listenOnce(ctx, cfg, channel, up, wake) // whatever it was: once more
		up(false)
		select {
		case <-ctx.Done():
		case <-time.After(jittered(listenPause)):
		}
	}
}

func listenOnce(ctx context.Context, cfg *pgx.ConnConfig, channel string, up func(bool), wake func()) error {
	connecting, cancel := context.WithTimeout(ctx, 2*listenPatience)
	defer cancel()
	c, err := pgx.ConnectConfig(connecting, cfg.Copy())
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(closing) // it has failed, or is not needed any more
	}()
	if _, err := c.Exec(connecting, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return err
	}
	up(true)
	wake() // for what came before
	for {
		waiting, cancel := context.WithTimeout(ctx, listenQuiet)
		_, err := c.WaitForNotification(waiting)
		quiet := waiting.Err() != nil
		cancel()
		switch {
		case err == nil:
			wake()
		case ctx.Err() != nil || !quiet:
			return err
		default:
			// Nothing for a while: is there still somebody?
			asking, cancel := context.WithTimeout(ctx, listenPatience)
			err := c.Ping(asking)
			cancel()
			if err != nil {
				return err
			}
		}
	}
}

// pgCode is the SQLSTATE of an error, "" where it is none of the database's.
func pgCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func undonePostgres(err error) bool {
	switch pgCode(err) {
	case "40001", "40P01": // serialization failure, deadlock
		return true
	}
	return false
}

func explainPostgres(err error) error {
	if err == nil {
		return nil
	}
	switch code := pgCode(err); code {
	case "28P01", "28000":
		return fmt.Errorf("the database does not let the user in, look at the user and the password in the store's URL, and at pg_hba.conf: %w", err)
	case "3D000":
		return fmt.Errorf("there is no such database, create it: %w", err)
	case "53300":
		return fmt.Errorf("the database has no connection left, raise its max_connections or lower max_open_conns in the store's URL: %w", err)
	case "25006":
		return fmt.Errorf("%w: %w", errReadOnly, err)
	case "53100":
		return fmt.Errorf("the database's disk is full: %w", err)
	case "57P03", "57P01", "57P02":
		return fmt.Errorf("the database is starting or stopping: %w", err)
	case "42501":
		return fmt.Errorf("the database's user lacks a right on hufu's tables, or the right to create them: %w", err)
	case "42P05", "26000":
		return fmt.Errorf("there is a pooler between hufu and the database that does not keep prepared statements, "+
			"add default_query_exec_mode=exec to the store's URL: %w", err)
	case "42P01", "42703":
		return fmt.Errorf("the database's schema is not what this version of hufu made of it: %w", err)
	case "":
		if strings.Contains(err.Error(), "read only connection") {
			return fmt.Errorf("%w: %w", errReadOnly, err)
		}
		return explainNetwork(err)
	}
	return err
}
