package memstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// ErrClosed is what every call on a closed handle returns.
var ErrClosed = errors.New("store is closed")

// Config of a store. Its zero value is ready for use.
type Config struct {
	// Now is the store's clock: leases are taken and run out by it. Nil means
	// [time.Now].
	Now func() time.Time
}

// Store is one handle on data in memory. All methods are safe for concurrent use.
type Store struct {
	data *data

	mu      sync.Mutex // guards what follows; taken before data.mu, never after
	fault   error
	closed  bool
	watches map[*watch]struct{}
}

var (
	_ broker.Store    = (*Store)(nil)
	_ broker.Notifier = (*Store)(nil)
	_ broker.Roll     = (*Store)(nil)
)

// data is what all handles share.
type data struct {
	now func() time.Time

	mu      sync.Mutex // guards what follows; never held across a call of anyone else's code
	records map[broker.Key]broker.Record
	leases  map[string]lease
	apps    map[string]broker.Definition
	clients map[string]broker.Definition
	audit   []broker.AuditEntry
	// lastAudit is the newest entry's id, which outlives the entry.
	lastAudit int64
	settings  map[string][]byte
	grants    map[broker.Key]broker.Grant
	passing   map[string]passing
	roll      map[string]beat
	watches   map[*watch]struct{} // of all handles
}

// New returns a handle on a new, empty store.
func New(c Config) *Store {
	if c.Now == nil {
		c.Now = time.Now
	}
	return newHandle(&data{
		now:      c.Now,
		records:  map[broker.Key]broker.Record{},
		leases:   map[string]lease{},
		apps:     map[string]broker.Definition{},
		clients:  map[string]broker.Definition{},
		settings: map[string][]byte{},
		grants:   map[broker.Key]broker.Grant{},
		passing:  map[string]passing{},
		roll:     map[string]beat{},
		watches:  map[*watch]struct{}{},
	})
}

func newHandle(d *data) *Store {
	return &Store{data: d, watches: map[*watch]struct{}{}}
}

// Handle returns another handle on the same data, with faults and an end of its
// own. It works on a closed store too, as opening a durable store again does.
func (s *Store) Handle() *Store { return newHandle(s.data) }

// Fail makes every call through this handle return err, and ends its running
// watches with it, until Fail(nil): for this handle the store is gone. What a call
// had done before stays done. Other handles go on.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
	if err != nil {
		s.endWatchesLocked(err)
	}
}

// Close ends this handle. The data stays for the others.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.endWatchesLocked(ErrClosed)
	return nil
}

// enter says whether a call may go on; every one asks before it does anything.
func (s *Store) enter(ctx context.Context, doing, what string) error {
	err := s.usable(ctx)
	if err != nil {
		return fmt.Errorf("%s %q: %w", doing, what, err)
	}
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.fault
}

// utc gives a time as a durable store would give it back: the same instant without
// a zone or a monotonic reading.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}
