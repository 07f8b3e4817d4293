package sink_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sink"
)

// The secret of the examples of Standard Webhooks.
const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// received is one call that a receiver got.
type received struct {
	Method, Path, Type, ID, Timestamp, Signature, Body string
}

// receiver records webhooks and answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []received
	answer func(http.ResponseWriter, *http.Request) // nil: 204
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.calls = append(r.calls, received{
			req.Method, req.URL.RequestURI(), req.Header.Get("Content-Type"), req.Header.Get("webhook-id"),
			req.Header.Get("webhook-timestamp"), req.Header.Get("webhook-signature"), string(body),
		})
		answer := r.answer
		r.mu.Unlock()
		if answer == nil {
			answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
		}
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.calls...)
}

func hook(url string) broker.Sink {
	return broker.Sink{Type: sink.Webhook, URL: broker.NewSecret(url), Secret: broker.NewSecret(hookSecret)}
}

// signed is the signature by the text of the specification.
func signed(t *testing.T, c received) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookSecret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(c.ID + "." + c.Timestamp + "." + c.Body))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestWebhooksTellOfATokenAndAreSigned(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	now := time.Date(2026, 11, 21, 8, 0, 7, 0, time.UTC)
	p := replica(t, func() time.Time { return now })
	with := hook(r.URL + "/b")
	with.IncludeToken = true
	write(t, place(t, p, hook(r.URL+"/a?b=c")), token("shop", 7))
	write(t, place(t, p, with), token("shop", 7))
	stamp := strconv.FormatInt(now.Unix(), 10)
	want := []received{{
		Method: "POST", Path: "/a?b=c", Type: "application/json", ID: "shop/access_token/7/1795244400", Timestamp: stamp,
		Body: `{"app":"shop","kind":"access_token","version":7,"expiry":"2026-11-21T09:00:00Z","issued_at":"2026-11-21T07:00:00Z"}`,
	}, {
		Method: "POST", Path: "/b", Type: "application/json", ID: "shop/access_token/7/1795244400", Timestamp: stamp,
		Body: `{"app":"shop","kind":"access_token","version":7,"expiry":"2026-11-21T09:00:00Z","issued_at":"2026-11-21T07:00:00Z","token":"tok-shop-7"}`,
	}}
	for i := range want {
		want[i].Signature = signed(t, want[i])
	}
	if diff := cmp.Diff(want, r.all()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryReplicaAndEveryAttemptGivesAWebhookTheSameName(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	names := map[string]int{}
	again := token("shop", 7)
	again.Issued = again.Issued.Add(time.Hour) // the app was removed and added again
	ticket := token("shop", 7)
	ticket.Key.Kind = broker.JSAPITicket
	for range 3 {
		p := replica(t, time.Now)
		for _, tok := range []broker.Token{token("shop", 7), token("shop", 8), token("news", 7), again, ticket} {
			write(t, place(t, p, hook(r.URL)), tok)
		}
	}
	for _, c := range r.all() {
		names[c.ID]++
		if strings.ContainsAny(c.ID, ".\r\n") {
			t.Errorf("the name %q breaks the signature's form", c.ID)
		}
	}
	if len(names) != 5 {
		t.Errorf("%d names for 5 tokens: %v", len(names), names)
	}
	for id, n := range names {
		if n != 3 {
			t.Errorf("%s was told %d times by 3 replicas", id, n)
		}
	}
}

func TestOnlyASuccessIsOneAndRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := newReceiver(t)
	for status, ok := range map[int]bool{
		200: true, 202: true, 204: true, 299: true,
		301: false, 302: false, 307: false, 308: false, 400: false, 404: false, 410: false, 429: false, 500: false, 503: false,
	} {
		r := newReceiver(t)
		r.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "tok-shop-7")
		}
		err := place(t, replica(t, time.Now), hook(r.URL+"/secret-path")).Write(t.Context(), token("shop", 7))
		if (err == nil) != ok {
			t.Errorf("%d: error %v", status, err)
		}
		if err != nil && (!strings.Contains(err.Error(), strconv.Itoa(status)) || !strings.Contains(err.Error(), r.URL)) {
			t.Errorf("%d: the error does not say what came from where: %v", status, err)
		}
	}
	if n := len(elsewhere.all()); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestWebhookErrorsShowNoSecret_I6(t *testing.T) {
	t.Parallel()
	gone := newReceiver(t)
	gone.Close()
	hangs, garbage := newReceiver(t), newReceiver(t)
	released := make(chan struct{})
	t.Cleanup(func() { close(released) })
	hangs.answer = func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-released:
		}
	}
	garbage.answer = func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "tok-shop-7 s3cret "+hookSecret+"\r\n")
		_ = conn.Close()
	}
	for _, url := range []string{gone.URL, hangs.URL, garbage.URL, "https://127.0.0.1:1"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		s := hook(url + "/s3cret?key=s3cret")
		s.IncludeToken = true
		err := place(t, replica(t, time.Now), s).Write(ctx, token("shop", 7))
		cancel()
		if err == nil {
			t.Errorf("%s: no error", url)
			continue
		}
		for _, hidden := range []string{"?key=", "tok-shop", strings.TrimPrefix(hookSecret, "whsec_")} {
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("%s: the error shows %q: %v", url, hidden, err)
			}
		}
	}
}

func TestAnEndlessAnswerIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.answer = func(w http.ResponseWriter, req *http.Request) {
		for req.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := place(t, replica(t, time.Now), hook(r.URL)).Write(ctx, token("shop", 7)); err != nil {
		t.Error(err)
	}
}

func TestDescriptionsOfSinksAreChecked(t *testing.T) {
	t.Parallel()
	redis := redisSink("redis://127.0.0.1", "k")
	change := func(s broker.Sink, f func(*broker.Sink)) broker.Sink {
		f(&s)
		return s
	}
	p := replica(t, time.Now)
	for name, s := range map[string]broker.Sink{
		"no type":                     {},
		"an unknown type":             {Type: "kafka"},
		"a redis without a url":       {Type: sink.Redis, Key: "k"},
		"a redis without a key":       redisSink("redis://127.0.0.1", ""),
		"a key with braces":           redisSink("redis://127.0.0.1", "{k}"),
		"an unknown format":           change(redis, func(s *broker.Sink) { s.Format = "xml" }),
		"a redis with a path":         change(redis, func(s *broker.Sink) { s.Path = "/a" }),
		"a redis in public":           redisSink("redis://8.8.8.8", "k"),
		"a webhook without a secret":  {Type: sink.Webhook, URL: broker.NewSecret("https://h/")},
		"a webhook without a url":     {Type: sink.Webhook, Secret: broker.NewSecret(hookSecret)},
		"a webhook with a key":        change(hook("https://h/"), func(s *broker.Sink) { s.Key = "k" }),
		"a token in the clear":        change(hook("http://10.0.0.1/"), func(s *broker.Sink) { s.IncludeToken = true }),
		"a file with a url":           {Type: sink.JSON, Path: "/a", URL: broker.NewSecret("https://h/")},
		"a json file with a key":      {Type: sink.JSON, Path: "/a", Key: "k"},
		"a properties file of a path": {Type: sink.Properties, Path: "/a/"},
	} {
		if _, err := p.Open(s); err == nil {
			t.Errorf("%s was opened: %v", name, fmt.Sprintf("%+v", s))
		}
	}
	for _, s := range []broker.Sink{redis, hook("https://h/"), hook("http://10.0.0.1/"), props("/a")} {
		if _, err := p.Open(s); err != nil {
			t.Errorf("%s: %v", s.Type, err)
		}
	}
	if _, err := sink.NewPlaces(sink.PlacesConfig{}); err == nil {
		t.Error("places without parts were made")
	}
}
