package platformtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

func (p probe) run(t *testing.T) {
	t.Helper()
	t.Run("survives bad answers", p.survivesBadAnswers)
	t.Run("survives a bad connection", p.survivesBadConnection)
	t.Run("honours the deadline", p.honoursDeadline)
	t.Run("sends once on a flaky connection", p.sendsOnce)
}

func (p probe) survivesBadAnswers(t *testing.T) {
	t.Parallel()
	garbage := p.unknown(platform.CodeGarbage)
	faults := map[string]struct {
		answer answer
		want   broker.Error
	}{
		"empty":            {says(200, ""), garbage},
		"a web page":       {says(200, "<!DOCTYPE html><html></html>"), garbage},
		"an empty object":  {says(200, "{}"), garbage},
		"a list":           {says(200, "["+p.whole+"]"), garbage},
		"a truncated one":  {says(200, p.whole[:len(p.whole)/2]), garbage},
		"something behind": {says(200, p.whole+"}"), garbage},
		"2 MiB of space":   {says(200, p.whole+strings.Repeat(" ", 2<<20)), garbage},
		"a cut connection": {saysFrom(200, io.MultiReader(strings.NewReader(p.whole[:8]), broken{io.ErrUnexpectedEOF})), p.unknown(platform.CodeNoAnswer)},
		"a 500":            {says(500, p.whole), p.unknown(platform.CodeHTTP5xx)},
		"a 502 page":       {says(502, "<html>"), p.unknown(platform.CodeHTTP5xx)},
		"a 404 page":       {says(404, "<html>"), broker.Error{Code: platform.CodeHTTP4xx, Class: broker.Misconfigured}},
		"a 403 of a proxy": {says(403, `{"message":"forbidden by policy"}`), broker.Error{Code: platform.CodeHTTP4xx, Class: broker.Misconfigured}},
		"a redirect":       {redirects, broker.Error{Code: platform.CodeRedirect, Class: broker.Misconfigured}},
	}
	for name, body := range p.odd {
		f := faults[name]
		f.answer, f.want = says(200, body), garbage
		faults[name] = f
	}
	for name, tt := range faults {
		s := &script{answers: []answer{tt.answer}}
		given, err := p.askScript(t, s)
		if err == nil || given {
			t.Errorf("%s: gave something: %v, %v", name, given, err)
			continue
		}
		if e := broker.AsError(err); e.Code != tt.want.Code || e.Class != tt.want.Class || e.Unknown != tt.want.Unknown {
			t.Errorf("%s: %s, %s, unknown %v; want %s, %s, unknown %v", name, e.Code, e.Class, e.Unknown, tt.want.Code, tt.want.Class, tt.want.Unknown)
		}
		if n := len(s.requests()); n != 1 {
			t.Errorf("%s: one call made %d requests", name, n)
		}
	}
}

// redirects repeats the request, secret included, at another host.
func redirects(r *http.Request) (*http.Response, error) {
	resp := response(r, http.StatusFound, http.NoBody)
	resp.Header.Set("Location", "https://elsewhere.test"+r.URL.RequestURI())
	return resp, nil
}

// broken is a body that breaks.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func (p probe) survivesBadConnection(t *testing.T) {
	t.Parallel()
	lost := p.unknown(platform.CodeNoAnswer)
	for name, tt := range map[string]struct {
		err  error
		want broker.Error
	}{
		"refused": {
			&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
			broker.Error{Code: platform.CodeUnreachable, Class: broker.Transient},
		},
		"no such host": {
			&net.DNSError{Err: "no such host", Name: "platform.test", IsNotFound: true},
			broker.Error{Code: platform.CodeUnreachable, Class: broker.Transient},
		},
		"reset":       {&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, lost},
		"closed":      {io.EOF, lost},
		"unheard of":  {errors.New("http: something new"), lost},
		"broken pipe": {&net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}, lost},
	} {
		// The error quotes the request, as those of http.Client do.
		quoting := func(r *http.Request) (*http.Response, error) {
			err := fmt.Errorf("%s %s: %w", r.Method, r.URL, tt.err)
			return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: err}
		}
		s := &script{answers: []answer{quoting}}
		_, err := p.askScript(t, s)
		e := broker.AsError(err)
		if err == nil || e.Code != tt.want.Code || e.Class != tt.want.Class || e.Unknown != tt.want.Unknown {
			t.Errorf("%s: %v (%s, unknown %v); want %s, unknown %v", name, err, e.Code, e.Unknown, tt.want.Code, tt.want.Unknown)
		}
		if n := len(s.requests()); n != 1 {
			t.Errorf("%s: one call made %d requests", name, n)
		}
	}
}

func (p probe) honoursDeadline(t *testing.T) {
	t.Parallel()
	silent := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	slow := func(r *http.Request) (*http.Response, error) {
		return response(r, 200, &dripping{ctx: r.Context(), text: p.whole}), nil
	}
	for name, a := range map[string]answer{"a silent server": silent, "a slow body": slow} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			begin := time.Now()
			_, err := p.ask(ctx, &script{answers: []answer{a}}, host)
			if d := time.Since(begin); d != 4*time.Second {
				t.Errorf("%s: came back after %v, want at the deadline", name, d)
			}
			expect(t, err, p.unknown(platform.CodeTimeout))
			keepsSecrets(t, err, p.secrets)
		})
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	s := &script{answers: []answer{says(200, p.whole)}}
	_, err := p.ask(over, s, host)
	if err == nil || broker.AsError(err).Unknown || len(s.requests()) > 0 {
		t.Errorf("a context that is over: %v, unknown %v, after %d requests", err, broker.AsError(err).Unknown, len(s.requests()))
	}
}

// dripping is a body of which a byte comes every second.
type dripping struct {
	ctx  context.Context //nolint:containedctx // a response body lives as long as its request
	text string
}

func (d *dripping) Read(p []byte) (int, error) {
	if d.text == "" {
		return 0, io.EOF
	}
	select {
	case <-time.After(time.Second):
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
	n := copy(p[:1], d.text)
	d.text = d.text[n:]
	return n, nil
}

// sendsOnce has a server that answers the first request of each connection and closes
// it on the second without a word. That tempts net/http to repeat it: a second issue, or a
// code that was used before.
func (p probe) sendsOnce(t *testing.T) {
	t.Parallel()
	type served struct{}
	var requests atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if before, ok := r.Context().Value(served{}).(*atomic.Int64); ok && before.Add(1) == 1 {
			_, _ = io.WriteString(w, p.whole)
			return
		}
		panic(http.ErrAbortHandler)
	}))
	srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, served{}, new(atomic.Int64))
	}
	srv.Start()
	t.Cleanup(srv.Close)
	tr := platform.NewTransport()
	t.Cleanup(tr.CloseIdleConnections)
	const calls = 10
	lost := 0
	for range calls {
		_, err := p.ask(t.Context(), tr, srv.URL)
		if err != nil {
			lost++
			expect(t, err, p.unknown(platform.CodeNoAnswer))
		}
		keepsSecrets(t, err, p.secrets)
	}
	if n := requests.Load(); n != calls {
		t.Errorf("%d calls reached the platform as %d requests", calls, n)
	}
	if lost == 0 {
		t.Error("no connection broke, so nothing has been shown")
	}
}
