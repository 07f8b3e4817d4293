package main

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	// mostByDefault bounds the connections where nobody has said anything and the
	// process may open any number of files.
	mostByDefault = 65536
	// fullEvery bounds how often the log says that there are too many connections.
	fullEvery = time.Minute
)

// connectionLimit says how many connections callers may have open at a time: as many
// as are configured (zero: half of the files that the process may open), but never so
// many that none is left for platforms, the store and sinks. Without a bound, callers
// that merely keep their connections would end the renewals.
func connectionLimit(configured int, files uint64) int {
	if configured == 0 {
		return int(max(1, min(files/2, mostByDefault)))
	}
	return int(max(1, min(uint64(configured), files/4*3))) //nolint:gosec // The configuration has a positive bound.
}

// openFiles is how many files the process may have open. Go has raised the soft limit
// to the hard one.
func openFiles() (uint64, error) {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	return uint64(r.Cur), nil //nolint:unconvert // It is signed on some systems.
}

// limitedListener lets in so many connections at a time. When it is full, the one that
// has been idle longest is closed for a new one, as if its idle time were over; where
// none is idle, new ones wait.
type limitedListener struct {
	net.Listener
	slots  chan struct{} // one value for each open connection
	closed chan struct{}
	log    *slog.Logger

	mu      sync.Mutex
	done    bool
	waiting bool      // Accept waits for a slot
	idle    list.List // of *limitedConn, the longest idle one first
	said    time.Time // when the log last said that it is full
}

func limitListener(l net.Listener, most int, log *slog.Logger) *limitedListener {
	return &limitedListener{Listener: l, slots: make(chan struct{}, most), closed: make(chan struct{}), log: log}
}

// Accept returns the next connection once there is room for it.
func (l *limitedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // The server looks at its type.
	}
	select {
	case l.slots <- struct{}{}:
	default:
		if !l.wait() {
			return nil, closeRefused(c)
		}
	}
	return &limitedConn{Conn: c, of: l}, nil
}

// wait takes a slot as soon as one is free. It returns false if the listener is closed
// meanwhile.
func (l *limitedListener) wait() bool {
	l.setWaiting(true)
	defer l.setWaiting(false)
	select {
	case l.slots <- struct{}{}:
		return true
	case <-l.closed:
		return false
	}
}

// setWaiting says whether somebody waits for a slot, and if so, makes room.
func (l *limitedListener) setWaiting(waiting bool) {
	l.mu.Lock()
	l.waiting = waiting
	var victim *limitedConn
	full := false
	if waiting {
		if first := l.idle.Front(); first != nil {
			victim, _ = first.Value.(*limitedConn)
			l.forget(victim)
		} else if now := time.Now(); now.Sub(l.said) >= fullEvery {
			full, l.said = true, now
		}
	}
	l.mu.Unlock()
	if victim != nil {
		_ = victim.Close() // It is given up either way.
	}
	if full {
		l.log.WarnContext(context.Background(), "all connections are in use and new ones wait; raise limits.max_connections and the limit of open files, or find out who holds them",
			"max_connections", cap(l.slots))
	}
}

// track is the server's ConnState: it knows which connections are idle.
func (l *limitedListener) track(c net.Conn, state http.ConnState) {
	conn, ok := c.(*limitedConn)
	if !ok {
		return
	}
	l.mu.Lock()
	l.forget(conn)
	wanted := state == http.StateIdle && l.waiting
	if state == http.StateIdle && !wanted {
		conn.idle = l.idle.PushBack(conn)
	}
	l.mu.Unlock()
	if wanted {
		_ = conn.Close() // As above.
	}
}

// forget takes a connection off the list of idle ones. The caller holds mu.
func (l *limitedListener) forget(c *limitedConn) {
	if c.idle != nil {
		l.idle.Remove(c.idle)
		c.idle = nil
	}
}

// Close stops listening, and whoever waits for a slot waits no more.
func (l *limitedListener) Close() error {
	l.mu.Lock()
	if !l.done {
		l.done = true
		close(l.closed)
	}
	l.mu.Unlock()
	return l.Listener.Close() //nolint:wrapcheck // The server looks at its type.
}

// closeRefused closes a connection for which the listener was closed too early.
func closeRefused(c net.Conn) error {
	_ = c.Close() // Nothing was read from it.
	return net.ErrClosed
}

// limitedConn gives its slot back when it is closed.
type limitedConn struct {
	net.Conn
	of   *limitedListener
	once sync.Once
	idle *list.Element // its place among the idle ones; nil: none. The listener's mu guards it.
}

// Close closes the connection and makes room for another.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.of.slots })
	return err //nolint:wrapcheck // Whoever closes it looks at its type.
}

// CloseWrite tells the caller that no more comes, which the server does before it
// closes a connection whose request it has not read to the end.
func (c *limitedConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	return half.CloseWrite() //nolint:wrapcheck // As above.
}
