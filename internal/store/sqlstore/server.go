package sqlstore

import (
	"context"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hufu-io/hufu/internal/broker"
)

// ServerConfig of a store that several servers share.
type ServerConfig struct {
	// URL of the database, required: postgres://USER:PASSWORD@HOST[:PORT][,…]/DATABASE or
	// mysql://USER:PASSWORD@HOST[:PORT]/DATABASE, with parameters.
	URL broker.Secret
	// Logger is told of what an operator may want to mend. Nil: nobody is.
	Logger *slog.Logger
}

// Shared is a store in a database that several servers use at once. All methods are safe
// for concurrent use.
type Shared struct {
	*Store
	log    *slog.Logger
	engine *engine
	facts  facts
	// polls are connections of their own, so that nothing else delays a watch.
	polls   *sql.DB
	maxIdle int // of the readers
	feed    feed

	listening atomic.Bool
	announce  chan struct{} // holds a value when something has been written
}

var (
	_ broker.Store    = (*Shared)(nil)
	_ broker.Notifier = (*Shared)(nil)
	_ broker.Roll     = (*Shared)(nil)
)

// errReadOnly is a server's answer that does not take writes.
var errReadOnly = errors.New("the database is a replica that can only be read, name the one that can be written")

// engine is a kind of database server.
type engine struct {
	dialect   *dialect
	connector driver.Connector
	migrator  driver.Connector // for changes of the schema
	// check finds out whether the server will do.
	check func(ctx context.Context, db *sql.DB) (facts, error)
	// primary is an expression for whether the server takes writes.
	primary string
	// listen calls wake when a server has announced a change in a schema, until ctx ends,
	// and up when it begins and ceases to work. announce does that for other servers. Nil:
	// the kind knows no such thing.
	listen   func(ctx context.Context, schema string, up func(bool), wake func())
	announce func(ctx context.Context, db *sql.DB, schema string) error
}

// facts are what a server says of itself.
type facts struct {
	server  string   // its kind and version
	schema  string   // what its tables lie in
	risks   []string // settings for which a crash may cost writes
	galera  bool     // there are other servers that take writes
	primary string   // replaces the engine's, unless empty
}

// The connections beside those for everything else.
const (
	auditConns = 2
	pollConns  = 2
)

// CheckURL says what is wrong with the URL of a database server, as [OpenServer] would,
// without a connection. It quotes nothing secret of it.
func CheckURL(u broker.Secret) error {
	_, _, err := engineFor(u)
	return err
}

// engineFor reads a URL and says how to speak to what it names.
func engineFor(u broker.Secret) (*address, *engine, error) {
	a, err := parseAddress(u)
	if err != nil {
		return nil, nil, err
	}
	open := openPostgres
	if a.scheme == "mysql" {
		open = openMySQL
	}
	e, err := open(a)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a, err)
	}
	return a, e, nil
}

// OpenServer opens a database that several servers share, and brings its schema up to date
// if nobody has yet. ctx bounds the opening only.
func OpenServer(ctx context.Context, c ServerConfig) (*Shared, error) {
	a, e, err := engineFor(c.URL)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Shared{Store: newStore(e.dialect), log: c.Logger, engine: e, announce: make(chan struct{}, 1)}
	s.path = a.String()
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.open(ctx, a); err != nil {
		return nil, fmt.Errorf("open store %s: %w", a, oneLineError{errors.Join(e.dialect.explain(err), s.undo())})
	}
	return s, nil
}

func (s *Shared) open(ctx context.Context, a *address) (err error) {
	db := s.pool(a, a.pool.maxOpen)
	if s.facts, err = s.engine.check(ctx, db); err != nil {
		return err
	}
	if s.facts.primary != "" {
		s.engine.primary = s.facts.primary
	}
	if len(s.facts.risks) > 0 {
		s.log.WarnContext(ctx, "a crash of the database's machine can cost writes that were acknowledged",
			"server", s.facts.server, "settings", strings.Join(s.facts.risks, ", "))
	}
	if s.facts.galera {
		s.log.WarnContext(ctx, "the database is a node of a Galera cluster: the URL must lead all servers of a fleet to the same one, "+
			"because others are behind and have clocks of their own", "server", s.facts.server)
	}
	if err := s.migrate(ctx, db); err != nil {
		return err
	}
	s.readers, s.auditReaders, s.polls = db, s.pool(a, auditConns), s.pool(a, pollConns)
	s.maxIdle = a.pool.maxIdle
	s.writer = &pool{db, s.dialect, s.leave}
	s.wrote = func() {
		select {
		case s.announce <- struct{}{}:
		default: // it is about to be announced
		}
	}
	s.runInBackground(ctx)
	return nil
}

// pool opens a pool of at most n connections, which is closed with the store.
func (s *Shared) pool(a *address, n int) *sql.DB {
	db := sql.OpenDB(s.engine.connector)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(min(n, a.pool.maxIdle))
	db.SetConnMaxLifetime(a.pool.maxLifetime)
	db.SetConnMaxIdleTime(a.pool.maxIdleTime)
	s.opened(db)
	return db
}

// runInBackground starts what tells other servers of changes, what hears of theirs, and
// what puts leases in order. It ends with the store.
func (s *Shared) runInBackground(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	if s.engine.listen != nil {
		wg.Go(func() { s.engine.listen(ctx, s.facts.schema, s.listening.Store, s.feed.wake) })
		wg.Go(func() { s.runAnnouncer(ctx) })
	}
	places := make(chan struct{}, maxUnsure)
	s.unsure = func(l unsureLease) {
		select {
		case places <- struct{}{}:
			wg.Go(func() {
				defer func() { <-places }()
				s.giveBack(ctx, l)
			})
		default: // then it runs out
		}
	}
	s.teardown = append(s.teardown, func() error {
		cancel()
		wg.Wait()
		return nil
	})
}

// oneLineError is an error in one line. PostgreSQL's driver puts each attempt to connect into one
// of its own, after one that says what for.
type oneLineError struct{ error }

func (e oneLineError) Error() string {
	var b strings.Builder
	for line := range strings.Lines(e.error.Error()) {
		switch text := b.String(); {
		case text == "":
		case strings.HasSuffix(text, ":"):
			b.WriteByte(' ')
		default:
			b.WriteString("; ")
		}
		b.WriteString(strings.TrimSpace(line))
	}
	return b.String()
}

func (e oneLineError) Unwrap() error { return e.error }

// explainNetwork says what stands between this server and the database's.
func explainNetwork(err error) error {
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens there, is the database running and is the port right: %w", err)
	case errors.As(err, &dns):
		return fmt.Errorf("the database's host cannot be found: %w", err)
	case errors.As(err, &unknown), errors.As(err, &hostname):
		return fmt.Errorf("the database's certificate is not to be trusted: %w", err)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Errorf("the database's host cannot be reached: %w", err)
	case strings.Contains(lastAttempt(err), "TLS"):
		return fmt.Errorf("the database and hufu do not agree about TLS: %w", err)
	}
	return err
}

// lastAttempt is what the last of several attempts to connect came to. PostgreSQL's driver
// puts each into a line of its own, the one with TLS before the one that does without it.
func lastAttempt(err error) string {
	text := err.Error()
	return text[strings.LastIndexByte(text, '\n')+1:]
}
