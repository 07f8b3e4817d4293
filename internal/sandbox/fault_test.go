package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// outcome is what a caller sees of one call.
type outcome struct {
	status int
	body   int // bytes that arrived
	text   string
	err    error // of the call
	cut    error // of the body
}

// attempt makes one call over a connection of its own.
func attempt(ctx context.Context, rt http.RoundTripper, base, path string) outcome {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return outcome{err: err}
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return outcome{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	var text strings.Builder
	n, err := io.Copy(&headWriter{&text}, resp.Body)
	return outcome{status: resp.StatusCode, body: int(n), text: text.String(), cut: err}
}

// headWriter keeps the first part of what is written.
type headWriter struct{ b *strings.Builder }

func (h *headWriter) Write(p []byte) (int, error) {
	h.b.Write(p[:min(len(p), max(0, 1<<10-h.b.Len()))])
	return len(p), nil
}

// bothWays runs f in process, in a bubble, and over a real connection.
func bothWays(t *testing.T, f func(t *testing.T, sb *sandbox.Sandbox, call func(context.Context, string) outcome)) {
	t.Helper()
	cfg := sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}, {ID: other, Secret: "other-" + secret}}}
	t.Run("transport", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			sb := sandbox.New(cfg)
			f(t, sb, func(ctx context.Context, path string) outcome {
				return attempt(ctx, sb.Transport(), base, path)
			})
		})
	})
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		sb := sandbox.New(cfg)
		srv := httptest.NewServer(sb.Handler())
		defer srv.Close()
		rt := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
		f(t, sb, func(ctx context.Context, path string) outcome {
			return attempt(ctx, rt, srv.URL, path)
		})
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const brief = 20 * time.Millisecond
	path := tokenPath(appID, secret)
	for _, tc := range []struct {
		fault  sandbox.Fault
		issues int // how often the platform acted
		lost   int
		seen   func(outcome) bool
	}{
		{
			sandbox.Fault{Kind: sandbox.FaultSlow, Delay: brief},
			1, 0,
			func(o outcome) bool { return o.status == 200 && strings.Contains(o.text, `"access_token":"83_`) },
		},
		{
			sandbox.Fault{Kind: sandbox.FaultLate, Delay: brief},
			1, 0,
			func(o outcome) bool { return o.status == 200 && strings.Contains(o.text, `"access_token":"83_`) },
		},
		{
			sandbox.Fault{Kind: sandbox.FaultStatus},
			0, 0,
			func(o outcome) bool { return o.status == 502 && strings.Contains(o.text, "502 Bad Gateway") },
		},
		{
			sandbox.Fault{Kind: sandbox.FaultStatus, Status: 503},
			0, 0,
			func(o outcome) bool { return o.status == 503 },
		},
		{
			sandbox.Fault{Kind: sandbox.FaultReset},
			0, 0,
			func(o outcome) bool { return o.err != nil && strings.Contains(o.err.Error(), "connection reset") },
		},
		{
			sandbox.Fault{Kind: sandbox.FaultLost, Delay: brief},
			1, 1,
			func(o outcome) bool { return errors.Is(o.err, io.EOF) },
		},
		{
			sandbox.Fault{Kind: sandbox.FaultGarbage},
			0, 0,
			func(o outcome) bool { return o.status == 200 && strings.HasPrefix(o.text, "<!DOCTYPE html>") },
		},
		{
			sandbox.Fault{Kind: sandbox.FaultTruncated},
			1, 1,
			func(o outcome) bool {
				return o.status == 200 && errors.Is(o.cut, io.ErrUnexpectedEOF) && strings.HasPrefix(o.text, `{"access_token"`)
			},
		},
		{
			sandbox.Fault{Kind: sandbox.FaultHuge},
			0, 0,
			func(o outcome) bool { return o.status == 200 && o.body > 64<<20 && o.cut == nil },
		},
		{
			sandbox.Fault{Kind: sandbox.FaultErrcode},
			0, 0,
			func(o outcome) bool { return strings.HasPrefix(o.text, `{"errcode":-1,"errmsg":"system error rid: `) },
		},
		{
			sandbox.Fault{Kind: sandbox.FaultErrcode, Errcode: 45011},
			0, 0,
			func(o outcome) bool { return strings.HasPrefix(o.text, `{"errcode":45011,"errmsg":"api minute-quota`) },
		},
		{
			sandbox.Fault{Kind: "nonsense"},
			0, 0,
			func(o outcome) bool { return o.status == 500 },
		},
	} {
		t.Run(string(tc.fault.Kind), func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, sb *sandbox.Sandbox, call func(context.Context, string) outcome) {
				fault := tc.fault
				fault.Times = 1
				sb.Inject(fault)
				began := time.Now()
				o := call(t.Context(), path)
				if !tc.seen(o) {
					t.Errorf("outcome %+v", o)
				}
				if took := time.Since(began); took < tc.fault.Delay {
					t.Errorf("it took %v, less than the delay", took)
				}
				if n := sb.Counts(appID); n.Issues != tc.issues || n.Lost != tc.lost {
					t.Errorf("%d issues, %d lost, want %d and %d", n.Issues, n.Lost, tc.issues, tc.lost)
				}
				if len(sb.Faults()) != 0 {
					t.Error("the fault outlived its one time")
				}
				if o := call(t.Context(), path); o.status != 200 || !strings.Contains(o.text, "access_token") {
					t.Errorf("after the fault: %+v", o)
				}
			})
		})
	}
}

func TestAHangEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	for _, kind := range []sandbox.FaultKind{sandbox.FaultHang, sandbox.FaultSlow, sandbox.FaultReset} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, sb *sandbox.Sandbox, call func(context.Context, string) outcome) {
				sb.Inject(sandbox.Fault{Kind: kind, Delay: time.Hour})
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
				defer cancel()
				if o := call(ctx, tokenPath(appID, secret)); !errors.Is(o.err, context.DeadlineExceeded) {
					t.Errorf("outcome %+v, want a deadline", o)
				}
				if n := sb.Counts(appID).Issues; n != 0 {
					t.Errorf("%d issues behind a hang", n)
				}
			})
		})
	}
}

func TestAnAnswerThatIsTooLateIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}})
		sb.Inject(sandbox.Fault{Kind: sandbox.FaultLate, Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		o := attempt(ctx, sb.Transport(), base, tokenPath(appID, secret))
		if !errors.Is(o.err, context.DeadlineExceeded) {
			t.Errorf("outcome %+v, want a deadline", o)
		}
		if e := sb.Issues(appID); len(e) != 1 || !e[0].Lost {
			t.Errorf("issues %+v, want one that is lost", e)
		}
	})
}

func TestTheTransportHonoursACancelledContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if o := attempt(ctx, sb.Transport(), base, tokenPath(appID, secret)); !errors.Is(o.err, context.Canceled) {
			t.Errorf("outcome %+v", o)
		}
		if n := sb.Counts(appID).Issues; n != 0 {
			t.Errorf("%d issues by a cancelled call", n)
		}

		ctx, cancel = context.WithCancel(t.Context())
		sb.Inject(sandbox.Fault{Kind: sandbox.FaultHuge})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/cgi-bin/token", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := sb.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("reading a body after the cancellation: %v", err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
			t.Error("a closed body can be read")
		}
	})
}

func TestFaultsMatchPathAppTimesAndProbability(t *testing.T) {
	t.Parallel()
	draws := []float64{0.9, 0.1, 0.5, 0.49}
	cfg := sandbox.Config{Rand: func() float64 {
		d := draws[0]
		draws = append(draws[1:], d)
		return d
	}}
	bubble(t, cfg, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		token := c.stable().AccessToken
		errcode := func(f sandbox.Fault) sandbox.Fault {
			f.Kind, f.Errcode = sandbox.FaultErrcode, -1
			return f
		}

		sb.Inject(errcode(sandbox.Fault{Path: "/cgi-bin/stable", Times: 2}))
		if c.use(token) != 0 {
			t.Error("a fault on another path was suffered")
		}
		if a, b, d := c.stable().code(), c.stable().code(), c.stable().code(); a != -1 || b != -1 || d != 0 {
			t.Errorf("two times: errcodes %d %d %d", a, b, d)
		}

		sb.Inject(errcode(sandbox.Fault{App: appID}))
		if got := c.do("GET", tokenPath(other, "other-"+secret), "").code(); got != 0 {
			t.Errorf("another app suffers: errcode %d", got)
		}
		for what, got := range map[string]int{
			"by query": c.token().code(), "by body": c.stable().code(), "by token": c.use(token),
		} {
			if got != -1 {
				t.Errorf("app found %s: errcode %d, want -1", what, got)
			}
		}
		if f := sb.Faults(); len(f) != 1 || f[0].Fired != 3 {
			t.Errorf("faults %+v, want one that fired three times", f)
		}
		sb.ClearFaults()

		draws = []float64{0.9, 0.1, 0.5, 0.49}
		sb.Inject(errcode(sandbox.Fault{Probability: 0.5}))
		for i, want := range []int{0, -1, 0, -1} {
			if got := c.use(token); got != want {
				t.Errorf("draw %d: errcode %d, want %d", i, got, want)
			}
		}
	})
}

func TestControlPagesNeverSuffer(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		sb.Inject(sandbox.Fault{Kind: sandbox.FaultReset})
		c.raw("GET", "/_sandbox/state", "")
	})
}

func TestFaultValidate(t *testing.T) {
	t.Parallel()
	for _, k := range sandbox.FaultKinds() {
		if err := (sandbox.Fault{Kind: k}).Validate(); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
	for _, f := range []sandbox.Fault{
		{},
		{Kind: "nonsense"},
		{Kind: sandbox.FaultHang, Delay: -1},
		{Kind: sandbox.FaultHang, Times: -1},
		{Kind: sandbox.FaultHang, Probability: 1.1},
		{Kind: sandbox.FaultHang, Probability: -0.1},
		{Kind: sandbox.FaultStatus, Status: 100},
		{Kind: sandbox.FaultStatus, Status: 600},
	} {
		if f.Validate() == nil {
			t.Errorf("%+v is valid", f)
		}
	}
}
