package platform_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

const secret = "5e4f0c2b9d7a41d8"

func itoa(n int) string { return strconv.Itoa(n) }

// errNoFile is what a dialer says that gets no socket.
var errNoFile = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EMFILE)}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// issue makes the kind of call whose repetition does harm.
func issue(ctx context.Context, c *platform.Caller, base string) (platform.Answer, error) {
	return c.Call(ctx, http.MethodGet, base, "/cgi-bin/token", url.Values{"appid": {"wx1"}, "secret": {secret}}, nil)
}

func post(ctx context.Context, c *platform.Caller, base string) (platform.Answer, error) {
	return c.Call(ctx, http.MethodPost, base, "/cgi-bin/stable_token", nil, map[string]string{"appid": "wx1", "secret": secret})
}

func newTestCaller(t *testing.T) *platform.Caller {
	t.Helper()
	tr := platform.NewTransport()
	t.Cleanup(tr.CloseIdleConnections)
	return platform.NewCaller(tr)
}

func TestACallReachesTheServerOnceThoughAUsedConnectionBreaks(t *testing.T) {
	t.Parallel()
	// The first request on a connection is answered, the second is swallowed.
	flaky := func(c net.Conn, _ *http.Request, before int) bool {
		return before == 0 && say(c, "200 OK", "", `{"access_token":"tok","expires_in":7200}`)
	}
	for name, call := range map[string]func(context.Context, *platform.Caller, string) (platform.Answer, error){
		"GET": issue, "POST": post,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, flaky)
			c := newTestCaller(t)
			if _, err := call(t.Context(), c, w.url); err != nil {
				t.Fatal(err)
			}
			_, err := call(t.Context(), c, w.url)
			e := broker.AsError(err)
			if err == nil || e.Code != platform.CodeNoAnswer || !e.Unknown {
				t.Errorf("the outcome of a call that was swallowed is %v, want %s, unknown", err, platform.CodeNoAnswer)
			}
			if n := len(w.requests()); n != 2 {
				t.Errorf("two calls reached the server as %d requests", n)
			}
		})
	}
}

// Without this, the test above would hold for a server that does not tempt anybody.
func TestAPlainGETIsRepeatedByTheLibraryOnTheSameServer(t *testing.T) {
	t.Parallel()
	w := newWire(t, func(c net.Conn, _ *http.Request, before int) bool {
		return before == 0 && say(c, "200 OK", "", `{}`)
	})
	tr := platform.NewTransport()
	defer tr.CloseIdleConnections()
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	if n := len(w.requests()); n != 3 {
		t.Errorf("two plain GETs reached the server as %d requests; if it is 2, net/http has changed and sendOnce is not needed", n)
	}
}

func TestACallWithoutABodyShowsNoneOnTheWire(t *testing.T) {
	t.Parallel()
	w := newWire(t, func(c net.Conn, _ *http.Request, _ int) bool { return say(c, "200 OK", "", `{}`) })
	c := newTestCaller(t)
	for range 20 {
		if _, err := issue(t.Context(), c, w.url); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range w.requests() {
		if r.ContentLength != 0 || len(r.TransferEncoding) > 0 || r.Header.Get("Content-Type") != "" || r.Header.Get("Accept-Encoding") != "" {
			t.Fatalf("GET with length %d, encoding %q, header %v", r.ContentLength, r.TransferEncoding, r.Header)
		}
	}
}

func TestACallKeepsTheBasePathAndSendsJSON(t *testing.T) {
	t.Parallel()
	var got struct{ method, path, query, body, contentType string }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got.method, got.path, got.query, got.body = r.Method, r.URL.Path, r.URL.RawQuery, string(b)
		got.contentType = r.Header.Get("Content-Type")
		_, _ = io.WriteString(w, `{"a":1}`)
	}))
	defer srv.Close()
	_, err := newTestCaller(t).Call(t.Context(), http.MethodPost, srv.URL+"/pre/", "/x", url.Values{"q": {"1&2"}}, map[string]string{"s": "<&>"})
	if err != nil {
		t.Fatal(err)
	}
	want := struct{ method, path, query, body, contentType string }{"POST", "/pre/x", "q=1%262", `{"s":"<&>"}`, "application/json"}
	if got != want {
		t.Errorf("sent %+v, want %+v", got, want)
	}
}

// outcome is what is compared of an error.
type outcome struct {
	Code    string
	Class   broker.Class
	Unknown bool
}

func outcomeOf(err error) outcome {
	if err == nil {
		return outcome{}
	}
	e := broker.AsError(err)
	return outcome{e.Code, e.Class, e.Unknown}
}

func TestOutcomesOverAConnection(t *testing.T) {
	t.Parallel()
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	_ = closed.Close()

	raw := func(text string) func(net.Conn, *http.Request, int) bool {
		return func(c net.Conn, _ *http.Request, _ int) bool {
			_, _ = io.WriteString(c, text)
			return false
		}
	}
	hang := func(c net.Conn, _ *http.Request, _ int) bool {
		_, _ = io.Copy(io.Discard, c)
		return false
	}
	answer := func(status, header, body string) func(net.Conn, *http.Request, int) bool {
		return func(c net.Conn, _ *http.Request, _ int) bool { return say(c, status, header, body) }
	}
	for _, tt := range []struct {
		name string
		act  func(net.Conn, *http.Request, int) bool
		base string
		want outcome
	}{
		{"nobody listens", nil, nobody, outcome{platform.CodeUnreachable, broker.Transient, false}},
		{"not TLS", answer("200 OK", "", "{}"), "https", outcome{platform.CodeUnreachable, broker.Transient, false}},
		{"no URL", nil, "api.weixin.qq.com", outcome{"bad_base_url", broker.Misconfigured, false}},
		{"other scheme", nil, "ftp://127.0.0.1", outcome{"bad_base_url", broker.Misconfigured, false}},
		{"query in the base", nil, "http://127.0.0.1/?a=b", outcome{"bad_base_url", broker.Misconfigured, false}},
		{"closed without an answer", raw(""), "", outcome{platform.CodeNoAnswer, broker.Transient, true}},
		{"half a header", raw("HTTP/1.1 200 OK\r\nConte"), "", outcome{platform.CodeNoAnswer, broker.Transient, true}},
		{"no HTTP", raw("SSH-2.0-OpenSSH_9.6\r\n\r\n"), "", outcome{platform.CodeNoAnswer, broker.Transient, true}},
		{"half a body", raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"access_tok"), "", outcome{platform.CodeNoAnswer, broker.Transient, true}},
		{"never an answer", hang, "", outcome{platform.CodeTimeout, broker.Transient, true}},
		{"a header and never a body", func(c net.Conn, r *http.Request, n int) bool {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"access_tok")
			return hang(c, r, n)
		}, "", outcome{platform.CodeTimeout, broker.Transient, true}},
		{"a web page", answer("200 OK", "Content-Type: text/html\r\n", "<html>log in here</html>"), "", outcome{platform.CodeGarbage, broker.Transient, true}},
		{"an empty body", answer("200 OK", "", ""), "", outcome{platform.CodeGarbage, broker.Transient, true}},
		{"no content", raw("HTTP/1.1 204 No Content\r\n\r\n"), "", outcome{platform.CodeGarbage, broker.Transient, true}},
		{"a list", answer("200 OK", "", `[{"access_token":"x"}]`), "", outcome{platform.CodeGarbage, broker.Transient, true}},
		{"truncated JSON", answer("200 OK", "", `{"access_token":"x"`), "", outcome{platform.CodeGarbage, broker.Transient, true}},
		{"two objects", answer("200 OK", "", `{}{}`), "", outcome{platform.CodeGarbage, broker.Transient, true}},
		{"2 MiB", answer("200 OK", "", `{"access_token":"`+strings.Repeat("A", 2<<20)+`"}`), "", outcome{platform.CodeGarbage, broker.Transient, true}},
		{"502", answer("502 Bad Gateway", "", "<html>"), "", outcome{platform.CodeHTTP5xx, broker.Transient, true}},
		{"500 with JSON", answer("500 Oops", "", `{"errcode":0}`), "", outcome{platform.CodeHTTP5xx, broker.Transient, true}},
		{"404 page", answer("404 Not Found", "", "<html>"), "", outcome{platform.CodeHTTP4xx, broker.Misconfigured, false}},
		{"408", answer("408 Request Timeout", "", ""), "", outcome{platform.CodeHTTP4xx, broker.Transient, true}},
		{"429", answer("429 Slow Down", "", ""), "", outcome{platform.CodeHTTP429, broker.Throttled, false}},
		{"4xx with JSON is an answer", answer("400 Bad Request", "", `{"code":"x"}`), "", outcome{}},
		{"redirect", answer("302 Found", "Location: https://evil.example/?secret="+secret+"\r\n", ""), "", outcome{platform.CodeRedirect, broker.Misconfigured, false}},
		{"redirect to nowhere", answer("307 Temporary Redirect", "", `{}`), "", outcome{platform.CodeRedirect, broker.Misconfigured, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			base := tt.base
			if tt.act != nil {
				base = newWire(t, tt.act).url
			}
			if tt.base == "https" {
				base = "https" + strings.TrimPrefix(base, "http")
			}
			for _, call := range []func(context.Context, *platform.Caller, string) (platform.Answer, error){issue, post} {
				patience := 20 * time.Second
				if tt.want.Code == platform.CodeTimeout {
					patience = 200 * time.Millisecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := call(ctx, newTestCaller(t), base)
				if diff := cmp.Diff(tt.want, outcomeOf(err)); diff != "" {
					t.Errorf("%v\n%s", err, diff)
				}
				keepsSecret(t, err)
			}
		})
	}
}

// keepsSecret formats an error in every way in which it may end up somewhere.
func keepsSecret(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	texts := []string{err.Error(), fmt.Sprintf("%v|%+v|%#v|%s|%q", err, err, err, err, err)}
	for e := err; e != nil; e = errors.Unwrap(e) {
		b, jsonErr := json.Marshal(e)
		texts = append(texts, fmt.Sprintf("%T %v %+v %#v %s %v", e, e, e, e, b, jsonErr))
	}
	for _, s := range texts {
		if strings.Contains(s, secret) {
			t.Errorf("I6: an error says the secret: %s", s)
		}
	}
}

// A transport in front of ours may be instrumented, replaced, or a fake that knows
// nothing of tracing.
func TestOutcomesOfTransportsThatDoNotTrace(t *testing.T) {
	t.Parallel()
	quoting := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://x/?secret=" + secret, Err: fmt.Errorf("for secret=%s: %w", secret, err)}
	}
	for name, tt := range map[string]struct {
		err  error
		want outcome
	}{
		"dial":     {&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, outcome{platform.CodeUnreachable, broker.Transient, false}},
		"dns":      {&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}, outcome{platform.CodeUnreachable, broker.Transient, false}},
		"files":    {errNoFile, outcome{platform.CodeNoFiles, broker.Transient, false}},
		"machine":  {&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", syscall.ENFILE)}, outcome{platform.CodeNoFiles, broker.Transient, false}},
		"dns file": {&net.DNSError{Err: "dial udp 10.0.0.1:53: socket: too many open files", Name: "x", IsTemporary: true}, outcome{platform.CodeNoFiles, broker.Transient, false}},
		"read":     {&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, outcome{platform.CodeNoAnswer, broker.Transient, true}},
		"eof":      {io.EOF, outcome{platform.CodeNoAnswer, broker.Transient, true}},
		"deadline": {context.DeadlineExceeded, outcome{platform.CodeTimeout, broker.Transient, true}},
		"anything": {errors.New("boom"), outcome{platform.CodeNoAnswer, broker.Transient, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := platform.NewCaller(tripper(func(*http.Request) (*http.Response, error) { return nil, quoting(tt.err) }))
			for _, call := range []func(context.Context, *platform.Caller, string) (platform.Answer, error){issue, post} {
				_, err := call(t.Context(), c, "https://platform.test")
				if diff := cmp.Diff(tt.want, outcomeOf(err)); diff != "" {
					t.Errorf("%v\n%s", err, diff)
				}
				keepsSecret(t, err)
			}
			_, err := issue(t.Context(), c, "https://platform.test")
			if got := errors.Is(err, context.DeadlineExceeded); got != errors.Is(tt.err, context.DeadlineExceeded) {
				t.Errorf("errors.Is(err, DeadlineExceeded) = %v", got)
			}
		})
	}
}

func TestACallWhoseContextIsOverIsNotSent(t *testing.T) {
	t.Parallel()
	c := platform.NewCaller(tripper(func(*http.Request) (*http.Response, error) {
		t.Error("it was sent")
		return nil, io.EOF
	}))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := issue(canceled, c, "https://platform.test")
	if diff := cmp.Diff(outcome{platform.CodeCanceled, broker.Transient, false}, outcomeOf(err)); diff != "" {
		t.Error(diff)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err = issue(late, c, "https://platform.test")
	if diff := cmp.Diff(outcome{platform.CodeTimeout, broker.Transient, false}, outcomeOf(err)); diff != "" {
		t.Error(diff)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v does not wrap its cause", err)
	}
}

func TestACallEndsWithItsContextAndAtTheLatestByItself(t *testing.T) {
	t.Parallel()
	hang := platform.NewCaller(tripper(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}))
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := issue(ctx, hang, "https://platform.test")
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("ended after %v, want its deadline of 3s", d)
		}
		if diff := cmp.Diff(outcome{platform.CodeTimeout, broker.Transient, true}, outcomeOf(err)); diff != "" {
			t.Error(diff)
		}

		begin = time.Now()
		_, err = issue(t.Context(), hang, "https://platform.test")
		if d := time.Since(begin); d != 30*time.Second {
			t.Errorf("ended after %v, want the bound of 30s", d)
		}
		if !broker.AsError(err).Unknown {
			t.Error("the outcome is taken for known")
		}

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = issue(ctx, hang, "https://platform.test")
		if diff := cmp.Diff(outcome{platform.CodeCanceled, broker.Transient, true}, outcomeOf(err)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := newWire(t, func(c net.Conn, _ *http.Request, _ int) bool {
		return say(c, "200 OK", "", `{"access_token":"x","expires_in":7200}`)
	})
	for _, status := range []string{"301 M", "302 F", "303 S", "307 T", "308 P"} {
		w := newWire(t, func(c net.Conn, r *http.Request, _ int) bool {
			return say(c, status, "Location: "+elsewhere.url+r.URL.RequestURI()+"\r\nSet-Cookie: a=b\r\n", "")
		})
		for _, call := range []func(context.Context, *platform.Caller, string) (platform.Answer, error){issue, post} {
			_, err := call(t.Context(), newTestCaller(t), w.url)
			if err == nil || !strings.Contains(err.Error(), elsewhere.url) {
				t.Errorf("%s: the error %q does not name the other host", status, err)
			}
			keepsSecret(t, err)
		}
		for _, r := range w.requests() {
			if r.Header.Get("Cookie") != "" {
				t.Error("a cookie was kept")
			}
		}
	}
	if n := len(elsewhere.requests()); n != 0 {
		t.Errorf("I6: %d redirects were followed, secret included", n)
	}
}

func TestRetryAfterIsHeardWithinReason(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, "999999999": time.Hour, "-1": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0, "": 0,
	} {
		for _, status := range []string{"429 Slow Down", "503 Service Unavailable"} {
			w := newWire(t, func(c net.Conn, _ *http.Request, _ int) bool {
				return say(c, status, "Retry-After: "+header+"\r\n", "")
			})
			_, err := issue(t.Context(), newTestCaller(t), w.url)
			if got := broker.AsError(err).RetryAfter; got != want {
				t.Errorf("%s with %q: %v, want %v", status, header, got, want)
			}
		}
	}
}
