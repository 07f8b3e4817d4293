package platform_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

func TestAnErrorSaysHowFarTheConnectionCame(t *testing.T) {
	t.Parallel()
	w := newWire(t, func(c net.Conn, _ *http.Request, _ int) bool { return say(c, "200 OK", "", "{}") })
	unknown := platform.NewTransport()
	unknown.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "platform.test", IsNotFound: true}}
	}
	for name, tt := range map[string]struct {
		rt         http.RoundTripper
		base, says string
	}{
		"name":    {unknown, "https://platform.test", "could not be resolved"},
		"connect": {platform.NewTransport(), "http://127.0.0.1:1", "no connection to the platform at 127.0.0.1"},
		"TLS":     {platform.NewTransport(), strings.Replace(w.url, "http:", "https:", 1), "TLS handshake with the platform at 127.0.0.1 failed"},
	} {
		_, err := issue(t.Context(), platform.NewCaller(tt.rt), tt.base)
		e := broker.AsError(err)
		if err == nil || e.Code != platform.CodeUnreachable || e.Unknown || !strings.Contains(e.Message, tt.says) || e.Hint == "" {
			t.Errorf("%s: %v (%s, hint %q), want %q", name, err, e.Code, e.Hint, tt.says)
		}
	}
}

func TestReadAnswerKeepsTheStatusAndTheClock(t *testing.T) {
	t.Parallel()
	resp := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{
		"Date": {"Sat, 21 Nov 2026 10:00:00 GMT"}, "Retry-After": {"7"},
	}}
	a, ok := platform.ReadAnswer(resp, []byte("<html>"))
	if ok || a.Status != http.StatusTooManyRequests || !a.Date.Equal(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("%v, date %v, an object: %v", a, a.Date, ok)
	}
	if e := broker.AsError(a.StatusError()); e.Code != platform.CodeHTTP429 || e.RetryAfter != 7*time.Second {
		t.Errorf("%v after %v", e, e.RetryAfter)
	}
	resp = &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{"Date": {"yesterday"}}}
	a, ok = platform.ReadAnswer(resp, []byte("\xef\xbb\xbf {\"errcode\":\"1\"}\n"))
	if n, found, err := a.Integer("errcode"); !ok || n != 1 || !found || err != nil || !a.Date.IsZero() {
		t.Errorf("%d, %v, %v, date %v, an object: %v", n, found, err, a.Date, ok)
	}
	if e := broker.AsError(a.StatusError()); e.Code != platform.CodeHTTP5xx {
		t.Error(e)
	}
}
