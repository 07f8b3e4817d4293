package e2e_test

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// The clients that make calls. Which token they are handed out is all that differs.
const (
	realKey    = "e2e-real-key-0123456789abcdef0123456789abcd"
	virtualKey = "e2e-virtual-key-0123456789abcdef0123456789"
)

// callers is for configure: both may read and call all apps.
const callers = `  - {name: real, key: ` + realKey + `, apps: ["*"], allow: [read, call], handout: real}
  - {name: virtual, key: ` + virtualKey + `, apps: ["*"], allow: [read, call], handout: virtual}`

const (
	stableID  = "wxstable00000001"
	classicID = "wxclassic0000001"
)

// upstream is a platform in the process of the test, so that the test sees what arrives
// there: the server is another process all the same.
type upstream struct {
	*sandbox.Sandbox
	url string
	// active counts requests that are being answered, open connections.
	active, open atomic.Int64
	wire         wire
}

// startUpstream runs a platform. What wrap returns stands before it; nil: nothing does.
func startUpstream(t *testing.T, c sandbox.Config, wrap func(http.Handler) http.Handler) *upstream {
	t.Helper()
	c.Apps = []sandbox.App{{ID: stableID, Secret: secret}, {ID: classicID, Secret: secret}}
	u := &upstream{Sandbox: sandbox.New(c)}
	h := u.Handler()
	if wrap != nil {
		h = wrap(h)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.active.Add(1)
		defer u.active.Add(-1)
		h.ServeHTTP(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			u.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			u.open.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
	s.Listener = recorded{s.Listener, &u.wire}
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	u.url = s.URL
	return u
}

// wire keeps the beginning of what arrives on each connection, as it was written.
type wire struct {
	mu    sync.Mutex
	conns []*bytes.Buffer
}

// maxWire bounds what is kept of a connection: files are not looked at.
const maxWire = 1 << 20

// arrived returns what arrived so far, by connection.
func (w *wire) arrived() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, b := range w.conns {
		all = append(all, b.String())
	}
	return all
}

type recorded struct {
	net.Listener
	wire *wire
}

func (l recorded) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	b := new(bytes.Buffer)
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	l.wire.conns = append(l.wire.conns, b)
	return recordedConn{c, l.wire, b}, nil
}

type recordedConn struct {
	net.Conn
	wire *wire
	kept *bytes.Buffer
}

func (c recordedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	c.kept.Write(p[:min(n, maxWire-c.kept.Len())])
	return n, err
}
