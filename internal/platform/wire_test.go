package platform_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// wire is a server of which every byte is known: it reads requests off its
// connections and does with each what act says. act gets the request and how many
// came before it on the same connection; it returns false to close the connection.
type wire struct {
	url string

	mu   sync.Mutex
	seen []*http.Request
}

func newWire(t *testing.T, act func(c net.Conn, r *http.Request, before int) bool) *wire {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{url: "http://" + l.Addr().String()}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			all.Go(func() { w.serve(c, act) })
		}
	})
	return w
}

func (w *wire) serve(c net.Conn, act func(net.Conn, *http.Request, int) bool) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for n := 0; ; n++ {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.mu.Lock()
		w.seen = append(w.seen, r)
		w.mu.Unlock()
		if !act(c, r, n) {
			return
		}
	}
}

func (w *wire) requests() []*http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// say writes a whole HTTP answer.
func say(c net.Conn, status, header, body string) bool {
	_, err := io.WriteString(c, "HTTP/1.1 "+status+"\r\n"+header+"Content-Length: "+itoa(len(body))+"\r\n\r\n"+body)
	return err == nil
}
