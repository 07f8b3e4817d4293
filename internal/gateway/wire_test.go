package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/stacktest"
)

// platformFunc answers in the platform's place.
type platformFunc func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f platformFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// besides lets f answer business calls, and the sandbox everything else.
func besides(f platformFunc) func(http.RoundTripper) http.RoundTripper {
	return func(sandbox http.RoundTripper) http.RoundTripper {
		return platformFunc(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Path, "/test/") {
				return f(r)
			}
			return sandbox.RoundTrip(r)
		})
	}
}

func says(status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// I6: what is between the caller and this server stays there.
func TestI6NothingOfTheCallerGoesAlong(t *testing.T) {
	t.Parallel()
	var got *http.Request
	platform := besides(func(r *http.Request) (*http.Response, error) {
		got = r.Clone(context.Background())
		return says(http.StatusOK, nil, "{}"), nil
	})
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		for _, door := range []string{"key", "token"} {
			target, header := "/gateway/"+stacktest.App+"/test/x?a=1&b=%20", http.Header{}
			if door == "token" {
				target = withToken("/test/x?a=1&b=%20", s.token(virtualKey))
				header.Set("Authorization", "Basic dXNlcjpwYXNz")
			} else {
				header.Set("Authorization", "Bearer "+callerKey)
			}
			for name, value := range map[string]string{
				"Cookie": "session=1", "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "evil.example", "Forwarded": "for=10.0.0.1",
				"X-Forwarded-Anything": "1", "X-Real-Ip": "10.0.0.1", "Via": "1.1 proxy", "Proxy-Authorization": "Basic eA==", "Connection": "X-Secret, keep-alive, Upgrade",
				"X-Secret": "1", "Upgrade": "websocket", "Te": "trailers", "Keep-Alive": "1", "Origin": "http://evil.example", "Referer": "http://internal/",
				"Idempotency-Key": "1", "X-Http-Method-Override": "DELETE", "Expect": "100-continue", "X-Hufu-Anything": "1",
				"Accept-Encoding": "br, gzip;q=0.5", "User-Agent": "sdk/1.0", "Accept": "application/json", "Accept-Language": "zh-CN", "Content-Type": "application/json; charset=utf-8", "X-Tt-Anything": "kept",
			} {
				header.Set(name, value)
			}
			r := request(http.MethodPost, target, `{"a":1}`)
			r.Header, r.Host = header, "evil.example"
			if a := s.send(r); a.status != http.StatusOK {
				t.Fatalf("%s: %d %s", door, a.status, a.body)
			}
			want := http.Header{
				"User-Agent": {"sdk/1.0"}, "Accept": {"application/json"}, "Accept-Language": {"zh-CN"}, "Content-Type": {"application/json; charset=utf-8"},
				"X-Tt-Anything": {"kept"},
			}
			for name, vs := range got.Header {
				if strings.Join(vs, ",") != strings.Join(want[name], ",") {
					t.Errorf("%s: the header %s went along as %q, want %q", door, name, vs, want[name])
				}
			}
			for name := range want {
				if got.Header[name] == nil {
					t.Errorf("%s: the header %s is lost", door, name)
				}
			}
			q := got.URL.Query()
			if got.URL.Host != "sandbox" || got.Host != "" && got.Host != "sandbox" || q.Get("a") != "1" || q.Get("b") != " " || len(q["access_token"]) != 1 || strings.HasPrefix(q.Get("access_token"), "hv1_") {
				t.Errorf("%s: it went to %s as %s", door, got.URL, got.Host)
			}
		}
	})
}

// I6: an answer that quotes its request quotes no secret to the caller, and tells
// browsers nothing about this host.
func TestI6AnswersQuoteNoSecrets(t *testing.T) {
	t.Parallel()
	platform := besides(func(r *http.Request) (*http.Response, error) {
		h := http.Header{
			"Location": {"https://other.example" + r.URL.RequestURI()}, "Set-Cookie": {"a=b"}, "Strict-Transport-Security": {"max-age=1"}, "Alt-Svc": {"h3"},
			"Access-Control-Allow-Origin": {"*"}, "X-Kept": {"yes"}, "Content-Type": {"application/json"},
		}
		return says(http.StatusFound, h, `{"errcode":1,"errmsg":"no: `+r.URL.RequestURI()+`"}`), nil
	})
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		plain := s.token(callerKey)
		for name, a := range map[string]answer{
			"virtual": s.get("/test/x", s.token(virtualKey)),
			"key":     s.keyed(http.MethodGet, "/test/x", callerKey, ""),
		} {
			if a.status != http.StatusFound || bytes.Contains(a.body, []byte(plain)) || a.Errmsg == "" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
			for h, vs := range a.header {
				if strings.Contains(strings.Join(vs, ","), plain) {
					t.Errorf("%s: the header %s has the token", name, h)
				}
			}
			for _, h := range []string{"Set-Cookie", "Strict-Transport-Security", "Alt-Svc", "Access-Control-Allow-Origin"} {
				if a.header.Get(h) != "" {
					t.Errorf("%s: the header %s is passed on", name, h)
				}
			}
			if a.header.Get("X-Kept") != "yes" {
				t.Errorf("%s: a header is lost: %v", name, a.header)
			}
		}
		if strings.Contains(s.Log.String(), plain) {
			t.Error("the token is in the log")
		}
	})
}

// I3: what goes wrong on the way is told for what it is, and without an address that
// could hold a token. A call that may have reached the platform is not made again.
func TestACallWithoutAnAnswerIsMadeOnceAndSaysSo(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	made := 0
	platform := besides(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		made++
		return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: errors.New("connection reset by peer")}
	})
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		plain := s.token(callerKey)
		bare := s.post("/test/x", s.token(virtualKey), text)
		if bare.status != http.StatusOK || bare.Errcode != -1 {
			t.Errorf("%d %s", bare.status, bare.body)
		}
		keyed := s.keyed(http.MethodPost, "/test/x", callerKey, text)
		if keyed.status != http.StatusBadGateway || keyed.Code != "platform_unreachable" || keyed.Hint == "" {
			t.Errorf("%d %s", keyed.status, keyed.body)
		}
		if made != 2 {
			t.Errorf("%d calls were made for 2", made)
		}
		for _, text := range []string{string(bare.body), string(keyed.body), s.Log.String()} {
			if strings.Contains(text, plain) {
				t.Errorf("the token is told: %s", text)
			}
		}
	})
}

// A caller that vanishes takes its call along, whether the platform has answered or not.
func TestACallEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	ended := make(chan string, 10)
	platform := besides(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/test/hang" {
			<-r.Context().Done()
			ended <- "before the answer"
			return nil, r.Context().Err()
		}
		pr, pw := io.Pipe()
		go func() {
			_, _ = pw.Write([]byte("the beginning"))
			<-r.Context().Done()
			_ = pw.CloseWithError(r.Context().Err())
			ended <- "within the answer"
		}()
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"video/mp4"}}, Body: pr, ContentLength: -1, Request: r}, nil
	})
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		opaque := s.token(virtualKey)
		for _, at := range []string{"/test/hang", "/test/stream"} {
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, withToken(at, opaque), nil))
			})
			time.Sleep(20 * time.Second)
			synctest.Wait()
			select {
			case when := <-ended:
				t.Errorf("%s: it ended %s while the caller was there", at, when)
			default:
			}
			cancel()
			wg.Wait()
			synctest.Wait()
			select {
			case <-ended:
			default:
				t.Errorf("%s: it goes on without its caller", at)
			}
		}
		// Nor does a platform that has fallen asleep keep a caller for ever.
		for _, at := range []string{"/test/hang", "/test/stream"} {
			began := time.Now()
			a := s.get(at, opaque)
			if took := time.Since(began); took > 2*time.Minute || at == "/test/hang" && a.Errcode != -1 {
				t.Errorf("%s: %d %s after %v", at, a.status, a.body, took)
			}
		}
	})
}

// Bodies pass as they come, in both ways, with nothing waited for.
func TestBodiesStream(t *testing.T) {
	t.Parallel()
	platform := besides(func(r *http.Request) (*http.Response, error) {
		// Each line is answered as soon as it is there.
		pr, pw := io.Pipe()
		go func() {
			lines := bufio.NewScanner(r.Body)
			for lines.Scan() {
				_, _ = pw.Write([]byte("got " + lines.Text() + "\n"))
			}
			_ = pw.Close()
		}()
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/octet-stream"}}, Body: pr, ContentLength: -1, Request: r}, nil
	})
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		up, write := io.Pipe()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, withToken("/test/echo", s.token(virtualKey)), up)
		r.ContentLength = 8 << 20 // more than is kept, so that nothing is waited for
		w := &lineWriter{header: http.Header{}, lines: make(chan string, 10)}
		go func() {
			s.ServeHTTP(w, r)
			close(w.lines)
		}()
		for _, line := range []string{"one", "two", "three"} {
			if _, err := write.Write([]byte(line + "\n")); err != nil {
				t.Fatal(err)
			}
			if got := <-w.lines; got != "got "+line+"\n" {
				t.Errorf("%q for %q", got, line)
			}
		}
		_ = write.Close()
		for range w.lines {
			t.Error("more than was sent")
		}
	})
}

type lineWriter struct {
	header http.Header
	lines  chan string
}

func (w *lineWriter) Header() http.Header { return w.header }
func (*lineWriter) WriteHeader(int)       {}
func (*lineWriter) Flush()                {}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.lines <- string(b)
	return len(b), nil
}

// However a request is written, what goes out goes to the app's own host, with that app's
// token and no other, and only where the caller showed something that allows it.
func FuzzForward(f *testing.F) {
	for _, target := range []string{
		"/cgi-bin/user/get", "/gateway/shop/cgi-bin/user/get", "//evil.example/x", "/gateway/shop/../../v1/apps", "/gateway//x", "/gateway/shop%2f..%2fx/y",
		"/v1/apps", "/sns/userinfo?access_token=x", "/test/x?access_token=a&access%5ftoken=b;access_token=c", "/gateway/shop//v1/../", "/test/%E5%BC%A0?x#y",
	} {
		f.Add(http.MethodGet, target, "X-Forwarded-Host", "evil.example", "")
	}
	f.Add(http.MethodPost, "/test/x", "Transfer-Encoding", "chunked", "body")
	f.Add("CONNECT", "/test/x", "Upgrade", "h2c", "")
	var mu sync.Mutex
	var out []*http.Request
	// The sandbox answers what is sent to a real platform; nothing is sent anywhere else.
	s := newStack(f, stackConfig{transport: func(sandbox http.RoundTripper) http.RoundTripper {
		return platformFunc(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			out = append(out, r.Clone(context.Background()))
			mu.Unlock()
			if r.URL.Host != "sandbox" {
				return says(http.StatusOK, nil, "{}"), nil
			}
			return sandbox.RoundTrip(r)
		})
	}})
	opaque, plain := s.token(virtualKey), s.token(callerKey)
	f.Fuzz(func(t *testing.T, method, target, name, value, body string) {
		for _, shown := range []string{"", "key", opaque} {
			u, err := url.ParseRequestURI(target)
			if err != nil || method == "" || strings.ContainsAny(method, " \r\n") {
				return
			}
			r := &http.Request{Method: method, URL: u, Header: http.Header{http.CanonicalHeaderKey(name): {value}}, Host: value, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), RemoteAddr: "127.0.0.1:1", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
			switch shown {
			case "":
			case "key":
				r.Header.Set("Authorization", "Bearer "+callerKey)
			default:
				r.URL.RawQuery = "access_token=" + shown + "&" + r.URL.RawQuery
			}
			mu.Lock()
			out = nil
			mu.Unlock()
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r.WithContext(t.Context()))
			mu.Lock()
			for _, o := range out {
				if o.URL.Host != "sandbox" || o.URL.Scheme != "http" || o.Host != "" && o.Host != "sandbox" {
					t.Errorf("%s %q went to %s as %q", method, target, o.URL, o.Host)
				}
				if plain := path.Clean(o.URL.Path); o.URL.Path != plain && o.URL.Path != plain+"/" {
					t.Errorf("%s %q went out as %q", method, target, o.URL.Path)
				}
				for _, vs := range o.Header {
					if strings.Contains(strings.Join(vs, ","), callerKey) {
						t.Errorf("%s %q took the key along", method, target)
					}
				}
				if strings.Contains(o.URL.RawQuery, opaque) && !strings.HasPrefix(o.URL.Path, "/sns/") && !strings.Contains(target, opaque) {
					t.Errorf("%s %q took the virtual token along: %s", method, target, o.URL.RawQuery)
				}
				if shown == "" && strings.Contains(o.URL.RawQuery, plain) {
					t.Errorf("%s %q was opened although nothing was shown", method, target)
				}
			}
			mu.Unlock()
			if strings.Contains(w.Body.String(), plain) && !strings.Contains(u.Path, "/v1/apps/shop/tokens/") {
				t.Errorf("%s %q was answered with the token: %s", method, target, w.Body)
			}
		}
	})
}
