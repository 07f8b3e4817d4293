package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

// streamTransport answers with a stream that the test writes.
type streamTransport struct{ body io.ReadCloser }

func (s streamTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	// As net/http does, reading fails once the request's context has ended.
	context.AfterFunc(r.Context(), func() { _ = s.body.Close() })
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: s.body, Request: r,
	}, nil
}

func event(t *testing.T, tok api.Token) string {
	t.Helper()
	b, err := json.Marshal(tok)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("event: token\nid: \"%d\"\ndata: %s\n\n", tok.Version, b)
}

func stream(s string) streamTransport {
	return streamTransport{io.NopCloser(strings.NewReader(s))}
}

func TestWatchYieldsTokensUntilTheStreamEnds(t *testing.T) {
	t.Parallel()
	next := token
	next.Version, next.Token = 18, "83_def"
	c := newClientOver(t, stream(":\n\n"+event(t, token)+"event: news\ndata: {}\n\nretry: 5\r\n\r\n"+event(t, next)+"event: token\ndata: {\"cut"))
	var got []api.Token
	var end error
	for tok, err := range c.Watch(t.Context(), "shop", "news") {
		if err != nil {
			end = err
			continue
		}
		got = append(got, tok)
	}
	if diff := cmp.Diff([]api.Token{token, next}, got); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
	if !errors.Is(end, io.ErrUnexpectedEOF) {
		t.Errorf("it ended with %v", end)
	}
}

func TestWatchAsksForTheAppsOnce(t *testing.T) {
	t.Parallel()
	calls := 0
	c := newClient(t, func(_ http.ResponseWriter, r *http.Request) {
		calls++
		if got, want := r.URL.RequestURI(), "/v1/watch?app=shop&app=news"; got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
	})
	for _, err := range c.Watch(t.Context(), "shop", "news") {
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("it ended with %v", err)
		}
	}
	if calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}

func TestWatchStopsWhenItsCallerDoes(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	c := newClientOver(t, streamTransport{r})
	go func() { _, _ = io.WriteString(w, event(t, token)) }()
	for _, err := range c.Watch(t.Context(), "shop") {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if _, err := io.WriteString(w, "x"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the stream is still read: %v", err)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	c := newClientOver(t, streamTransport{r})
	go func() { _, _ = io.WriteString(w, event(t, token)) }()
	var end error
	for _, err := range c.Watch(ctx, "shop") {
		cancel()
		end = err
	}
	if !errors.Is(end, context.Canceled) {
		t.Errorf("it ended with %v", end)
	}
}

func TestWatchEndsWhenTheServerIsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		c := newClientOver(t, streamTransport{r})
		go func() {
			for range 5 {
				_, _ = io.WriteString(w, ":\n\n")
				time.Sleep(15 * time.Second)
			}
		}()
		began := time.Now()
		var end error
		for _, err := range c.Watch(context.Background(), "shop") {
			end = err
		}
		if took := time.Since(began); end == nil || took < time.Minute || took > 3*time.Minute {
			t.Errorf("it ended after %s with %v", took, end)
		}
	})
}

func TestWatchShowsNothingOfAnEventItCannotRead(t *testing.T) {
	t.Parallel()
	c := newClientOver(t, stream("event: token\ndata: {\"token\":83_abc}\n\n"))
	for _, err := range c.Watch(t.Context(), "shop") {
		if err == nil || strings.Contains(err.Error(), "83_abc") {
			t.Errorf("error %v", err)
		}
	}
}

// heard is one yield of a watch, with its error in one word.
type heard struct {
	App  string
	What string
}

func hear(t *testing.T, c *client.Client, apps ...string) []heard {
	t.Helper()
	var all []heard
	for tok, err := range c.Watch(t.Context(), apps...) {
		what := tok.Token
		switch p, _ := errors.AsType[*api.Problem](err); {
		case p != nil && p.Class == api.ClassNotFound && p.Status == http.StatusNotFound && strings.Contains(p.Error(), tok.App):
			what = p.Code
		case errors.Is(err, io.ErrUnexpectedEOF):
			what = "cut"
		case err != nil:
			what = err.Error()
		}
		all = append(all, heard{tok.App, what})
	}
	return all
}

func TestWatchTellsOfAppsThatAreRemoved(t *testing.T) {
	t.Parallel()
	news := token
	news.App = "news"
	there, gone := event(t, token)+event(t, news), func(app string) string { return "event: removed\ndata: {\"app\":\"" + app + "\"}\n\n" }
	both := []heard{{"shop", token.Token}, {"news", token.Token}}
	for name, c := range map[string]struct {
		stream string
		want   []heard
	}{
		"one, and the other goes on": {
			there + gone("shop") + event(t, news),
			append(slices.Clip(both), heard{"shop", api.CodeUnknownApp}, heard{"news", token.Token}, heard{"", "cut"}),
		},
		"all, which is the end": {
			there + gone("shop") + ":\n\n" + gone("news"),
			append(slices.Clip(both), heard{"shop", api.CodeUnknownApp}, heard{"news", api.CodeUnknownApp}),
		},
		"one that comes back": {
			gone("shop") + event(t, token) + gone("news"),
			[]heard{{"shop", api.CodeUnknownApp}, {"shop", token.Token}, {"news", api.CodeUnknownApp}, {"", "cut"}},
		},
		"nothing that has a name": {
			"event: removed\ndata: {}\n\n" + event(t, token),
			[]heard{{"", "GET /v1/watch: an event names no app that was removed"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, hear(t, newClientOver(t, stream(c.stream)), "shop", "news")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzWatchSurvivesAnyStream(f *testing.F) {
	f.Add("event: token\ndata: {}\n\n")
	f.Add("data\ndata:\ndata: a\n\nevent: token\ndata: {\ndata: }\n\n:")
	f.Add("event: removed\ndata: {\"app\":\"shop\"}\n\nevent: token\ndata: {\"app\":\"shop\"}\n\n")
	f.Fuzz(func(t *testing.T, s string) {
		c := newClientOver(t, stream(s))
		ended, removed := false, false
		for tok, err := range c.Watch(t.Context(), "shop") {
			if ended {
				t.Fatal("something came after the end")
			}
			if tok.App == "shop" {
				removed = err != nil
			}
			ended = err != nil && tok.App == ""
		}
		if !ended && !removed {
			t.Fatal("it ended without an error")
		}
	})
}
