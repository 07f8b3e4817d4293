package main

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestConnectionsLeaveFilesForPlatforms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		configured int
		files      uint64
		want       int
	}{
		{0, 100, 50},
		{0, 1 << 20, 65536},
		{0, math.MaxUint64, 65536},
		{0, 1, 1},
		{300, 1024, 300},
		{4096, 1024, 768},
		{1 << 20, math.MaxUint64, 1 << 20},
		{16, 3, 1},
	} {
		if got := connectionLimit(tt.configured, tt.files); got != tt.want {
			t.Errorf("%d configured, %d files: %d, want %d", tt.configured, tt.files, got, tt.want)
		}
	}
}

// lines counts what is written to it.
type lines struct{ n atomic.Int32 }

func (l *lines) Write(b []byte) (int, error) {
	l.n.Add(1)
	return len(b), nil
}

// limitedServer serves h to at most so many connections.
func limitedServer(t *testing.T, most int, h http.Handler) (limited *limitedListener, logged *lines) {
	t.Helper()
	l, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	logged = &lines{}
	limited = limitListener(l, most, slog.New(slog.NewTextHandler(logged, nil)))
	srv := newHTTPServer(h, 4<<10, slog.New(slog.DiscardHandler))
	srv.ConnState = limited.track
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(limited) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return limited, logged
}

// ask sends one request over a new connection, which stays open, and returns it and
// what reads its answers.
func ask(t *testing.T, l net.Listener) (net.Conn, *bufio.Reader) {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func answered(t *testing.T, r *bufio.Reader) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// idling counts the idle connections.
func (l *limitedListener) idling() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.idle.Len()
}

func TestAnIdleConnectionMakesRoomForANewOne(t *testing.T) {
	t.Parallel()
	l, _ := limitedServer(t, 2, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }))
	_, first := ask(t, l)
	answered(t, first)
	// The answer comes before the connection is known to be idle.
	for until := time.Now().Add(patience); l.idling() == 0 && time.Now().Before(until); {
		<-time.After(time.Millisecond)
	}
	for range 5 {
		_, r := ask(t, l)
		answered(t, r)
	}
	if _, err := first.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection that was idle longest is not closed: %v", err)
	}
}

func TestWhereNoConnectionIsIdleNewOnesWait(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var inside, most atomic.Int32
	l, logged := limitedServer(t, 3, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now := inside.Add(1)
		defer inside.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		<-release
		_, _ = io.WriteString(w, "x")
	}))
	var readers []*bufio.Reader
	for range 10 {
		_, r := ask(t, l)
		readers = append(readers, r)
	}
	for until := time.Now().Add(patience); (logged.n.Load() == 0 || inside.Load() < 3) && time.Now().Before(until); {
		<-time.After(time.Millisecond)
	}
	close(release)
	for _, r := range readers {
		answered(t, r)
	}
	if n := most.Load(); n != 3 {
		t.Errorf("%d connections were served at a time, want 3", n)
	}
	if n := logged.n.Load(); n != 1 {
		t.Errorf("the log says %d times that it is full, want once a minute", n)
	}
}

// pipes is a listener whose connections are given to it.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error { close(p.closed); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestAListenerThatIsClosedLetsNobodyWaitForASlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pipes{make(chan net.Conn, 2), make(chan struct{})}
		l := limitListener(p, 1, slog.New(slog.DiscardHandler))
		for range 2 {
			c, far := net.Pipe()
			defer func() { _ = far.Close() }()
			p.conns <- c
		}
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := l.Accept()
			ended <- err
		}()
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: %v, want that it is closed", err)
		}
	})
}

func TestASlotIsGivenBackOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pipes{make(chan net.Conn, 1), make(chan struct{})}
		l := limitListener(p, 1, slog.New(slog.DiscardHandler))
		for range 3 {
			c, far := net.Pipe()
			p.conns <- c
			got, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			_, _, _ = got.Close(), got.Close(), far.Close()
		}
		if n := len(l.slots); n != 0 {
			t.Errorf("%d slots are taken and nobody is there", n)
		}
	})
}
