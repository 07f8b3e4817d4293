package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// ErrClosed is what every call on a closed store returns.
var ErrClosed = errors.New("store is closed")

// Config of a store.
type Config struct {
	// Path of the SQLite database, required. It is made if it is not there, and its
	// folder too. Beside it lie files with the same name and -wal, -shm or .lock
	// after it.
	Path string
	// Now is the clock of leases. Nil means [time.Now].
	Now func() time.Time
}

// Store is an open database. All methods are safe for concurrent use.
type Store struct {
	path    string
	now     func() time.Time
	dialect *dialect
	columns columns[broker.Record]
	grants  columns[broker.Grant]
	queries *queries
	readers *sql.DB
	// auditReaders are for queries of the audit alone.
	auditReaders *sql.DB
	writer       writer

	// prepared are the statements of the readers that are run so often that it counts.
	prepared map[string]*sql.Stmt
	// wrote is told when records or definitions have been written.
	wrote func()
	// unsure is told of a lease that may have been taken for nobody. Nil: that cannot be.
	unsure func(unsureLease)

	scanners      sync.Pool // of *scanner
	grantScanners sync.Pool // of *grantScanner

	closing chan struct{}  // closed when Close begins
	writes  sync.WaitGroup // writes under way; joined only under mu
	mu      sync.RWMutex   // guards what follows; not held while anything is waited for
	closed  bool

	teardown []func() error // what Open has opened; undone last to first
}

var _ broker.Store = (*Store)(nil)

func newStore(d *dialect) *Store {
	s := &Store{
		dialect: d, columns: recordColumns(), grants: grantColumns(), prepared: map[string]*sql.Stmt{},
		wrote: func() {}, closing: make(chan struct{}),
	}
	s.queries = newQueries(s.dialect, s.columns, s.grants)
	s.scanners.New = func() any { return newScanner(s.columns) }
	s.grantScanners.New = func() any { return newGrantScanner(s.grants) }
	return s
}

// Open opens the database, brings its schema up to date and ends the leases of
// earlier holders. Only one process can have it open. ctx bounds the opening only.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := newStore(sqliteDialect())
	s.now = c.Now
	if s.now == nil {
		s.now = time.Now
	}
	if c.Path == "" {
		return nil, errors.New("open store: no path is given")
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.path = path
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, errors.Join(err, s.undo()))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := prepareFolder(s.path); err != nil {
		return err
	}
	lock, err := lock(s.path)
	if err != nil {
		return err
	}
	s.opened(lock)
	p, err := openSQLite(ctx, s.path)
	if err != nil {
		return err
	}
	s.opened(p)
	if err := migrate(ctx, p.writer, s.dialect); err != nil {
		return s.dialect.explain(err)
	}
	s.readers, s.auditReaders = p.readers, p.audit
	for _, query := range []string{s.queries.getRecord, s.queries.grants.get, s.queries.grants.page} {
		stmt, err := s.readers.PrepareContext(ctx, query) //nolint:sqlclosecheck // kept, and closed with the store
		if err != nil {
			return s.dialect.explain(err)
		}
		s.opened(stmt)
		s.prepared[query] = stmt
	}
	c, err := newConn(ctx, p.writer)
	if err != nil {
		return s.dialect.explain(err)
	}
	s.teardown = append(s.teardown, c.close)
	g := newGroup(ctx, c, s.dialect.begin)
	s.writer = g
	s.teardown = append(s.teardown, func() error { g.close(); return nil })
	return s.endLeases(ctx)
}

// query reads rows.
func (s *Store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt, ok := s.prepared[query]; ok {
		return stmt.QueryContext(ctx, args...)
	}
	return s.readers.QueryContext(ctx, query, args...)
}

func (s *Store) opened(c io.Closer) { s.teardown = append(s.teardown, c.Close) }

func (s *Store) undo() error {
	var errs []error
	for _, undo := range slices.Backward(s.teardown) {
		errs = append(errs, undo())
	}
	return errors.Join(errs...)
}

// Close waits for the writes under way, ends the reads and releases the database.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.closing)
	s.mu.Unlock()
	s.writes.Wait()
	if err := s.undo(); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

// write runs an op and returns when what it wrote is durable.
func (s *Store) write(ctx context.Context, o op) error {
	return s.writing(func() error { return s.writer.do(ctx, o) })
}

// writeTogether is write for statements that belong into one transaction.
func (s *Store) writeTogether(ctx context.Context, o op) error {
	return s.writing(func() error { return s.writer.together(ctx, o) })
}

func (s *Store) writing(do func() error) error {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return ErrClosed
	}
	s.writes.Add(1)
	s.mu.RUnlock()
	defer s.writes.Done()
	return s.dialect.explain(do())
}

// readFault makes sense of an error of a read. A read that ctx or Close ended fails
// in many ways, none of which tells that.
func (s *Store) readFault(ctx context.Context, err error) error {
	if end := endOf(ctx, err); end != nil {
		return end
	}
	select {
	case <-s.closing:
		return ErrClosed
	default:
		return s.dialect.explain(err)
	}
}

// endOf is how a ctx ended that err is the outcome of, nil if it goes on. What has the
// deadline of a ctx as its own, as the making of a connection does, may be told of it first.
func endOf(ctx context.Context, err error) error {
	const first = 10 * time.Millisecond
	if ctx.Err() != nil {
		return ctx.Err()
	}
	deadline, ok := ctx.Deadline()
	timeout, is := errors.AsType[net.Error](err)
	if ok && is && timeout.Timeout() && time.Until(deadline) < first {
		return context.DeadlineExceeded
	}
	return nil
}
