package sqlstore_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
)

// countedURL passes a server's connections on and counts what the server says.
func countedURL(t *testing.T, addr string, u *url.URL) (*url.URL, *atomic.Int64) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	said := new(atomic.Int64)
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
			if err != nil {
				in.Close()
				return
			}
			go func() { defer out.Close(); io.Copy(out, in) }()                             //nolint:errcheck // It ends with the connection.
			go func() { defer in.Close(); io.Copy(in, io.TeeReader(out, counter{said})) }() //nolint:errcheck // The same.
		}
	}()
	counted := *u
	counted.Host = l.Addr().String()
	return &counted, said
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// Looks go back again and again to what was written a while ago, and had they to read it
// all, they would be late after a burst.
func knownUnread(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	writer := openServer(t, u)
	counted, said := countedURL(t, d.Addr(), u)
	l := listen(t.Context(), t, openServer(t, counted))
	const n, size = 50, 50_000
	for i := range n {
		r := broker.Record{Key: sample(i).Key}
		r.Current.Box = bytes.Repeat([]byte{1}, size)
		mustPut(t, writer, r)
	}
	for i := range n {
		l.heard(t, sample(i).Key, 1)
	}
	small := broker.Record{Key: sample(n).Key}
	hear := func() {
		small = mustPut(t, writer, small)
		l.heard(t, small.Key, small.Version)
	}
	hear()
	hear() // The look that overlaps with the writing itself is over.
	was := said.Load()
	for begun := time.Now(); time.Since(begun) < deepLooks; {
		hear()
	}
	if got := said.Load() - was; got > n*size/2 {
		t.Errorf("of %d bytes that are known it was told %d in %v", n*size, got, deepLooks)
	}
	if said.Load() < n*size {
		t.Error("what the server says is not counted")
	}
}

// deepLooks is a time in which one look goes far back.
const deepLooks = 6 * time.Second
