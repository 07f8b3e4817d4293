package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

// These tests treat their server badly, so that each kind has one for them, one after the
// other.
func TestAServerThatIsAway(t *testing.T) {
	t.Parallel()
	for kind, start := range servers() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			t.Run("EveryCallEndsWithItsContextWhileTheServerStandsStill", func(t *testing.T) { frozen(t, d) })
			t.Run("NoAcknowledgedWriteIsLostInACrash_I5", func(t *testing.T) { killed(t, d) })
			t.Run("AServerThatBecomesAReplicaIsLeft", func(t *testing.T) { demoted(t, d) })
		})
	}
}

func frozen(t *testing.T, d *servertest.Database) {
	u := with(d.New(t), "max_open_conns", "2")
	s, other := openServer(t, u), openServer(t, u)
	r := mustPut(t, s, broker.Record{Key: sample(1).Key})
	lease, err := s.Acquire(t.Context(), "held", "me", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t.Context(), t, s)
	l.heard(t, mustPut(t, other, broker.Record{Key: sample(2).Key}).Key, 1)
	servertest.Await(t, func() bool { return s.Behind() == 0 })

	d.Pause()
	for what, err := range callAll(t, s, r, lease) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got error %v", what, err)
		}
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = tryServer(ctx, t, u.String())
	if err == nil || time.Since(begun) > busy {
		t.Errorf("open took %v: %v", time.Since(begun), err)
	}
	if behind := s.Behind(); behind < time.Second {
		t.Errorf("while the server stands still it is %v behind", behind)
	}
	late := s.Watch(t.Context()) // which begins while there is nobody to ask
	d.Resume()
	// What was written meanwhile may have been done.
	for range 20 {
		if r, err = other.Get(t.Context(), r.Key); err != nil {
			t.Fatal(err)
		}
		r.Version, err = other.Put(t.Context(), r)
		if err == nil {
			break
		}
	}
	l.heard(t, r.Key, r.Version)
	servertest.Await(t, func() bool { return s.Behind() == 0 })
	for c, err := range late {
		if err != nil {
			t.Error(err)
		}
		if err != nil || c.Record != nil && c.Record.Key == r.Key && c.Record.Version == r.Version {
			break
		}
	}
}

// busy is how long a machine may be busy with other things than a call that has to end. It
// is less than what ends calls that do not listen to their contexts.
const busy = 25 * time.Second

// callAll calls everything at once with a second's time, and returns what came of it.
func callAll(t *testing.T, s *sqlstore.Shared, r broker.Record, l broker.Lease) map[string]error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	calls := map[string]func() error{
		"get":     func() error { _, err := s.Get(ctx, r.Key); return err },
		"put":     func() error { _, err := s.Put(ctx, r); return err },
		"new put": func() error { _, err := s.Put(ctx, broker.Record{Key: sample(9).Key}); return err },
		"delete":  func() error { return s.Delete(ctx, sample(8).Key, 1) },
		"acquire": func() error { _, err := s.Acquire(ctx, "x", "me", time.Minute); return err },
		"extend":  func() error { return s.Extend(ctx, l, time.Hour) },
		"clock":   func() error { _, err := s.Clock(ctx); return err },
		"put app": func() error {
			_, err := s.Apps().Put(ctx, broker.Definition{Name: "x", Spec: []byte("{}")})
			return err
		},
		"get app": func() error { _, err := s.Apps().Get(ctx, "x"); return err },
		"append":  func() error { return s.Audit().Append(ctx, broker.AuditEntry{}) },
		"query":   func() error { _, err := s.Audit().Query(ctx, broker.AuditFilter{}); return err },
		"setting": func() error { _, err := s.Setting(ctx, "x"); return err },
		"beat":    func() error { _, err := s.Beat(ctx, "me", 1, time.Minute); return err },
		"all": func() error {
			for _, err := range s.All(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	var mu sync.Mutex
	errs := map[string]error{}
	var wg sync.WaitGroup
	begun := time.Now()
	for what, call := range calls {
		wg.Go(func() {
			err := call()
			took := time.Since(begun)
			mu.Lock()
			defer mu.Unlock()
			errs[what] = err
			if took > busy {
				t.Errorf("%s took %v", what, took)
			}
		})
	}
	wg.Wait()
	return errs
}

func killed(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s, other := openServer(t, u), openServer(t, u)
	l := listen(t.Context(), t, s)
	const writers = 8
	stored := make([]atomic.Int64, writers) // versions that were acknowledged
	var acknowledged atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if writeOnce(t.Context(), other, i, &stored[i]) {
					acknowledged.Add(1)
				}
			}
		})
	}
	for range 2 {
		from := acknowledged.Load()
		servertest.Await(t, func() bool { return acknowledged.Load() > from+100 })
		d.Kill()
		d.Restart()
	}
	from := acknowledged.Load()
	servertest.Await(t, func() bool { return acknowledged.Load() > from+100 })
	close(stop)
	wg.Wait()
	for i := range writers {
		r, err := s.Get(t.Context(), sample(i).Key)
		if err != nil || int64(r.Version) < stored[i].Load() || string(r.Current.Box) != fmt.Sprint(r.Version) {
			t.Errorf("%q was acknowledged at version %d and is at %d with the box %q: %v",
				r.Key, stored[i].Load(), r.Version, r.Current.Box, err)
		}
		l.heard(t, r.Key, r.Version)
	}
}

// writeOnce writes the next version of a record, and reports whether that was acknowledged.
func writeOnce(ctx context.Context, s *sqlstore.Shared, i int, stored *atomic.Int64) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := s.Get(ctx, sample(i).Key)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		r = broker.Record{Key: sample(i).Key}
	case err != nil:
		return false
	}
	r.Current.Box = fmt.Append(nil, r.Version+1)
	v, err := s.Put(ctx, r)
	if err != nil {
		return false
	}
	stored.Store(int64(v))
	return true
}

// demoted is for MySQL, where a server can become a replica while it runs.
func demoted(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	if u.Scheme != "mysql" {
		t.Skip("a PostgreSQL server has to be started again for that, which ends its connections")
	}
	name, its := role(t, d, u)
	d.Exec(t, u, "GRANT ALL ON "+strings.TrimPrefix(u.Path, "/")+".* TO "+name+"@'%'")
	s := openServer(t, its)
	l := listen(t.Context(), t, s)
	r := mustPut(t, s, broker.Record{Key: sample(1).Key})
	l.heard(t, r.Key, 1)
	d.Exec(t, u, "SET GLOBAL read_only = 1")
	_, err := s.Put(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "replica that can only be read") {
		t.Errorf("put: got error %v", err)
	}
	_, err = tryServer(t.Context(), t, u.String())
	if err == nil || !strings.Contains(err.Error(), "replica that can only be read") {
		t.Errorf("open: got error %v", err)
	}
	servertest.Await(t, func() bool { return s.Behind() > 0 })
	d.Exec(t, u, "SET GLOBAL read_only = 0")
	r = mustPut(t, s, r)
	l.heard(t, r.Key, 2)
}

// A call that its context has ended says so, also while a connection is made, whose own
// deadline is the context's.
func TestCallsThatAreCutShortSaySo(t *testing.T) {
	t.Parallel()
	onServers(t, map[string]func(*testing.T, *servertest.Database){"Server": cutShort})
}

func cutShort(t *testing.T, d *servertest.Database) {
	s := openServer(t, with(d.New(t), "max_idle_conns", "1"))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 200 {
				for what, call := range map[string]func(context.Context) error{
					"put": func(ctx context.Context) error { _, err := s.Put(ctx, broker.Record{Key: sample(i).Key}); return err },
					"get": func(ctx context.Context) error { _, err := s.Get(ctx, sample(i).Key); return err },
				} {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n%40)*50*time.Microsecond)
					err := call(ctx)
					cancel()
					timeout, is := errors.AsType[net.Error](err)
					if is && timeout.Timeout() && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
		})
	}
	wg.Wait()
}
