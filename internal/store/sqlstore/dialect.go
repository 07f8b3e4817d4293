package sqlstore

import (
	"embed"
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
	// ignoreDuplicate follows an INSERT that is to do nothing where the unique
	// column holds the value already.
	ignoreDuplicate func(column string) string
	// replaceDuplicate follows an INSERT that is then to change another column.
	replaceDuplicate func(column, changed string) string
	// forUpdate follows a SELECT whose row is changed in the same transaction.
	forUpdate string
	// now is an expression for the database's time in unix nanoseconds; empty where
	// the database has no clock but this process'.
	now string
	// begin starts a transaction that writes.
	begin string
	// explain adds to a database's error what an operator can do about it.
	explain func(error) error
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

func questionMark(int) string { return "?" }
