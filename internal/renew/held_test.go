package renew_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// A token that is known to be dead and may not be replaced yet is not handed out with
// a promise (I2); everybody is told why, and it is replaced when the wait is over,
// without anybody asking and out of the same budget (I7).
func TestADeadTokenThatHasToWaitIsNotHandedOutI2I7(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg, policy := realTimes()
		cfg.Allow = []sandbox.MisuseKind{sandbox.KilledToken, sandbox.SupersededToken, sandbox.OutsideToken}
		f := newFleet(t, fleetConfig{mode: wechat.Classic, sandbox: cfg, policy: policy})
		defer f.close()
		r := f.replicas[0]
		var held *broker.Error
		for range 20 {
			tok := f.token(r)
			if !f.sandbox.Kill(tok.Secret.Reveal()) {
				t.Fatal("the token was dead before it was killed")
			}
			if _, err := r.Report(t.Context(), accessToken, tok.Version); err != nil {
				if !errors.As(err, &held) {
					t.Fatal(err)
				}
				break
			}
			time.Sleep(2 * time.Second)
		}
		if held == nil || held.Code != broker.ErrTooSoon.Code || held.RetryAfter <= 0 || held.Hint == "" {
			t.Fatalf("got %+v, want %s with how long to wait", held, broker.ErrTooSoon.Code)
		}
		if tok, err := r.Token(t.Context(), accessToken); !errors.Is(err, broker.ErrTooSoon) {
			t.Errorf("I2: a dead token was handed out, promised for %v (%v)", tok.Promise(r.Now()), err)
		}
		if h := r.Health(); h.Missing != 1 || len(h.Troubles) != 1 || h.Troubles[0].Err == nil {
			t.Errorf("nothing is to be seen of it: %+v", h)
		}
		before := f.record(accessToken).Budget.Unplanned
		time.Sleep(held.RetryAfter + 5*time.Second)
		if tok := f.token(r); !f.sandbox.Live(tok.Secret.Reveal()) {
			t.Error("it was not replaced when the wait was over")
		}
		if after := f.record(accessToken).Budget.Unplanned; after != before+1 {
			t.Errorf("I7: %d unplanned issues are on record, want %d", after, before+1)
		}
	})
}
