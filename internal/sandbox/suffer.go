package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// hugeBody is how much FaultHuge sends: more than any caller should read, and
// little enough that a test which reads it all ends.
const hugeBody = 64 << 20

// suffer answers a call the way the fault wants it. act lets the platform act.
// No lock is held in here.
func (s *Sandbox) suffer(ctx context.Context, f Fault, at site, c *call, act func() answer) answer {
	switch f.Kind {
	case FaultHang:
		c.upload.drain() // Until that is read, net/http does not notice that a caller leaves.
		<-ctx.Done()
		return answer{cut: cutGone}
	case FaultSlow:
		return after(ctx, f.Delay, act)
	case FaultLate:
		return late(ctx, f.Delay, act())
	case FaultLost:
		a := act()
		a.cut = cutSilent
		return late(ctx, f.Delay, a)
	case FaultTruncated:
		return after(ctx, f.Delay, func() answer {
			a := act()
			a.cut = cutTruncated
			return a
		})
	case FaultReset:
		return late(ctx, f.Delay, answer{cut: cutReset})
	case FaultStatus:
		status := cmp.Or(f.Status, http.StatusBadGateway)
		return late(ctx, f.Delay, textAnswer(status, "text/html", nginxPage(status)))
	case FaultGarbage:
		return late(ctx, f.Delay, textAnswer(http.StatusOK, "text/html; charset=utf-8",
			"<!DOCTYPE html><html><head><title>系统维护中</title></head><body>{\"access_token\":</body></html>"))
	case FaultHuge:
		a := textAnswer(http.StatusOK, "application/json; encoding=utf-8", `{"access_token":"`)
		a.filler = hugeBody
		return late(ctx, f.Delay, a)
	case FaultQuoted:
		return after(ctx, f.Delay, func() answer {
			a := act()
			a.body = codeField().ReplaceAll(a.body, []byte(`"$1":"$2"`))
			return a
		})
	case FaultErrcode:
		return after(ctx, f.Delay, func() answer {
			c.at = s.now()
			return at.fail(c, f)
		})
	default:
		return textAnswer(http.StatusInternalServerError, "text/plain; charset=utf-8",
			fmt.Sprintf("sandbox: unknown fault kind %q", f.Kind))
	}
}

// codeField finds the code of an answer, under all the names that platforms have for it.
func codeField() *regexp.Regexp {
	return regexp.MustCompile(`"(errcode|code|err_no|error_code|result)":(-?\d+)`)
}

// after waits and then lets the answer be made, if the caller is still there.
func after(ctx context.Context, d time.Duration, build func() answer) answer {
	if !sleep(ctx, d) {
		return answer{cut: cutGone}
	}
	return build()
}

// late waits with an answer that is made already.
func late(ctx context.Context, d time.Duration, a answer) answer {
	if !sleep(ctx, d) {
		a.cut = cutGone
	}
	return a
}

// sleep waits and reports whether the caller is still there.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
