package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// fickle is a platform that answers the first request on each connection and then does
// what it is told to with the next one. It reads and counts what it answers nothing to.
type fickle struct {
	net.Listener
	conns sync.WaitGroup

	mu    sync.Mutex
	seen  map[string]int // by path
	hangs bool           // up after each answer, without having said so
}

func newFickle(t *testing.T, hangsUp bool) *fickle {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fickle{Listener: l, seen: map[string]int{}, hangs: hangsUp}
	f.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.conns.Go(func() { f.serve(c) })
		}
	})
	return f
}

func (f *fickle) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for n := 0; ; n++ {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		f.mu.Lock()
		f.seen[req.URL.Path]++
		f.mu.Unlock()
		if n > 0 {
			return
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"); err != nil || f.hangs {
			return
		}
	}
}

// arrived counts the requests for a path.
func (f *fickle) arrived(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[path]
}

// watchedConn tells when its end was noticed on this side, and breaks when it is told to:
// nothing that is written then leaves.
type watchedConn struct {
	net.Conn
	broken <-chan struct{}
	closed chan<- struct{}
}

func (c *watchedConn) Write(b []byte) (int, error) {
	select {
	case <-c.broken:
		return 0, errors.New("broken pipe")
	default:
		return c.Conn.Write(b)
	}
}

func (c *watchedConn) Close() error {
	select {
	case c.closed <- struct{}{}:
	default:
	}
	return c.Conn.Close()
}

// wired is a stack whose app api-wired is at a platform behind real connections.
type wired struct {
	*stack
	*fickle
	closed   chan struct{}
	breakOff func() // all connections that are open now
}

func newWired(t *testing.T, hangsUp bool) *wired {
	t.Helper()
	w := &wired{fickle: newFickle(t, hangsUp), closed: make(chan struct{}, 100)}
	var mu sync.Mutex
	broken := make(chan struct{})
	w.breakOff = func() {
		mu.Lock()
		defer mu.Unlock()
		close(broken)
		broken = make(chan struct{})
	}
	var d net.Dialer
	tr := gateway.Tune(&http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		return &watchedConn{c, broken, w.closed}, nil
	}})
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		_ = w.Close()
		w.conns.Wait()
	})
	app := stacktest.NewApp("api-wired", stacktest.OtherID)
	app.BaseURL = "http://" + w.Addr().String()
	w.stack = newStack(t, stackConfig{Config: stacktest.Config{Apps: []*broker.App{app}}, transport: func(sandbox http.RoundTripper) http.RoundTripper {
		return platformFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == w.Addr().String() {
				return tr.RoundTrip(r)
			}
			return sandbox.RoundTrip(r)
		})
	}})
	return w
}

func (w *wired) call(method, target, body string) answer {
	w.tb.Helper()
	r := keyed(request(method, "/gateway/api-wired"+target, body))
	r.Header.Set("Idempotency-Key", "1")
	r.Header.Set("X-Idempotency-Key", "1")
	return w.send(r)
}

// warm leaves a connection to the platform that is kept.
func (w *wired) warm() {
	w.tb.Helper()
	if a := w.call(http.MethodGet, "/cgi-bin/warm", ""); !a.ok() {
		w.tb.Fatalf("%d %s", a.status, a.body)
	}
}

// A call that reached the platform and got no answer is not made again, neither here nor
// by net/http: a code that is shown twice is refused, and a message would be sent twice.
func TestACallWhoseConnectionClosesArrivesOnce(t *testing.T) {
	t.Parallel()
	w := newWired(t, false)
	for _, c := range []struct{ method, path, query, body string }{
		{http.MethodGet, "/sns/jscode2session", "?js_code=c", ""},
		{http.MethodGet, "/sns/oauth2/access_token", "?code=c", ""},
		{http.MethodPost, "/cgi-bin/message/custom/send", "", text},
		{http.MethodPost, "/cgi-bin/message/nothing", "", ""},
		{http.MethodDelete, "/cgi-bin/menu", "", ""},
	} {
		w.warm()
		a := w.call(c.method, c.path+c.query, c.body)
		if a.status != http.StatusBadGateway || a.Code != broker.ErrUnreachable.Code {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
		if n := w.arrived(c.path); n != 1 {
			t.Errorf("%s %s: it arrived %d times", c.method, c.path, n)
		}
	}
	// A GET that has a body could be sent again with it.
	w.warm()
	if a := w.call(http.MethodGet, "/sns/jscode2session?js_code=c", text); a.status != http.StatusBadGateway || w.arrived("/sns/jscode2session") != 2 {
		t.Errorf("an exchange with a body arrived %d times: %d %s", w.arrived("/sns/jscode2session")-1, a.status, a.body)
	}
	// What only reads may be read again.
	w.warm()
	if a := w.call(http.MethodGet, users, ""); !a.ok() || w.arrived(users) != 2 {
		t.Errorf("a GET arrived %d times: %d %s", w.arrived(users), a.status, a.body)
	}
}

// A connection that the platform closed while it was not in use costs nothing, nor does
// one on which nothing can be sent any more.
func TestACallOnAConnectionThatHasEndedIsMadeOnAnother(t *testing.T) {
	t.Parallel()
	calls := []struct{ method, path, body string }{
		{http.MethodGet, users, ""}, {http.MethodPost, message, text}, {http.MethodPost, "/cgi-bin/none", ""},
	}
	for name, c := range map[string]struct {
		hangsUp bool
		end     func(*wired)
	}{
		"closed": {true, func(w *wired) { <-w.closed }},
		"broken": {false, func(w *wired) { w.breakOff() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWired(t, c.hangsUp)
			for _, x := range calls {
				w.warm()
				c.end(w)
				if a := w.call(x.method, x.path, x.body); !a.ok() || w.arrived(x.path) != 1 {
					t.Errorf("%s %s: %d %s, arrived %d times", x.method, x.path, a.status, a.body, w.arrived(x.path))
				}
				if c.hangsUp {
					<-w.closed
				}
			}
			if !c.hangsUp {
				return // An exchange is not tried on another connection, whatever the first one was.
			}
			w.warm()
			c.end(w)
			if a := w.call(http.MethodGet, "/sns/jscode2session", ""); a.status != http.StatusOK || w.arrived("/sns/jscode2session") != 1 {
				t.Errorf("an exchange: %d %s, arrived %d times", a.status, a.body, w.arrived("/sns/jscode2session"))
			}
		})
	}
}

// A transport for calls passes on what is answered as it is, and does not wait for ever.
func TestATransportForCallsPassesOnWhatIsAnswered(t *testing.T) {
	t.Parallel()
	given := &http.Transport{}
	tr := gateway.Tune(given)
	if tr == given || given.DisableCompression || !tr.DisableCompression || tr.ResponseHeaderTimeout <= 0 || tr.IdleConnTimeout <= 0 || tr.MaxIdleConnsPerHost < 100 {
		t.Errorf("%+v", tr)
	}
}

// ticking gives bytes one by one for a while.
func ticking(ctx context.Context, n int, every time.Duration) io.ReadCloser {
	return &drip{n, every, ctx.Done()}
}

// The server's own deadlines are for small requests. A body that moves may take longer,
// in both ways, over real connections.
func TestBodiesOutliveTheServersDeadlines(t *testing.T) {
	t.Parallel()
	const (
		server, stall = 700 * time.Millisecond, time.Second
		every, n      = 40 * time.Millisecond, 30
	)
	platform := besides(func(r *http.Request) (*http.Response, error) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if r.URL.Path == "/test/up" {
			return says(http.StatusOK, nil, string(b)), nil
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"video/mp4"}}, ContentLength: -1, Body: ticking(r.Context(), n, every)}, nil
	})
	s := newStack(t, stackConfig{transport: platform, change: func(c *gateway.Config) { c.Stall, c.MaxReplay = stall, 4 }})
	tok := s.token(virtualKey)
	srv := httptest.NewUnstartedServer(s.Handler)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = server, server
	srv.Start()
	t.Cleanup(srv.Close)
	want := strings.Repeat("x", n)
	crowd(4, func(i int) {
		path, body, length := "/test/up", ticking(t.Context(), n, every), int64(n)
		switch i {
		case 1:
			length = -1
		case 2:
			path, body = "/test/down", io.NopCloser(strings.NewReader(want))
		case 3:
			path, body, length = "/test/down", io.NopCloser(strings.NewReader(want)), -1
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+withToken(path, tok), body)
		if err != nil {
			t.Error(err)
			return
		}
		r.ContentLength = length
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		if got, err := io.ReadAll(resp.Body); err != nil || string(got) != want {
			t.Errorf("%s, a body of the length %d: %d %q, %v", path, length, resp.StatusCode, got, err)
		}
	})
}
