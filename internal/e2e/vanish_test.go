package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// files counts what a process has open: its connections above all.
func (p *process) files(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Skipf("the system does not say what a process has open: %v", err)
	}
	return len(list)
}

// A caller that goes away takes its call at the platform along, wherever it was: before
// an answer, in the middle of a file that is sent, and in the middle of one that comes.
func TestACallerThatVanishesFreesItsCallAtThePlatform(t *testing.T) {
	t.Parallel()
	const callers20 = 20
	for _, c := range []struct {
		name string
		// call is made, and given up as soon as the platform is in the middle of it.
		call func(ctx context.Context, server string, d door) (*http.Request, error)
		// platform is in the middle of a call once it calls begun.
		platform func(w http.ResponseWriter, r *http.Request, begun func())
	}{
		{
			"before there is an answer",
			func(ctx context.Context, server string, d door) (*http.Request, error) {
				return http.NewRequestWithContext(ctx, http.MethodGet, d.url(server, "/cgi-bin/vanish"), nil)
			},
			func(_ http.ResponseWriter, r *http.Request, begun func()) {
				begun()
				<-r.Context().Done()
			},
		},
		{
			"after a small body",
			func(ctx context.Context, server string, d door) (*http.Request, error) {
				return http.NewRequestWithContext(ctx, http.MethodPost, d.url(server, "/cgi-bin/vanish"), strings.NewReader(`{"touser":"o1"}`))
			},
			func(_ http.ResponseWriter, r *http.Request, begun func()) {
				_, _ = io.Copy(io.Discard, r.Body)
				begun()
				<-r.Context().Done()
			},
		},
		{
			"in the middle of its upload",
			func(ctx context.Context, server string, d door) (*http.Request, error) {
				// Of 64 MiB only four come before the caller stands still.
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url(server, "/cgi-bin/vanish"), io.MultiReader(&file{end: 4 << 20}, still{ctx}))
				if err == nil {
					r.ContentLength = large
				}
				return r, err
			},
			func(_ http.ResponseWriter, r *http.Request, begun func()) {
				_, _ = io.CopyN(io.Discard, r.Body, 4<<20)
				begun()
				_, _ = io.Copy(io.Discard, r.Body)
			},
		},
		{
			"in the middle of a download",
			func(ctx context.Context, server string, d door) (*http.Request, error) {
				return http.NewRequestWithContext(ctx, http.MethodGet, d.url(server, "/cgi-bin/vanish"), nil)
			},
			func(w http.ResponseWriter, r *http.Request, begun func()) {
				w.Header().Set("Content-Type", "image/jpeg")
				_, _ = io.CopyN(w, &file{end: large}, 4<<20)
				_ = http.NewResponseController(w).Flush()
				begun()
				<-r.Context().Done()
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begun := make(chan struct{}, callers20)
			up := startUpstream(t, sandbox.Config{}, func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/cgi-bin/vanish" {
						c.platform(w, r, func() { begun <- struct{}{} })
						return
					}
					h.ServeHTTP(w, r)
				})
			})
			server := start(t, configure(t, up.url, "overlap: 5m", callers), "serve")
			doors := server.doors(t, "stable", stableID)
			waitFor(t, "the platform to be idle", func() bool { return up.active.Load() == 0 })
			connections, files := up.open.Load(), server.files(t)

			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			ctx, vanish := context.WithCancel(t.Context())
			defer vanish()
			var at sync.WaitGroup
			for i := range callers20 {
				d := doors[i%len(doors)]
				r, err := c.call(ctx, server.url, d)
				if err != nil {
					t.Fatal(err)
				}
				if d.bearer != "" {
					r.Header.Set("Authorization", "Bearer "+d.bearer)
				}
				at.Go(func() {
					res, err := client.Do(r)
					if err == nil {
						_, _ = io.Copy(io.Discard, res.Body)
						_ = res.Body.Close()
					}
				})
			}
			for range callers20 {
				select {
				case <-begun:
				case <-time.After(20 * time.Second):
					t.Fatal("the calls do not arrive")
				}
			}
			if n := up.active.Load(); n < callers20 {
				t.Fatalf("%d calls are under way, want %d", n, callers20)
			}
			gone := time.Now()
			vanish()
			at.Wait()
			waitFor(t, "the calls at the platform to end", func() bool {
				// A connection whose call was given up is of no use any more.
				return up.active.Load() == 0 && up.open.Load() <= connections && server.files(t) <= files
			})
			if took := time.Since(gone); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// still is a body that stands still until its caller gives up.
type still struct{ ctx context.Context }

func (s still) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}
