package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// overlap is how far a look goes back behind the one before it: for writes that are
	// seen later than the time they bear, because their commit took its time, and for
	// servers of one database whose clocks differ.
	overlap = time.Second
	// Now and then a look goes back further, for commits that took very long. These may be
	// told of late.
	deepOverlap = 30 * time.Second
	deepEvery   = 5 * time.Second
)

// watch is where one watcher stands. One goroutine uses it, but for wake and good.
type watch struct {
	wake chan struct{} // holds at most one signal
	good time.Time     // when the last look began that was complete

	begun time.Time // when that was on this machine's clock: the last look, or Watch
	now   int64     // and on the database's; 0: not known
	deep  time.Time // when the last deep one began
	// What was told of, as far as looks still go back to it, by the records' keys, and by
	// the sort and name of definitions.
	records, definitions map[string]mark
}

// mark tells one write of a record or a definition from others.
type mark struct{ version, changed int64 }

func newWatch(begun time.Time) *watch {
	return &watch{wake: make(chan struct{}, 1), good: begun, begun: begun, records: map[string]mark{}, definitions: map[string]mark{}}
}

// since is the time from which changes are looked for at now. The database's clock may have
// been set back meanwhile, as when another machine takes over. So it goes by this machine's
// too, which says how long the database can have written by the other clock.
func (w *watch) since(now int64, begun time.Time) int64 {
	// A machine that was suspended knows of that only by the time of day.
	passed := max(begun.Sub(w.begun), begun.Round(0).Sub(w.begun.Round(0)))
	since := now - int64(passed)
	if w.now != 0 {
		since = min(since, w.now)
	}
	return since
}

// news reports whether a write has not been told of.
func news(seen map[string]mark, name string, m mark) bool {
	if seen[name] == m {
		return false
	}
	seen[name] = m
	return true
}

// forget drops what looks do not go back to any more.
func (w *watch) forget(since int64) {
	for _, seen := range []map[string]mark{w.records, w.definitions} {
		maps.DeleteFunc(seen, func(_ string, m mark) bool { return m.changed < since })
	}
}

// look reads the database's clock, and makes sure that it is that of a database which takes
// writes.
func (s *Shared) look(ctx context.Context) (now int64, err error) {
	var primary bool
	query := "SELECT " + s.engine.primary + ", " + s.dialect.now
	if err := s.polls.QueryRowContext(ctx, query).Scan(&primary, &now); err != nil {
		return 0, fmt.Errorf("read the database's clock: %w", s.readFault(ctx, err))
	}
	if !primary {
		s.leave()
		return 0, errReadOnly
	}
	return now, nil
}

// leave gives up the idle connections to a server that has become a replica, so that new
// ones are made to the one that takes writes.
func (s *Shared) leave() {
	for db, idle := range map[*sql.DB]int{s.polls: pollConns, s.readers: s.maxIdle, s.auditReaders: auditConns} {
		db.SetMaxIdleConns(-1)
		db.SetMaxIdleConns(idle)
	}
}

// poll tells of what has changed since the last look.
func (s *Shared) poll(ctx context.Context, w *watch, yield func(broker.Change, error) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A server that has stopped answers nothing, and breaks nothing off either.
	stuck := time.AfterFunc(pollPatience, func() { cancel(errStuck) })
	defer stuck.Stop()
	moved := func() { stuck.Reset(pollPatience) }
	tell := func(c broker.Change) bool {
		stuck.Stop() // the reader may take its time
		defer moved()
		return yield(c, nil)
	}
	begun := time.Now()
	now, err := s.look(ctx)
	if err != nil {
		return because(ctx, err)
	}
	moved()
	last := w.since(now, begun)
	since := last - int64(overlap)
	deep := begun.Sub(w.deep) >= deepEvery
	if deep {
		since = last - int64(deepOverlap)
	}
	if err := s.pollRecords(ctx, w, last, tell, moved); err != nil {
		return because(ctx, err)
	}
	if err := s.pollLate(ctx, w, since, last-1, tell, moved); err != nil {
		return because(ctx, err)
	}
	if err := s.pollDefinitions(ctx, w, since, tell); err != nil {
		return because(ctx, err)
	}
	w.begun, w.now = begun, now
	s.feed.upToDate(w, begun)
	if deep {
		w.deep = begun
		w.forget(since)
	}
	return nil
}

var errStuck = errors.New("the database does not answer")

// because adds why ctx has ended to the error that comes of it.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, errStopped) {
		return cause
	}
	return err
}

func (s *Shared) pollDefinitions(ctx context.Context, w *watch, since int64, tell func(broker.Change) bool) error {
	rows, err := s.polls.QueryContext(ctx, s.queries.changedDefinitions, since)
	if err != nil {
		return fmt.Errorf("read which definitions have changed: %w", s.dialect.explain(err))
	}
	defer func() { _ = rows.Close() }() // what went wrong, Err tells
	for rows.Next() {
		var changed int64
		var sort, name string
		if err := rows.Scan(&changed, &sort, &name); err != nil {
			return fmt.Errorf("read which definitions have changed: %w", err)
		}
		c := broker.Change{App: name}
		if sort == clientSort {
			c = broker.Change{Client: name}
		}
		if news(w.definitions, sort+" "+name, mark{changed: changed}) && !tell(c) {
			return errStopped
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read which definitions have changed: %w", s.dialect.explain(err))
	}
	return nil
}
