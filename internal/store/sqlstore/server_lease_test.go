package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
)

// givingBack are tests of leases whose takers went before the answer came.
func givingBack() map[string]func(*testing.T, *servertest.Database) {
	return map[string]func(*testing.T, *servertest.Database){
		"ALeaseThatWasTakenForNobodyIsGivenBack": lateLease,
		"ALeaseThatIsHeldIsNotGivenBack_I1":      heldIsKept,
		"ALeaseIsGivenBackAfterALostConnection":  lostConnection,
		"GivingBackForgetsNoAbandonedLease_I2":   abandonedIsKept,
	}
}

func TestGivingBack(t *testing.T) {
	t.Parallel()
	onServers(t, givingBack())
}

func lateLease(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	// The first lease of a name waits for whoever is about to take it too.
	const rival = "INSERT INTO leases (name, holder, term, acquired, expiry, released) VALUES ('shop', 'rival', 1, 1, 1, 0)"
	unlock := holdUp(t, d, u, rival)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.Acquire(ctx, "shop", "gone", time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("acquire: %v", err)
	}
	unlock()
	var l broker.Lease
	servertest.Await(t, func() bool {
		var err error
		l, err = s.Acquire(t.Context(), "shop", "me", time.Hour)
		return err == nil
	})
	if !l.Abandoned.IsZero() {
		t.Errorf("it counts as abandoned: %+v", l)
	}
}

// What is given back is the lease that was taken for nobody, not the one that the same
// server takes afterwards in the same term.
func heldIsKept(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	giveBack := s.HoldUnsure()
	first := acquire(t, s, "me", time.Hour)
	if err := s.Release(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	unlock := holdUp(t, d, u, lockLease)
	leaveWhileWaiting(t, d, u, func(ctx context.Context) error {
		_, err := s.Acquire(ctx, "shop", "me", time.Hour)
		return err
	})
	// As a server does that finds nobody at the other end.
	servertest.Await(t, func() bool { return endWaiters(t, d, u) == 0 })
	unlock()
	l := acquire(t, s, "me", time.Hour)
	if l.Term != first.Term+1 {
		t.Fatalf("the lease that nobody got was taken: after term %d came %d", first.Term, l.Term)
	}
	if n := giveBack(t.Context()); n != 1 {
		t.Errorf("%d leases were given back, want the one that nobody got", n)
	}
	if err := s.Extend(t.Context(), l, time.Hour); err != nil {
		t.Errorf("a lease that is held was given back: %v", err)
	}
	if _, err := s.Acquire(t.Context(), "shop", "you", time.Hour); !errors.Is(err, broker.ErrLeaseHeld) {
		t.Errorf("acquire by another: %v", err)
	}
}

func lostConnection(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	giveBack := s.HoldUnsure()
	if err := s.Release(t.Context(), acquire(t, s, "me", time.Hour)); err != nil {
		t.Fatal(err)
	}
	unlock := holdUp(t, d, u, lockLease)
	lost := make(chan error, 1)
	go func() {
		_, err := s.Acquire(t.Context(), "shop", "me", time.Hour)
		lost <- err
	}()
	servertest.Await(t, func() bool { return endWaiters(t, d, u) > 0 })
	if err := <-lost; err == nil {
		t.Error("a lease was taken over a connection that was ended")
	}
	unlock()
	if n := giveBack(t.Context()); n != 1 {
		t.Errorf("%d leases were given back, want the one that may have been taken", n)
	}
}

// A lease that ran out is told of until somebody who knew of it has released the next one.
func abandonedIsKept(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	giveBack := s.HoldUnsure()
	died := acquire(t, s, "one that dies in mid-issue", time.Millisecond)
	servertest.Await(t, func() bool {
		now, err := s.Clock(t.Context())
		return err == nil && now.After(died.Expiry)
	})
	unlock := holdUp(t, d, u, lockLease)
	leaveWhileWaiting(t, d, u, func(ctx context.Context) error {
		_, err := s.Acquire(ctx, "shop", "gone", time.Second)
		return err
	})
	unlock()
	giveBack(t.Context())
	var next broker.Lease
	servertest.Await(t, func() bool { // the one that nobody got may have to run out
		var err error
		next, err = s.Acquire(t.Context(), "shop", "you", time.Hour)
		return err == nil
	})
	if d := next.Abandoned.Sub(died.Acquired); d.Abs() > time.Microsecond {
		t.Errorf("a lease was abandoned at %v, but the holder of term %d is told %v", died.Acquired, next.Term, next.Abandoned)
	}
}

func acquire(t *testing.T, s broker.Store, holder string, ttl time.Duration) broker.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), "shop", holder, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const lockLease = "UPDATE leases SET term = term WHERE name = 'shop'"

// holdUp runs a statement in a transaction that stays open, so that others wait for it
// until it is undone.
func holdUp(t *testing.T, d *servertest.Database, u *url.URL, statement string) (undo func()) {
	t.Helper()
	db, err := d.Open(u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

// leaveWhileWaiting ends a call's context when what it writes waits for a lease's row.
func leaveWhileWaiting(t *testing.T, d *servertest.Database, u *url.URL, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	left := make(chan error, 1)
	go func() { left <- call(ctx) }()
	servertest.Await(t, func() bool { return len(waiters(t, d, u)) > 0 })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v from a call whose caller has gone", err)
	}
}

// waiters are the connections that wait for the row of a lease in a database.
func waiters(t *testing.T, d *servertest.Database, u *url.URL) (ids []int64) {
	t.Helper()
	query := "SELECT id FROM information_schema.processlist WHERE info LIKE 'UPDATE leases%' AND db = DATABASE()"
	if u.Scheme == "postgres" {
		query = "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.query LIKE 'UPDATE leases%'" +
			" AND l.pid IN (SELECT pid FROM pg_locks WHERE relation = 'leases'::regclass)"
	}
	db, err := d.Open(u)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// endWaiters ends the connections that wait, and returns how many there were.
func endWaiters(t *testing.T, d *servertest.Database, u *url.URL) int {
	t.Helper()
	end := "KILL %d"
	if u.Scheme == "postgres" {
		end = "SELECT pg_terminate_backend(%d)"
	}
	ids := waiters(t, d, u)
	for _, id := range ids {
		_ = d.Try(t.Context(), u, fmt.Sprintf(end, id)) // it may have ended by itself
	}
	return len(ids)
}
