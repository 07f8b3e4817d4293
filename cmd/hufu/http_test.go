package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// newTestServer serves h as serve does, but with a short time for reading a request.
func newTestServer(t *testing.T, read time.Duration, h http.Handler) string {
	t.Helper()
	srv := newHTTPServer(h, 4<<10, slog.New(slog.DiscardHandler))
	srv.ReadTimeout = read
	return start(t, srv)
}

func start(t *testing.T, srv *http.Server) string {
	t.Helper()
	l, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return baseURL(l.Addr())
}

func get(ctx context.Context, t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestARequestThatWaitsOutlivesTheTimeForReadingOne(t *testing.T) {
	t.Parallel()
	const read = 50 * time.Millisecond
	url := newTestServer(t, read, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			_, _ = io.WriteString(w, "taken for gone")
		case <-time.After(6 * read):
			_, _ = io.WriteString(w, "waited")
		}
	}))
	if status, body := get(t.Context(), t, url); status != http.StatusOK || body != "waited" {
		t.Errorf("%d %q, want an answer after the wait", status, body)
	}
}

func TestARotationOfTheKeysetOutlivesTheTimeForAnAnswer(t *testing.T) {
	t.Parallel()
	const write = 50 * time.Millisecond
	srv := newHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(6 * write)
		_, _ = io.WriteString(w, "done")
	}), 4<<10, slog.New(slog.DiscardHandler))
	srv.WriteTimeout = write
	url := start(t, srv)
	if status, body := get(t.Context(), t, url+"/v1/keys/rotate"); status != http.StatusOK || body != "done" {
		t.Errorf("%d %q, want an answer", status, body)
	}
	if status, _ := get(t.Context(), t, url+"/v1/apps"); status != 0 {
		t.Errorf("another call was answered with %d, although its time was over", status)
	}
}

func TestACallerThatSendsNoHeadersIsCutOff(t *testing.T) {
	t.Parallel()
	url := newTestServer(t, 50*time.Millisecond, http.NotFoundHandler())
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", url[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
}

func TestTheServerSpeaksHTTP1Only(t *testing.T) {
	t.Parallel()
	srv := newHTTPServer(http.NotFoundHandler(), 4<<10, slog.New(slog.DiscardHandler))
	if p := srv.Protocols; !p.HTTP1() || p.HTTP2() || p.UnencryptedHTTP2() {
		t.Errorf("protocols %v, want HTTP/1 only", p)
	}
}

func TestABaseURLCanBeReachedFromThisMachine(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080",
		"0.0.0.0:80":     "http://127.0.0.1:80",
		"[::]:80":        "http://127.0.0.1:80",
		"[::1]:80":       "http://[::1]:80",
	} {
		a, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := baseURL(a); got != want {
			t.Errorf("baseURL(%s) = %s, want %s", address, got, want)
		}
	}
}
