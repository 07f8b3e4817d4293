package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

// streams answers each call with the next stream, and then with the last one again.
type streams struct {
	answers []streamed
	calls   []time.Time
}

// streamed is the tokens of one stream, or a refusal. A stream that stays open ends with
// the request.
type streamed struct {
	status   int
	versions []int64
	open     bool
}

func (s *streams) RoundTrip(r *http.Request) (*http.Response, error) {
	a := s.answers[min(len(s.calls), len(s.answers)-1)]
	s.calls = append(s.calls, time.Now())
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r}
	if a.status != 0 {
		resp.StatusCode = a.status
		resp.Header.Set("Content-Type", "application/problem+json")
		body := fmt.Sprintf(`{"code":"c","class":%q,"detail":"refused"}`, map[bool]string{true: api.ClassTransient, false: api.ClassDenied}[a.status >= 500])
		resp.Body = io.NopCloser(strings.NewReader(body))
		return resp, nil
	}
	var b bytes.Buffer
	for _, v := range a.versions {
		for _, kind := range []string{"access_token", "jsapi_ticket"} {
			fmt.Fprintf(&b, "event: token\ndata: {\"kind\":%q,\"version\":%d}\n\n", kind, v)
		}
	}
	body := io.Reader(&b)
	if a.open {
		body = io.MultiReader(&b, untilDone{r.Context()})
	}
	resp.Body = io.NopCloser(body)
	return resp, nil
}

type untilDone struct{ ctx context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

func watchOf(t *testing.T, s *streams) (w *watch, shown *[]int64, notes *[]time.Duration) {
	t.Helper()
	c, err := client.New(client.Config{Addr: "http://hufu.test", Key: "k", HTTPClient: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	shown, notes = new([]int64), new([]time.Duration)
	return &watch{
		client: c, app: "shop", kind: "access_token",
		show: func(t api.Token) error { *shown = append(*shown, t.Version); return nil },
		note: func(_ error, pause time.Duration) { *notes = append(*notes, pause) },
	}, shown, notes
}

func TestAWatchIsTakenUpAgainWhenTheStreamEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &streams{answers: []streamed{
			{versions: []int64{1}}, {versions: []int64{1, 2}}, {status: 503}, {status: 503}, {versions: []int64{2}}, {versions: []int64{3}, open: true},
		}}
		w, shown, notes := watchOf(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := w.run(ctx); err != nil {
			t.Errorf("an end that was wanted: %v", err)
		}
		if got := fmt.Sprint(*shown); got != "[1 2 3]" {
			t.Errorf("shown %s, want every version once", got)
		}
		if got := fmt.Sprint(*notes); got != "[1s 1s 2s 4s 1s]" {
			t.Errorf("pauses %s, want that they double until something is heard", got)
		}
	})
}

func TestAWatchThatCannotGoOnEnds(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*streams{
		"refused from the beginning":  {answers: []streamed{{status: 403}}},
		"nobody there at all":         {answers: []streamed{{status: 503}}},
		"revoked while it was broken": {answers: []streamed{{versions: []int64{1}}, {status: 403}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, _, _ := watchOf(t, s)
				if err := w.run(t.Context()); err == nil || len(s.calls) != len(s.answers) {
					t.Errorf("%v after %d calls", err, len(s.calls))
				}
			})
		})
	}
}

// Ctrl-C is also heard between two tries.
func TestAWatchEndsWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &streams{answers: []streamed{{versions: []int64{1}}, {status: 503}}}
		w, _, notes := watchOf(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		begun := time.Now()
		if err := w.run(ctx); err != nil || time.Since(begun) != 100*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		if last := (*notes)[len(*notes)-1]; last != maxPause {
			t.Errorf("the last pause is %s, want %s", last, maxPause)
		}
	})
}
