package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// scanner decodes rows of records. It is made once for a query and used again for
// every row, because a start reads them all.
type scanner struct {
	columns columns
	kinds   map[string]broker.Kind // few and long-lived: one string each for all records

	changed int64
	key     string
	numbers string // all number columns, joined with commas: see queries
	texts   []string
	boxes   []sql.RawBytes
	dest    []any // all but changed
	told    []any // and with it
}

func newScanner(c columns) *scanner {
	s := &scanner{
		columns: c,
		kinds:   map[string]broker.Kind{},
		texts:   make([]string, len(c.texts)),
		boxes:   make([]sql.RawBytes, len(c.boxes)),
	}
	s.dest = append(s.dest, &s.key, &s.numbers)
	for i := range s.texts {
		s.dest = append(s.dest, &s.texts[i])
	}
	for i := range s.boxes {
		s.dest = append(s.dest, &s.boxes[i])
	}
	s.told = append([]any{&s.changed}, s.dest...)
	return s
}

// scan decodes the current row into r, which then shares no memory with it.
func (s *scanner) scan(rows *sql.Rows, r *broker.Record) error { return s.decode(rows, r, s.dest) }

// scanChanged is scan for rows that begin with when they were written.
func (s *scanner) scanChanged(rows *sql.Rows, r *broker.Record) error {
	return s.decode(rows, r, s.told)
}

func (s *scanner) decode(rows *sql.Rows, r *broker.Record, dest []any) error {
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	*r = broker.Record{}
	var err error
	if r.Key, err = s.parseKey(s.key); err != nil {
		return err
	}
	if err := s.parseNumbers(r); err != nil {
		return fmt.Errorf("record %q: %w", s.key, err)
	}
	for i, t := range s.columns.texts {
		if s.texts[i] != "" {
			t.set(r, s.texts[i])
		}
	}
	for i, b := range s.columns.boxes {
		if len(s.boxes[i]) > 0 {
			*b.box(r) = append([]byte(nil), s.boxes[i]...)
		}
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

func (s *scanner) parseNumbers(r *broker.Record) error {
	rest := s.numbers
	for _, c := range s.columns.numbers {
		n, i := parseInt(rest)
		if i == 0 {
			return fmt.Errorf("column %s holds no number", c.name)
		}
		if n != 0 {
			c.set(r, n)
		}
		rest = rest[i:]
		if rest != "" {
			rest = rest[1:]
		}
	}
	if rest != "" {
		return fmt.Errorf("a row has more than %d numbers", len(s.columns.numbers))
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
