package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

type grantQueries struct {
	get, page, all, update, delete, has string
	insert                              rows
}

func newGrantQueries(d *dialect, c columns[broker.Grant]) grantQueries {
	const key, where = "app, subject, kind", " WHERE app = ? AND subject = ? AND kind = ?"
	row := "SELECT " + key + ", " + c.selected() + " FROM grants"
	return grantQueries{
		get: d.bind(row + where),
		// The same as (subject, kind) > (?, ?), for which MySQL would look at all grants
		// of the app that come before.
		page: d.bind(row + " WHERE app = ? AND subject >= ? AND (subject > ? OR kind > ?) ORDER BY subject, kind LIMIT " + d.limit),
		all:  row,
		insert: newRows(d, "INSERT INTO grants ("+key+", "+strings.Join(c.names(), ", ")+") VALUES ",
			"("+marks(3+c.count())+")", d.ignoreDuplicate(key)),
		update: d.bind("UPDATE grants SET " + c.assigned() + where + " AND version = ?"),
		delete: d.bind("DELETE FROM grants" + where + " AND version = ?"),
		has:    d.bind("SELECT 1 FROM grants" + where),
	}
}

// grantScanner decodes rows of grants.
type grantScanner struct {
	values             *values[broker.Grant]
	app, subject, kind sql.RawBytes
	dest               []any
	last               broker.Key // whose strings are used again: the next row mostly has the same app and kind
}

func newGrantScanner(c columns[broker.Grant]) *grantScanner {
	s := &grantScanner{values: newValues(c)}
	s.dest = append([]any{&s.app, &s.subject, &s.kind}, s.values.dest...)
	return s
}

// scan decodes a row.
func (s *grantScanner) scan(scan func(...any) error) (broker.Grant, error) {
	if err := scan(s.dest...); err != nil {
		return broker.Grant{}, err
	}
	if string(s.app) != s.last.App {
		s.last.App = string(s.app)
	}
	if string(s.kind) != string(s.last.Kind) {
		s.last.Kind = broker.Kind(s.kind)
	}
	g := broker.Grant{Key: broker.Key{App: s.last.App, Kind: s.last.Kind, Subject: string(s.subject)}}
	if err := s.values.decode(&g); err != nil {
		return broker.Grant{}, fmt.Errorf("grant %q: %w", g.Key, err)
	}
	return g, nil
}
