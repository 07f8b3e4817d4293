package gateway_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/stacktest"
)

const (
	pause  = 40 * time.Second // less than a body may stand still
	pauses = 8                // and together more than five minutes
)

// drip gives one byte after each pause, until nobody reads any more.
type drip struct {
	left  int
	pause time.Duration
	gone  <-chan struct{}
}

func (d *drip) Read(b []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	select {
	case <-d.gone:
		return 0, errors.New("nobody reads any more")
	case <-time.After(d.pause):
		d.left--
		b[0] = 'x'
		return 1, nil
	}
}

func (*drip) Close() error { return nil }

// A body that moves may take as long as it takes, in both ways.
func TestABodyThatMovesTakesItsTime(t *testing.T) {
	t.Parallel()
	platform := besides(func(r *http.Request) (*http.Response, error) {
		if kind, ok := strings.CutPrefix(r.URL.Path, "/test/down/"); ok {
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, ContentLength: -1,
				Body: &drip{pauses, pause, r.Context().Done()},
			}, nil
		}
		b, err := io.ReadAll(r.Body)
		if err == nil {
			err = r.Context().Err()
		}
		if err != nil {
			return nil, err
		}
		return says(http.StatusOK, nil, strings.Repeat("y", len(b))), nil
	})
	small := func(c *gateway.Config) { c.MaxReplay = 4 }
	inBubble(t, stackConfig{transport: platform, change: small}, func(t *testing.T, s *stack) {
		tok := s.token(virtualKey)
		for _, kind := range []string{"video/mp4", "text/event-stream"} {
			began := time.Now()
			a := s.get("/test/down/"+kind, tok)
			if a.status != http.StatusOK || string(a.body) != strings.Repeat("x", pauses) {
				t.Errorf("an answer of the type %s: %d %q after %v", kind, a.status, a.body, time.Since(began))
			}
		}
		const begins = "what is kept" // comes at once
		for _, length := range []int64{int64(len(begins)) + pauses, -1} {
			began := time.Now()
			body := io.MultiReader(strings.NewReader(begins), &drip{pauses, pause, t.Context().Done()})
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, withToken("/test/up", tok), body)
			r.ContentLength = length
			if a := s.send(r); a.status != http.StatusOK || string(a.body) != strings.Repeat("y", len(begins)+pauses) {
				t.Errorf("a body of the length %d: %d %s after %v", length, a.status, a.body, time.Since(began))
			}
		}
	})
}

// A call in which nothing moves ends after a minute, with words that say so.
func TestACallThatStandsStillEnds(t *testing.T) {
	t.Parallel()
	platform := besides(func(r *http.Request) (*http.Response, error) {
		switch r.URL.Path {
		case "/test/half", "/test/media":
			kind, begins := "application/json", `{"errcode":0,`
			if r.URL.Path == "/test/media" {
				kind, begins = "video/mp4", "media"
			}
			body := &drip{10, time.Hour, r.Context().Done()}
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, ContentLength: -1,
				Body: struct {
					io.Reader
					io.Closer
				}{io.MultiReader(strings.NewReader(begins), body), body},
			}, nil
		default: // It takes nothing and says nothing.
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
	})
	small := func(c *gateway.Config) { c.MaxReplay = 4 }
	inBubble(t, stackConfig{transport: platform, change: small}, func(t *testing.T, s *stack) {
		tok := s.token(virtualKey)
		for _, path := range []string{"/test/none", "/test/half"} {
			for _, body := range []string{"", text} {
				began := time.Now()
				bare, keyed := s.post(path, tok, body), s.keyed(http.MethodPost, path, callerKey, body)
				if bare.status != http.StatusOK || bare.Errcode != -1 || !strings.Contains(bare.Errmsg, "stood still") {
					t.Errorf("%s: %d %s", path, bare.status, bare.body)
				}
				if keyed.status != http.StatusBadGateway || keyed.Code != broker.ErrUnreachable.Code || !strings.Contains(keyed.Detail, "stood still") || keyed.Hint == "" {
					t.Errorf("%s with a key: %d %s", path, keyed.status, keyed.body)
				}
				if took := time.Since(began); took != 2*time.Minute {
					t.Errorf("%s: two calls took %v", path, took)
				}
			}
		}
		began := time.Now()
		a := s.get("/test/media", tok)
		if took := time.Since(began); took != time.Minute || string(a.body) != "media" {
			t.Errorf("an answer that does not go on: %d %q after %v", a.status, a.body, took)
		}
	})
}

// A call that is made again has its time again.
func TestACallThatIsMadeAgainHasItsTimeAgain(t *testing.T) {
	t.Parallel()
	const slow = 50 * time.Second
	wait := func(r *http.Request) error {
		select {
		case <-time.After(slow):
			return nil
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	platform := func(next http.RoundTripper) http.RoundTripper {
		dead := ""
		return platformFunc(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Path, "/sns/") {
				if err := wait(r); err != nil {
					return nil, err
				}
				return next.RoundTrip(r)
			}
			if !strings.HasPrefix(r.URL.Path, "/test/") {
				return next.RoundTrip(r)
			}
			if err := wait(r); err != nil {
				return nil, err
			}
			tok := r.URL.Query().Get("access_token")
			if dead == "" {
				dead = tok
			}
			if tok == dead {
				return says(http.StatusOK, nil, `{"errcode":42001,"errmsg":"access_token expired"}`), nil
			}
			return says(http.StatusOK, nil, `{"errcode":0,"errmsg":"ok"}`), nil
		})
	}
	app := stacktest.NewApp("api-two", stacktest.OtherID)
	app.Secrets = []broker.Secret{broker.NewSecret(strings.Repeat("0", 32)), broker.NewSecret(stacktest.Secret)}
	inBubble(t, stackConfig{Config: stacktest.Config{Mode: "classic", Apps: []*broker.App{app}}, transport: platform}, func(t *testing.T, s *stack) {
		if _, err := s.Sandbox.KillCurrent(stacktest.AppID, sandbox.Classic); err != nil {
			t.Fatal(err)
		}
		if a := s.post("/test/x", s.token(virtualKey), text); !a.ok() {
			t.Errorf("a call that met a dead token: %s", a.body)
		}
		code, err := s.Sandbox.NewJSCode(stacktest.OtherID, "oMini")
		if err != nil {
			t.Fatal(err)
		}
		a := s.send(request(http.MethodGet, exchangePath("/sns/jscode2session",
			"appid", stacktest.OtherID, "secret", callerKey, "js_code", code, "grant_type", "authorization_code"), ""))
		if !a.ok() || a.OpenID != "oMini" {
			t.Errorf("an exchange with the second secret: %s", a.body)
		}
	})
}

// I6: what ended a call is said in words, and never in those of the error, which quotes
// the call's address.
func TestI6EachWayToGetNoAnswerHasItsWords(t *testing.T) {
	t.Parallel()
	var fault error
	platform := besides(func(*http.Request) (*http.Response, error) { return nil, fault })
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		for want, err := range map[string]error{
			"did not answer in time":                      &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded},
			"the platform cannot be reached":              &net.OpError{Op: "dial", Err: errors.New("connection refused at secret.example")},
			"could not be reached, or broke the call off": errors.New("something with secret.example in it"),
			"the platform could not be reached, or broke": &net.OpError{Op: "read", Err: errors.New("connection reset by secret.example")},
		} {
			fault = err
			a := s.keyed(http.MethodGet, "/test/x", callerKey, "")
			if a.status != http.StatusBadGateway || !strings.Contains(a.Detail, want) || a.Hint == "" {
				t.Errorf("%v: %d %s, want %q", err, a.status, a.body, want)
			}
			if bytes.Contains(a.body, []byte("secret.example")) {
				t.Errorf("the error is quoted: %s", a.body)
			}
		}
		// A body that breaks off is its caller's fault.
		r := request(http.MethodPost, withToken("/test/x", s.token(virtualKey)), "")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("half")), 100
		if a := s.send(r); a.Errcode == 0 || a.Errcode == -1 || !strings.Contains(a.Errmsg, "body_unreadable") {
			t.Errorf("a body that breaks off: %s", a.body)
		}
		if strings.Contains(s.Log.String(), "secret.example") {
			t.Error("the error is in the log")
		}
	})
}
