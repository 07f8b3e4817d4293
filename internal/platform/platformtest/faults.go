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

func (k contract) survivesBadAnswers(t *testing.T) {
	t.Parallel()
	whole := k.c.Success(given, "7200")
	garbage := broker.Error{Code: platform.CodeGarbage, Class: broker.Transient, Unknown: true}
	for name, tt := range map[string]struct {
		answer answer
		want   broker.Error
	}{
		"empty":            {says(200, ""), garbage},
		"a web page":       {says(200, "<!DOCTYPE html><html></html>"), garbage},
		"an empty object":  {says(200, "{}"), garbage},
		"a list":           {says(200, "["+whole+"]"), garbage},
		"a truncated one":  {says(200, whole[:len(whole)/2]), garbage},
		"something behind": {says(200, whole+"}"), garbage},
		"2 MiB":            {says(200, k.c.Success(strings.Repeat("A", 2<<20), "7200")), garbage},
		"2 MiB of space":   {says(200, whole+strings.Repeat(" ", 2<<20)), garbage},
		"an empty token":   {says(200, k.c.Success("", "7200")), garbage},
		"no token":         {says(200, k.c.Success("two words", "7200")), garbage},
		"a cut connection": {saysFrom(200, io.MultiReader(strings.NewReader(whole[:8]), broken{io.ErrUnexpectedEOF})), broker.Error{Code: platform.CodeNoAnswer, Class: broker.Transient, Unknown: true}},
		"a 500":            {says(500, whole), broker.Error{Code: platform.CodeHTTP5xx, Class: broker.Transient, Unknown: true}},
		"a 502 page":       {says(502, "<html>"), broker.Error{Code: platform.CodeHTTP5xx, Class: broker.Transient, Unknown: true}},
		"a 404 page":       {says(404, "<html>"), broker.Error{Code: platform.CodeHTTP4xx, Class: broker.Misconfigured}},
		"a 403 of a proxy": {says(403, `{"message":"forbidden by policy"}`), broker.Error{Code: platform.CodeHTTP4xx, Class: broker.Misconfigured}},
		"a redirect":       {redirects, broker.Error{Code: platform.CodeRedirect, Class: broker.Misconfigured}},
	} {
		s := &script{answers: []answer{tt.answer}}
		got, err := k.askScript(t, s)
		if err == nil || !got.Token.IsZero() {
			t.Errorf("%s: issued %v, %v", name, got, err)
			continue
		}
		if e := broker.AsError(err); e.Code != tt.want.Code || e.Class != tt.want.Class || e.Unknown != tt.want.Unknown {
			t.Errorf("%s: %s, %s, unknown %v; want %s, %s, unknown %v", name, e.Code, e.Class, e.Unknown, tt.want.Code, tt.want.Class, tt.want.Unknown)
		}
		if n := len(s.requests()); n != 1 {
			t.Errorf("%s: one issue made %d requests", name, n)
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

func (k contract) survivesBadConnection(t *testing.T) {
	t.Parallel()
	lost := broker.Error{Code: platform.CodeNoAnswer, Class: broker.Transient, Unknown: true}
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
		_, err := k.askScript(t, s)
		e := broker.AsError(err)
		if err == nil || e.Code != tt.want.Code || e.Class != tt.want.Class || e.Unknown != tt.want.Unknown {
			t.Errorf("%s: %v (%s, unknown %v); want %s, unknown %v", name, err, e.Code, e.Unknown, tt.want.Code, tt.want.Unknown)
		}
		if n := len(s.requests()); n != 1 {
			t.Errorf("%s: one issue made %d requests", name, n)
		}
	}
}

func (k contract) honoursDeadline(t *testing.T) {
	t.Parallel()
	silent := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	slow := func(r *http.Request) (*http.Response, error) {
		return response(r, 200, &dripping{ctx: r.Context(), text: k.c.Success(given, "7200")}), nil
	}
	for name, a := range map[string]answer{"a silent server": silent, "a slow body": slow} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			begin := time.Now()
			_, err := k.ask(ctx, &script{answers: []answer{a}}, host, newFakeTokens())
			if d := time.Since(begin); d != 4*time.Second {
				t.Errorf("%s: came back after %v, want at the deadline", name, d)
			}
			expect(t, err, broker.Error{Code: platform.CodeTimeout, Class: broker.Transient, Unknown: true})
			k.keepsSecrets(t, err)
		})
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	s := &script{answers: []answer{k.gives("7200")}}
	_, err := k.ask(over, s, host, newFakeTokens())
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
// it on the second without a word. That tempts net/http to repeat it: a second issue.
func (k contract) sendsOnce(t *testing.T) {
	t.Parallel()
	type served struct{}
	var requests atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if before, ok := r.Context().Value(served{}).(*atomic.Int64); ok && before.Add(1) == 1 {
			_, _ = io.WriteString(w, k.c.Success(given, "7200"))
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
		_, err := k.ask(t.Context(), tr, srv.URL, newFakeTokens())
		if err != nil {
			lost++
			expect(t, err, broker.Error{Code: platform.CodeNoAnswer, Class: broker.Transient, Unknown: true})
		}
		k.keepsSecrets(t, err)
	}
	if n := requests.Load(); n != calls {
		t.Errorf("%d issues reached the platform as %d requests", calls, n)
	}
	if lost == 0 {
		t.Error("no connection broke, so nothing has been shown")
	}
}
