package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

const key = "hufu_0123456789abcdefghijklmnopqrstuv000000"

// handlerTransport calls a handler in process. The handler's context ends with the
// request's, as over a network.
type handlerTransport struct{ h http.Handler }

func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	t.h.ServeHTTP(w, r)
	return w.Result(), nil
}

func newClient(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	return newClientOver(t, handlerTransport{h})
}

func newClientOver(t *testing.T, rt http.RoundTripper) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Addr: "http://hufu.test/", Key: key, HTTPClient: &http.Client{Transport: rt}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var token = api.Token{
	App: "shop", Kind: "access_token", Token: "83_abc", Version: 17, ExpiresIn: 3412,
	Expiry: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC),
}

func TestARefusalIsAProblem(t *testing.T) {
	t.Parallel()
	want := &api.Problem{
		Title: "Bad Gateway", Status: 502, Code: "wechat_bad_secret", Class: api.ClassBadCredential, Hint: "set the secret", RequestID: "r1",
		Platform: &api.PlatformError{Code: "40125", Message: "invalid appsecret"},
	}
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(want.Status)
		_ = json.NewEncoder(w).Encode(want)
	})
	_, err := c.Token(t.Context(), "shop", "access_token", client.TokenOptions{})
	got, ok := errors.AsType[*api.Problem](err)
	if !ok {
		t.Fatalf("%v is no problem", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
	for _, err := range c.Watch(t.Context(), "shop") {
		if p, ok := errors.AsType[*api.Problem](err); !ok || p.Code != want.Code {
			t.Errorf("Watch: %v", err)
		}
	}
}

func TestARefusalSaysWhenToTryAgain(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]struct {
		after time.Duration
		text  string
	}{
		"7": {7 * time.Second, "busy; wait; try again in 7 s"}, "": {0, "busy; wait"}, "-1": {0, "busy; wait"}, "soon": {0, "busy; wait"},
		"99999999999": {24 * time.Hour, "busy; wait; try again in 86400 s"},
	} {
		c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"code":"not_ready","detail":"busy","hint":"wait"}`)
		})
		_, err := c.App(t.Context(), "shop")
		if p, ok := errors.AsType[*api.Problem](err); !ok || p.RetryAfter != want.after || p.Error() != want.text {
			t.Errorf("Retry-After %q: %v, want %q", header, err, want.text)
		}
	}
}

func TestAKeyThatCannotBeSentIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"hufu_x\n", "hufu\x00x", "hufu_x\x7f"} {
		_, err := client.New(client.Config{Addr: "http://127.0.0.1", Key: key})
		if err == nil || !strings.Contains(err.Error(), "client key") || strings.Contains(err.Error(), "hufu") {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

func TestWhatIsNoAnswerOfTheServerIsNotTakenForOne(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status            int
		contentType, body string
		class             string
	}{
		"a proxy's error page":  {http.StatusBadGateway, "text/html", "<h1>83_abc</h1>", api.ClassTransient},
		"some other server":     {http.StatusNotFound, "text/html", "nothing here", api.ClassMisconfigured},
		"a redirect":            {http.StatusFound, "text/html", "", api.ClassMisconfigured},
		"a page with status ok": {http.StatusOK, "text/html", "<h1>Welcome 83_abc</h1>", api.ClassMisconfigured},
		"a problem without code": {
			http.StatusInternalServerError, "application/problem+json", `{"title":"83_abc"}`, api.ClassTransient,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				w.Header().Set("Content-Type", tc.contentType)
				w.Header().Set("Location", "http://elsewhere.test/")
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			})
			_, err := c.App(t.Context(), "shop")
			p, ok := errors.AsType[*api.Problem](err)
			if !ok {
				t.Fatalf("%v is no problem", err)
			}
			if p.Code != client.CodeUnexpected || p.Class != tc.class || p.Status != tc.status {
				t.Errorf("problem %+v, want class %s and status %d", p, tc.class, tc.status)
			}
			if strings.Contains(err.Error(), "83_abc") {
				t.Errorf("the error repeats the answer: %v", err)
			}
			if calls != 1 {
				t.Errorf("%d calls, want 1: no redirect is followed", calls)
			}
		})
	}
}

func TestNoNewerVersionIsNotModified(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	if _, err := c.Token(t.Context(), "shop", "access_token", client.TokenOptions{Seen: 17}); !errors.Is(err, client.ErrNotModified) {
		t.Errorf("error %v, want ErrNotModified", err)
	}
}

type failingTransport struct{ err error }

func (f failingTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestErrorsAndPrintingShowNoKeyAndNoToken(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	c := newClientOver(t, failingTransport{cause})
	_, err := c.RenewToken(t.Context(), "shop", "access_token", "83_abc")
	if !errors.Is(err, cause) {
		t.Errorf("error %v does not wrap its cause", err)
	}
	cfg := client.Config{Addr: "http://hufu.test", Key: key}
	j, _ := json.Marshal(cfg)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "x", "cfg", cfg, "client", c)
	_, badErr := client.New(client.Config{Addr: "http://user:pass word@" + key, Key: key})
	if badErr == nil {
		t.Error("an address that is no URL was taken")
	}
	all := fmt.Sprintf("%v %s %v %+v %#v %v %+v %#v %s %v", err, j, cfg, cfg, cfg, c, c, c, log.String(), badErr)
	for _, secret := range []string{key, "83_abc"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is shown: %s", secret, all)
		}
	}
}

func TestOnlyAnAddressThatIsOneIsTaken(t *testing.T) {
	t.Parallel()
	for addr, ok := range map[string]bool{
		"http://127.0.0.1:8080": true, "https://hufu.example/": true, "https://hufu.example/hufu": true,
		"": false, "127.0.0.1:8080": false, "ftp://x": false, "http://": false, "http://u:p@x": false, "http://x?y": false, "http://x#y": false,
	} {
		if _, err := client.New(client.Config{Addr: addr, Key: key}); (err == nil) != ok {
			t.Errorf("New(%q): %v, want ok %t", addr, err, ok)
		}
	}
}

func TestAPathBeforeTheAPIIsKept(t *testing.T) {
	t.Parallel()
	var got *url.URL
	c, err := client.New(client.Config{Addr: "http://proxy.test/hufu/", Key: key, HTTPClient: &http.Client{Transport: handlerTransport{
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.URL
			_, _ = io.WriteString(w, "{}")
		}),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.App(t.Context(), "shop"); err != nil || got.Path != "/hufu/v1/apps/shop" {
		t.Errorf("asked %v, error %v", got, err)
	}
}

func TestACallWithoutADeadlineGetsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClientOver(t, hangingTransport{})
		began := time.Now()
		_, err := c.App(context.Background(), "shop")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Minute {
			t.Errorf("error %v after %s", err, time.Since(began))
		}
		began = time.Now()
		const wait = 5 * time.Minute
		if _, err = c.Token(context.Background(), "shop", "access_token", client.TokenOptions{Wait: wait}); time.Since(began) <= wait {
			t.Errorf("a long poll of %s was given up after %s: %v", wait, time.Since(began), err)
		}
	})
}

type hangingTransport struct{}

func (hangingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
