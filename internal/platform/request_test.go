package platform_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// requests are of every sort of which the repetition does harm.
func requests() map[string]platform.Request {
	return map[string]platform.Request{
		"query": {Method: http.MethodPost, Query: url.Values{"secret": {secret}}},
		"json":  {Method: http.MethodPost, JSON: map[string]string{"secret": secret}},
		"form":  {Method: http.MethodPost, Form: url.Values{"secret": {secret}}},
		"head":  {Method: http.MethodGet, Header: http.Header{"X-Token": {"Bearer " + secret}, "Idempotency-Key": {"1"}}},
		"basic": {Method: http.MethodPost, Basic: &platform.Basic{Name: "the-app", Password: broker.NewSecret(secret)}, Form: url.Values{"grant_type": {"x"}}},
	}
}

func TestARequestIsSentAsItIsDescribed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ uri, body, contentType, length string }{
		"query": {"/v1/token?secret=" + secret, "", "", "0"},
		"json":  {"/v1/token", `{"secret":"` + secret + `"}`, "application/json", "29"},
		"form":  {"/v1/token", "secret=" + secret, "application/x-www-form-urlencoded", "23"},
		"head":  {"/v1/token", "", "", ""},
		"basic": {"/v1/token", "grant_type=x", "application/x-www-form-urlencoded", "12"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got *http.Request
			var body []byte
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
				w.Header().Set("X-Trace", "tr-1")
				_, _ = io.WriteString(w, `{"a":1}`)
			}))
			t.Cleanup(srv.Close)
			r := requests()[name]
			r.BaseURL, r.Path = srv.URL, "/v1/token"
			a, err := newTestCaller(t).Do(t.Context(), r)
			if err != nil || a.Header("x-trace") != "tr-1" {
				t.Fatalf("%v, %v, trace %q", a, err, a.Header("x-trace"))
			}
			if got.RequestURI != want.uri || got.Method != r.Method || got.Header.Get("Content-Type") != want.contentType || string(body) != want.body {
				t.Errorf("sent %s %s %s with %v", got.Method, got.RequestURI, body, got.Header)
			}
			if got.Header.Get("Content-Length") != want.length || len(got.TransferEncoding) > 0 {
				t.Errorf("the length is said to be %q, in %q", got.Header.Get("Content-Length"), got.TransferEncoding)
			}
			if id, password, ok := got.BasicAuth(); ok != (name == "basic") || ok && (id != "the-app" || password != secret) {
				t.Errorf("shows %q, %q", id, password)
			}
			if got.Header.Get("Idempotency-Key") != "" {
				t.Error("net/http is told that the call may be made twice")
			}
		})
	}
}

func TestNoSortOfRequestIsSentTwice(t *testing.T) {
	t.Parallel()
	for name, r := range requests() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, func(c net.Conn, _ *http.Request, before int) bool {
				return before == 0 && say(c, "200 OK", "", `{"a":1}`)
			})
			c := newTestCaller(t)
			r.BaseURL, r.Path = w.url, "/v1/token"
			if _, err := c.Do(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			_, err := c.Do(t.Context(), r)
			if e := broker.AsError(err); err == nil || e.Code != platform.CodeNoAnswer || !e.Unknown {
				t.Errorf("the outcome of a call that was swallowed is %v", err)
			}
			if n := len(w.requests()); n != 2 {
				t.Errorf("two calls reached the server as %d requests", n)
			}
		})
	}
}

func TestErrorsQuoteNothingOfARequestI6(t *testing.T) {
	t.Parallel()
	for name, r := range requests() {
		c := platform.NewCaller(tripper(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			return nil, fmt.Errorf("sent %s %v %s", r.URL, r.Header, body)
		}))
		r.BaseURL, r.Path = "https://platform.test", "/v1/token"
		_, err := c.Do(t.Context(), r)
		all := fmt.Sprintf("%+v %#v %v", err, err, errors.Unwrap(err))
		if err == nil || strings.Contains(all, secret) || strings.Contains(all, "dGhlLWFwcD") {
			t.Errorf("%s: %s", name, all)
		}
	}
}

// A value that cannot be sent is found before anything leaves, so that the outcome is known.
func TestAHeaderThatCannotBeSentIsRefusedHere(t *testing.T) {
	t.Parallel()
	sent := 0
	c := platform.NewCaller(tripper(func(*http.Request) (*http.Response, error) { sent++; return nil, io.EOF }))
	_, err := c.Do(t.Context(), platform.Request{Method: http.MethodGet, BaseURL: "https://platform.test", Path: "/", Header: http.Header{"X-Key": {secret + "\n"}}})
	if e := broker.AsError(err); err == nil || e.Unknown || e.Class != broker.Misconfigured || sent > 0 || strings.Contains(fmt.Sprintf("%+v", e), secret) {
		t.Errorf("%+v after %d calls", err, sent)
	}
}
