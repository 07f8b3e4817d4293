package sqlstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

// listener keeps what a watch tells of.
type listener struct {
	mu       sync.Mutex
	versions map[broker.Key]broker.Version
	apps     map[string]int
	ended    chan struct{}
	err      error
}

func listen(ctx context.Context, t *testing.T, s *sqlstore.Shared) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	l := &listener{versions: map[broker.Key]broker.Version{}, apps: map[string]int{}, ended: make(chan struct{})}
	changes := s.Watch(ctx)
	go func() {
		defer close(l.ended)
		for c, err := range changes {
			l.mu.Lock()
			switch {
			case err != nil:
				l.err = err
			case c.Record != nil:
				l.versions[c.Record.Key] = c.Record.Version
			case c.App != "":
				l.apps[c.App]++
			}
			l.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-l.ended })
	return l
}

func (l *listener) version(k broker.Key) broker.Version {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.versions[k]
}

// heard waits until a record's version was told of.
func (l *listener) heard(t *testing.T, k broker.Key, v broker.Version) {
	t.Helper()
	servertest.Await(t, func() bool { return l.version(k) == v })
}

func mustPut(t *testing.T, s *sqlstore.Shared, r broker.Record) broker.Record {
	t.Helper()
	v, err := s.Put(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Version = v
	return r
}

func lateCommit(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	r := mustPut(t, s, broker.Record{Key: sample(1).Key})
	l := listen(t.Context(), t, s)
	db, err := d.Open(u)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now, err := s.Clock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // It is committed by then.
	change := `UPDATE records SET version = 2, changed = $1 WHERE "key" = $2`
	if u.Scheme == "mysql" {
		change = "UPDATE records SET version = 2, changed = ? WHERE `key` = ?"
	}
	if _, err := tx.ExecContext(t.Context(), change, now.UnixNano(), r.Key.String()); err != nil {
		t.Fatal(err)
	}
	// Looks go past it meanwhile.
	for i := range 3 {
		other := mustPut(t, s, broker.Record{Key: sample(10 + i).Key})
		l.heard(t, other.Key, 1)
		<-time.After(time.Second)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	l.heard(t, r.Key, 2)
}

func otherClock(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	r := mustPut(t, s, broker.Record{Key: sample(1).Key})
	l := listen(t.Context(), t, s)
	l.heard(t, mustPut(t, s, broker.Record{Key: sample(2).Key}).Key, 1)
	// As a server writes that is behind by 20 s, and one that is ahead.
	for i, by := range []string{"- 20000000000", "+ 20000000000"} {
		r.Version++
		d.Exec(t, u, "UPDATE records SET version = version + 1, changed = changed "+by)
		l.heard(t, r.Key, r.Version)
		if i == 0 {
			r = mustPut(t, s, r)
			l.heard(t, r.Key, r.Version)
		}
	}
}

func watchEndsWithStore(t *testing.T, d *servertest.Database) {
	s, err := tryServer(t.Context(), t, d.New(t).String())
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t.Context(), t, s)
	l.heard(t, mustPut(t, s, broker.Record{Key: sample(1).Key}).Key, 1)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-l.ended
	if !errors.Is(l.err, sqlstore.ErrClosed) {
		t.Errorf("the watch ended with %v", l.err)
	}
	for _, err := range s.Watch(t.Context()) {
		if !errors.Is(err, sqlstore.ErrClosed) {
			t.Errorf("a watch of a closed store yields %v", err)
		}
	}
	if d := s.Behind(); d != 0 {
		t.Errorf("without a watch it is %v behind", d)
	}
}

// deafURL passes a server's connections on, but for those that want to be told of changes,
// as some poolers do.
func deafURL(t *testing.T, d *servertest.Database) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go pass(t.Context(), c, d.Addr())
		}
	}()
	u := d.New(t)
	u.Host = l.Addr().String()
	return u.String()
}

func pass(ctx context.Context, in net.Conn, addr string) {
	defer in.Close()
	out, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return
	}
	defer out.Close()
	go io.Copy(in, out) //nolint:errcheck // It ends with the connection.
	buf := make([]byte, 64<<10)
	for {
		n, err := in.Read(buf)
		if err != nil || bytes.Contains(buf[:n], []byte("LISTEN")) {
			return
		}
		if _, err := out.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestWithoutListenWatchesGoOn_I9(t *testing.T) {
	t.Parallel()
	d := servertest.PostgreSQL(t)
	u := deafURL(t, d)
	s, err := tryServer(t.Context(), t, u)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := listen(t.Context(), t, s)
	r := broker.Record{Key: sample(1).Key}
	for range 3 {
		r = mustPut(t, s, r)
		l.heard(t, r.Key, r.Version)
	}
	// And where listening broke off, it begins again.
	other := openServer(t, d.New(t))
	l = listen(t.Context(), t, other)
	r = broker.Record{Key: sample(1).Key}
	for range 2 {
		r = mustPut(t, other, r)
		l.heard(t, r.Key, r.Version)
		d.Exec(t, d.URL(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
	}
}
