package sink

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Target is one place that tokens are written to. [Runner] calls it with one
// token at a time and with a deadline; it may be called again with the same token
// and then does nothing if that is there already. Its errors hold no token.
type Target interface {
	Write(ctx context.Context, tok broker.Token) error
}

// Tidier is a [Target] that may have left something behind in an earlier process.
// Tidy is called once, soon after the sink is set, token or not.
type Tidier interface {
	Tidy(ctx context.Context) error
}

// phase says what a slot waits for.
type phase int

const (
	idle    phase = iota // a token
	queued               // a worker
	running              // its target
	waiting              // its timer
)

// slot is one sink of one app and what it has got. The runner's mutex guards it;
// app, sink, traits, target and lane never change.
type slot struct {
	app    string
	sink   broker.Sink
	traits traits
	target Target // nil if it did not open
	lane   *lane  // nil like target

	phase phase
	gone  bool // no longer among the app's sinks
	tidy  bool
	timer *time.Timer // while waiting

	wanted   broker.Token
	written  broker.Version
	stated   time.Time // the end of the promise that was written with it
	since    time.Time // when the slot fell behind; zero if it is not
	attempts int       // that failed, in a row
	lastErr  string
}

func (s *slot) behind() bool { return !s.wanted.Secret.IsZero() && s.written < s.wanted.Version }

// takes reports whether the slot wants tokens of this key.
func (s *slot) takes(k broker.Key) bool {
	return s.app == k.App && s.sink.Kind == k.Kind && k.Subject == ""
}

// stopTimer ends a wait. A timer that fires nevertheless finds another phase.
func (s *slot) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// errPanic marks an attempt that ended in a panic.
var errPanic = errors.New("panic")

// attempt writes one token, or tidies up where there is none yet. A panic becomes
// an error: the worker must survive it and its slot come back.
func attempt(ctx context.Context, s *slot, tok broker.Token, tidy bool) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.traits.timeout)
	defer cancel()
	if t, ok := s.target.(Tidier); ok && tidy {
		// What cannot be tidied cannot be written either, and Write says why.
		if err := t.Tidy(ctx); err != nil && tok.Secret.IsZero() {
			return err
		}
	}
	if tok.Secret.IsZero() {
		return nil
	}
	return s.target.Write(ctx, tok)
}

// panicError describes a panic by where and what, but by its value only if that
// is the runtime's own: any other may hold the token.
func panicError(v any) error {
	what := fmt.Sprintf("%T", v)
	if re, ok := v.(runtime.Error); ok {
		what = re.Error()
	}
	return fmt.Errorf("%w in the sink: %s at %s", errPanic, what, panicSite())
}

// panicSite names the function that panicked.
func panicSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	panicking := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicking = true
		case panicking && !isRuntime(f.Function):
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

func isRuntime(function string) bool {
	const prefix = "runtime."
	return len(function) > len(prefix) && function[:len(prefix)] == prefix
}
