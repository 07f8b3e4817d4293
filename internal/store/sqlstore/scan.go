package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// scanner decodes rows of records.
type scanner struct {
	values *values[broker.Record]
	kinds  map[string]broker.Kind // few and long-lived: one string each for all records

	changed int64
	key     string
	dest    []any // all but changed
	told    []any // and with it
}

func newScanner(c columns[broker.Record]) *scanner {
	s := &scanner{values: newValues(c), kinds: map[string]broker.Kind{}}
	s.dest = append([]any{&s.key}, s.values.dest...)
	s.told = append([]any{&s.changed}, s.dest...)
	return s
}

// scan decodes the current row into r, which then shares no memory with it.
func (s *scanner) scan(rows *sql.Rows, r *broker.Record) error { return s.decode(rows, r, s.dest) }

// scanChanged is scan for rows that begin with when they were written.
func (s *scanner) scanChanged(rows *sql.Rows, r *broker.Record) error {
	return s.decode(rows, r, s.told)
}

// decode leaves nothing but the key in r of what it cannot decode.
func (s *scanner) decode(rows *sql.Rows, r *broker.Record, dest []any) error {
	s.key = ""
	err := rows.Scan(dest...)
	if err != nil && rows.Err() != nil {
		return rows.Err() // they were closed
	}
	key, keyErr := s.parseKey(s.key)
	*r = broker.Record{Key: key}
	if err == nil {
		err = keyErr
	}
	if err == nil {
		err = s.values.decode(r)
	}
	if err != nil {
		*r = broker.Record{Key: key}
		return fmt.Errorf("record %q: %w: %w", s.key, broker.ErrUndecodable, err)
	}
	return nil
}

// parseKey is [broker.ParseKey] with a short cut for keys without escapes, which is
// what nearly all of them are.
func (s *scanner) parseKey(key string) (broker.Key, error) {
	app, rest, _ := strings.Cut(key, "/")
	kind, subject, more := strings.Cut(rest, "/")
	if app == "" || kind == "" || more && subject == "" || strings.ContainsRune(subject, '/') ||
		strings.ContainsRune(key, '%') {
		return broker.ParseKey(key)
	}
	k, ok := s.kinds[kind]
	if !ok {
		k = broker.Kind(strings.Clone(kind))
		s.kinds[string(k)] = k
	}
	// Clones, because the key as a whole is not kept.
	return broker.Key{App: strings.Clone(app), Kind: k, Subject: strings.Clone(subject)}, nil
}

// values decodes the columns of a row besides its key. It is made once for a query and used
// again for every row, because a start reads them all.
type values[T any] struct {
	columns columns[T]
	numbers string // all number columns, joined with commas: see columns.selected
	texts   []string
	boxes   []sql.RawBytes
	dest    []any
}

func newValues[T any](c columns[T]) *values[T] {
	v := &values[T]{columns: c, texts: make([]string, len(c.texts)), boxes: make([]sql.RawBytes, len(c.boxes))}
	v.dest = append(v.dest, &v.numbers)
	for i := range v.texts {
		v.dest = append(v.dest, &v.texts[i])
	}
	for i := range v.boxes {
		v.dest = append(v.dest, &v.boxes[i])
	}
	return v
}

// decode fills in t, which is a zero value but for its key, and then shares no memory with
// the row.
func (v *values[T]) decode(t *T) error {
	if err := v.parseNumbers(t); err != nil {
		return err
	}
	for i, c := range v.columns.texts {
		if v.texts[i] != "" {
			c.set(t, v.texts[i])
		}
	}
	for i, c := range v.columns.boxes {
		if len(v.boxes[i]) > 0 {
			*c.box(t) = append([]byte(nil), v.boxes[i]...)
		}
	}
	return nil
}

func (v *values[T]) parseNumbers(t *T) error {
	rest := v.numbers
	for _, c := range v.columns.numbers {
		n, i := parseInt(rest)
		if i == 0 {
			return fmt.Errorf("column %s holds no number", c.name)
		}
		if n != 0 {
			c.set(t, n)
		}
		rest = rest[i:]
		if rest != "" {
			rest = rest[1:]
		}
	}
	if rest != "" {
		return fmt.Errorf("a row has more than %d numbers", len(v.columns.numbers))
	}
	return nil
}

// parseInt reads the number that s begins with, up to a comma or the end, and
// returns its length: 0 if there is none. What the database has printed fits.
func parseInt(s string) (n int64, length int) {
	i := 0
	negative := s != "" && s[0] == '-'
	if negative {
		i++
	}
	digits := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		n = n*10 - int64(s[i]-'0') // negative, as the range is larger on that side
		i++
	}
	if i == digits || i < len(s) && s[i] != ',' {
		return 0, 0
	}
	if !negative {
		n = -n
	}
	return n, i
}
