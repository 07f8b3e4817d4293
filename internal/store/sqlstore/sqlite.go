package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// minSQLite is the first version without a fault in the resetting of the
// write-ahead log that can corrupt a database.
var minSQLite = [3]int{3, 51, 3}

// applicationID marks our databases in their header: "hufu" in ASCII.
const applicationID = 0x68756675

func sqliteDialect() *dialect {
	return &dialect{
		name:        "sqlite",
		goose:       goose.DialectSQLite3,
		migrations:  "migrations/sqlite",
		placeholder: questionMark,
		quote:       doubleQuotes,

		ignoreDuplicate:  onConflictDoNothing,
		replaceDuplicate: onConflict,
		pruneAudit:       pruneBySelecting,
		sweep:            "DELETE FROM one_time WHERE id IN (SELECT id FROM one_time WHERE until <= ? ORDER BY until LIMIT ?)",
		// A parameter alone would have the statement compiled again whenever it is run, because a plan may
		// depend on how many rows are wanted.
		limit: "? + 0",
		rows:  1, // more would be no faster, as a statement costs no round trip
		// From the start the one that writes, so that it never has to become it.
		begin:   "BEGIN IMMEDIATE",
		explain: explainSQLite,
	}
}

// auditReaders is how many connections queries of the audit have. They have their own
// because they are the only ones that may take long: renewals do not wait for them.
const auditReaders = 2

// pools are the connections to one database: one that writes, a few that read, and
// those that query the audit.
type pools struct{ writer, readers, audit *sql.DB }

// Close closes the one that writes last: the last one to go puts what is in the
// write-ahead log into the database, which those that read may not.
func (p pools) Close() error {
	var errs []error
	for _, db := range []*sql.DB{p.audit, p.readers, p.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// openSQLite opens the connection pools on the file at path.
func openSQLite(ctx context.Context, path string) (p pools, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(explainSQLite(err), p.Close())
		}
	}()
	common := []string{
		// Nobody else writes, but somebody with a database shell might, for a moment.
		"busy_timeout(10000)",
		// Nothing of the database is to lie around in a temporary folder.
		"temp_store(MEMORY)",
		"trusted_schema(OFF)",
	}
	reading := sqliteDSN(path, append(common, "query_only(ON)"))
	if p.readers, err = openPool(reading, max(4, runtime.GOMAXPROCS(0))); err != nil {
		return p, err
	}
	// Before anything is written: what is not ours stays as it is.
	if err := checkSQLite(ctx, p.readers); err != nil {
		return p, err
	}
	p.writer, err = openPool(sqliteDSN(path, append(
		common,
		"journal_mode(WAL)",
		"synchronous(FULL)", // a commit is on the disk before it returns
		// The default of 1000 pages stalls commits ten times as often.
		"wal_autocheckpoint(10000)",
		"journal_size_limit(67108864)",
		"cache_size(-16000)",
		fmt.Sprintf("application_id(%d)", applicationID),
	)), 1)
	if err != nil {
		return p, err
	}
	if err := checkJournal(ctx, p.writer); err != nil {
		return p, err
	}
	p.audit, err = openPool(reading, auditReaders)
	return p, err
}

// openPool opens a pool of at most n connections, which are kept.
func openPool(dsn string, n int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// sqliteDSN escapes the path, in which a question mark would end the file's name.
func sqliteDSN(path string, pragmas []string) string {
	q := url.Values{"_pragma": pragmas, "_dqs": {"0"}, "_defensive": {"1"}}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// checkSQLite makes sure that the library is recent enough and the file one of
// ours, or empty.
func checkSQLite(ctx context.Context, db *sql.DB) error {
	var version string
	var appID, tables int64
	err := db.QueryRowContext(ctx, "SELECT sqlite_version(), "+
		"(SELECT application_id FROM pragma_application_id), "+
		"(SELECT count(*) FROM sqlite_schema)").Scan(&version, &appID, &tables)
	switch {
	case err != nil:
		return err
	case !atLeast(version, minSQLite):
		return fmt.Errorf("SQLite is version %s: %d.%d.%d or later is needed", version, minSQLite[0], minSQLite[1], minSQLite[2])
	case tables > 0 && appID != applicationID:
		return errors.New("the file is a database of some other program")
	}
	return nil
}

// checkJournal makes sure that the file system lets SQLite write ahead.
func checkJournal(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("journal mode is %q and cannot be wal: the file system does not do for a database", mode)
	}
	return nil
}

func atLeast(version string, least [3]int) bool {
	parts := strings.SplitN(version, ".", len(least))
	for i, l := range least {
		n := 0
		if i < len(parts) {
			n, _ = strconv.Atoi(parts[i]) // what is no number counts as 0
		}
		if n != l {
			return n > l
		}
	}
	return true
}

func explainSQLite(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff { // the rest of the code tells cases apart
	case sqlitelib.SQLITE_FULL:
		return fmt.Errorf("the disk is full: %w", err)
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED:
		return fmt.Errorf("another program keeps the database locked: %w", err)
	case sqlitelib.SQLITE_READONLY, sqlitelib.SQLITE_CANTOPEN, sqlitelib.SQLITE_PERM:
		return fmt.Errorf("the database cannot be written, look at the permissions of its folder and files: %w", err)
	case sqlitelib.SQLITE_NOTADB:
		return fmt.Errorf("the file is not a database: %w", err)
	case sqlitelib.SQLITE_CORRUPT:
		return fmt.Errorf("the database is damaged, restore it from a backup: %w", err)
	}
	return err
}
