package sqlstore

import (
	"embed"
	"fmt"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// dialect is what differs between databases. Besides what stands here, all
// statements are in the common subset.
type dialect struct {
	name       string
	goose      goose.Dialect
	migrations string // folder in the embedded file system

	// placeholder gives the nth parameter of a statement, from 1.
	placeholder func(n int) string
	// quote writes a name that is a reserved word somewhere.
	quote func(name string) string
	// ignoreDuplicate follows an INSERT that is to do nothing where the unique
	// column holds the value already. Where it is empty, duplicate tells such a fault.
	ignoreDuplicate func(column string) string
	duplicate       func(error) bool
	// replaceDuplicate follows an INSERT that is then to change other columns.
	replaceDuplicate func(unique string, changed ...string) string
	// pruneAudit deletes the oldest entries from before a time, at most so many.
	pruneAudit string
	// sweep removes one-time values that have run out by the clock, at most so many.
	sweep string
	// now is an expression for the database's time in unix nanoseconds; empty where
	// the database has no clock but this process'.
	now string
	// limit is the parameter for how many rows are to be read, of a query that is prepared.
	limit string
	// rows is how many rows one INSERT takes.
	rows int
	// once goes before the arguments of a statement that is not worth preparing.
	once []any
	// shared says that several servers use the database: it tells them of changes.
	shared bool

	// begin starts a transaction that writes.
	begin string
	// undone reports that the database has undone the statement, or the transaction, for
	// the sake of another: it is to be run again.
	undone func(error) bool
	// readOnly reports that the server does not take writes any more.
	readOnly func(error) bool
	// explain adds to a database's error what an operator can do about it.
	explain func(error) error

	// Only for shared databases: missing tells of a table that is not there, and lock keeps
	// two servers from changing one schema at once.
	missing func(error) bool
	lock    func(schema string) schemaLock
}

// bind writes a statement's parameters, given as ?, in the dialect's way.
func (d *dialect) bind(query string) string {
	parts := strings.Split(query, "?")
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteString(d.placeholder(i))
		}
		b.WriteString(p)
	}
	return b.String()
}

// clock is the database's time, or else a parameter.
func (d *dialect) clock() string {
	if d.now == "" {
		return "?"
	}
	return d.now
}

func questionMark(int) string { return "?" }

func dollar(n int) string { return fmt.Sprintf("$%d", n) }

func doubleQuotes(name string) string { return `"` + name + `"` }

// onConflict is the upsert of SQLite and PostgreSQL.
func onConflict(unique string, changed ...string) string {
	set := make([]string, len(changed))
	for i, c := range changed {
		set[i] = c + " = excluded." + c
	}
	return " ON CONFLICT (" + unique + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// pruneBySelecting is for databases whose DELETE knows no LIMIT.
const pruneBySelecting = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)"

func onConflictDoNothing(unique string) string { return " ON CONFLICT (" + unique + ") DO NOTHING" }
