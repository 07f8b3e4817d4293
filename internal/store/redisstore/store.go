package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

// ErrClosed is what every call on a closed store returns.
var ErrClosed = errors.New("store is closed")

const (
	// silence is how long a server may say nothing while something waits for it.
	silence = 5 * time.Second
	// callTimeout ends calls whose callers have given up on them.
	callTimeout = 30 * time.Second
)

// Config of a store.
type Config struct {
	// URL of the Redis, required:
	//
	//	redis://user:password@host:port/db
	//
	// rediss:// for TLS, unix:///path/to.sock?db=N for a socket. More nodes of a Cluster,
	// and more Sentinels, are in parameters addr=host:port, of which there may be several.
	// Other parameters: master_set is the name of the master that the Sentinels watch, and
	// the addresses are theirs then; sentinel_username and sentinel_password are for them;
	// prefix takes the place of "hufu" in the names of all keys; dial_timeout is how long
	// one connection may take (5s); skip_verify=true takes any certificate.
	URL broker.Secret
	// Logger is told what an operator should know of the Redis. Nil: nobody is.
	Logger *slog.Logger
}

// Store is a handle on what is kept in one Redis. All methods are safe for concurrent
// use.
type Store struct {
	client  rueidis.Client
	log     *slog.Logger
	names   names
	scripts scripts
	secrets []string // what must not be in an error
	durable bool

	closing chan struct{} // closed when Close begins
	mu      sync.Mutex    // guards what follows; a leaf
	closed  bool
	watches map[*watch]struct{}
}

var (
	_ broker.Store    = (*Store)(nil)
	_ broker.Notifier = (*Store)(nil)
	_ broker.Roll     = (*Store)(nil)
)

// Open connects to the Redis and makes sure that it can be worked with. ctx bounds the
// opening only.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.URL.IsZero() {
		return nil, errors.New("open store: no URL is given")
	}
	t, err := parseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{
		log: c.Logger, names: newNames(t.prefix), scripts: newScripts(), secrets: t.secrets,
		closing: make(chan struct{}), watches: map[*watch]struct{}{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.client, err = s.connect(ctx, t.option); err != nil {
		return nil, fmt.Errorf("open store at %s: %w", t.addresses(), err)
	}
	if err = s.examine(ctx); err == nil {
		err = s.enroll(ctx)
	}
	if err != nil {
		_ = s.Close() // it has only been connected
		return nil, fmt.Errorf("open store at %s: %w", t.addresses(), err)
	}
	return s, nil
}

// connect makes the client, which does not listen to a context when it connects.
func (s *Store) connect(ctx context.Context, o rueidis.ClientOption) (rueidis.Client, error) {
	type made struct {
		client rueidis.Client
		err    error
	}
	done := make(chan made, 1)
	go func() {
		c, err := rueidis.NewClient(o)
		done <- made{c, err}
	}()
	select {
	case m := <-done:
		if rueidis.IsRedisNil(m.err) {
			return nil, errors.New("the Sentinels watch no master of the name in master_set")
		}
		return m.client, s.explain(m.err)
	case <-ctx.Done():
		go func() {
			if m := <-done; m.err == nil {
				m.client.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// Durable reports whether what was acknowledged outlasts a crash of the Redis: whether it
// wrote its append-only file when the store was opened. How much of it may be lost yet is
// its appendfsync. Where it cannot be found out, it is not.
func (s *Store) Durable() bool { return s.durable }

// Close ends the watches and the connections, after the calls under way.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.closing)
	s.mu.Unlock()
	s.client.Close()
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.isClosed() {
		return ErrClosed
	}
	return nil
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// call has f ask the server, and returns what it returns or, if that is earlier, the
// error of a ctx that has ended. The client alone does not do: a call that waits for a
// connection that somebody else makes, or for its turn to be sent, does not listen to its
// context, and one whose context ends while it makes a connection fails all who wait for
// the same one. So f gets a context that ends later.
func call[T any](ctx context.Context, s *Store, f func(context.Context) (T, error)) (T, error) {
	return callOr(ctx, s, f, func(context.Context, T) {})
}

// callOr is call with something to be done about an answer that comes when the caller has
// gone. Each answer goes either way, and none is lost.
func callOr[T any](ctx context.Context, s *Store, f func(context.Context) (T, error), late func(context.Context, T)) (T, error) {
	var none T
	if err := s.usable(ctx); err != nil {
		return none, err
	}
	type answer struct {
		value T
		err   error
	}
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	done := make(chan answer, 1)
	var settled atomic.Bool // by whoever was first: the answer or the end of ctx
	go func() {
		defer cancel()
		v, err := f(patient)
		switch {
		case settled.CompareAndSwap(false, true):
			done <- answer{v, err}
		case err == nil:
			late(patient, v)
		}
	}()
	var a answer
	select {
	case a = <-done:
	case <-ctx.Done():
		if settled.CompareAndSwap(false, true) {
			return none, ctx.Err()
		}
		a = <-done // it came in the same moment
	}
	if a.err != nil {
		return none, s.explain(a.err)
	}
	return a.value, nil
}
