package renew_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestAPanickingIssuerGivesItsSlotBackAndIsAskedSeldom(t *testing.T) {
	t.Parallel()
	for name, rot := range families() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newFake(rot)
				p.behave(func(context.Context, int) error { panic("do not print me") })
				f := fakeFleet(t, p, fleetConfig{replicas: 2})
				defer f.close()
				if _, err := f.replicas[0].Token(t.Context(), accessToken); err == nil {
					t.Error("a panic gave a token")
				}
				time.Sleep(time.Hour)
				if n := p.called(); n < 5 || n > 40 {
					t.Errorf("I7: %d calls in an hour, want a back-off", n)
				}
				if text := f.log.String(); strings.Contains(text, "do not print me") {
					t.Error("I6: the value of a panic was logged")
				}
				p.behave(nil)
				time.Sleep(15 * time.Minute)
				if tok := f.token(f.replicas[1]); tok.Secret.IsZero() {
					t.Error("no token after the panics ended")
				}
			})
		})
	}
}

func TestAnIssuerThatIgnoresItsDeadlineBlocksNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFake(families()["independent"])
		f := fakeFleet(t, p, fleetConfig{replicas: 1})
		f.token(f.replicas[0])
		release := make(chan struct{})
		p.behave(func(context.Context, int) error {
			<-release
			return nil
		})
		for range 18 {
			begun := time.Now()
			f.token(f.replicas[0])
			if time.Since(begun) > 0 {
				t.Errorf("I3: a reader waited %v", time.Since(begun))
			}
			time.Sleep(time.Second)
		}
		close(release)
		f.close()
	})
}

func TestAnAnswerWithoutATokenIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFake(families()["eager"])
		p.lifetime = 0
		f := fakeFleet(t, p, fleetConfig{})
		defer f.close()
		_, err := f.replicas[0].Token(t.Context(), accessToken)
		if e := broker.AsError(err); e.Code != "platform_garbage" {
			t.Errorf("got %+v, want garbage", e)
		}
		if f.record(accessToken).Failure.UnknownAt.IsZero() {
			t.Error("the outcome is recorded as known")
		}
	})
}

// brokenSealer cannot seal until it is mended.
type brokenSealer struct {
	plainSealer
	mended chan struct{}
}

func (s brokenSealer) Seal(p, ad []byte) ([]byte, error) {
	select {
	case <-s.mended:
		return s.plainSealer.Seal(p, ad)
	default:
		return nil, errors.New("no keyset")
	}
}

func TestATokenThatCannotBeSealedIsNotServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFake(families()["eager"])
		sealer := brokenSealer{mended: make(chan struct{})}
		f := fakeFleet(t, p, fleetConfig{sealer: sealer})
		defer f.close()
		_, err := f.replicas[0].Token(t.Context(), accessToken)
		if e := broker.AsError(err); e.Code != "seal_failed" || e.Class != broker.Misconfigured || e.Hint == "" {
			t.Errorf("got %+v, want that it could not be sealed", e)
		}
		time.Sleep(time.Hour)
		if n := p.called(); n > 20 {
			t.Errorf("I7: %d calls for tokens that cannot be kept", n)
		}
		close(sealer.mended)
		time.Sleep(20 * time.Minute)
		f.token(f.replicas[0])
	})
}

// oddSealer cannot open what was sealed before a given moment.
type oddSealer struct {
	plainSealer
	lost *bool
}

func (s oddSealer) Open(box, ad []byte) ([]byte, error) {
	if *s.lost {
		return nil, errors.New("sealed with another keyset")
	}
	return s.plainSealer.Open(box, ad)
}

func TestATokenThatCannotBeOpenedIsReplacedWithinTheBudget(t *testing.T) {
	t.Parallel()
	for name, rot := range families() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				lost := false
				rot.Lifetime = 2 * time.Hour
				p := newFake(rot)
				f := fakeFleet(t, p, fleetConfig{sealer: oddSealer{lost: &lost}, policy: broker.Policy{Every: time.Hour}})
				defer func() { f.close() }()
				f.token(f.replicas[0])
				time.Sleep(time.Minute)
				f.crash(f.replicas[0])
				lost = true
				r := f.start()
				lost = false // only what was stored before is lost
				time.Sleep(time.Minute)
				if tok, err := r.Token(t.Context(), accessToken); err != nil || tok.Secret.Reveal() != "t2" {
					t.Errorf("got %v, want a new token", err)
				}
				if p.called() != 2 {
					t.Errorf("%d calls, want 2", p.called())
				}
				if n := f.record(accessToken).Foreign.Count; n != 0 {
					t.Errorf("%d foreign rotations, want none", n)
				}
				// A keyset that opens nothing at all cannot spend the day's quota.
				lost = true
				f.crash(f.replicas[0])
				r = f.start()
				for range 12 * 60 {
					_, _ = r.Token(t.Context(), accessToken)
					time.Sleep(time.Minute)
				}
				if n := p.called(); n > 130 {
					t.Errorf("I7: %d calls in twelve hours with a wrong keyset", n)
				}
				lost = false
			})
		})
	}
}
