package renew

import (
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestDoubtsComeLessOftenTheMoreOfThemWereUnfounded(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	last := time.Duration(0)
	for streak := 1; streak < 100; streak++ {
		d := &doubt{version: 1, verdict: broker.VerdictOK, at: at, streak: streak}
		gap := time.Duration(0)
		for d.holds(at.Add(gap)) {
			gap += 500 * time.Millisecond
		}
		if gap < last || gap < minVerdictLife || gap > maxVerdictLife {
			t.Errorf("after %d unfounded reports a verdict holds for %v, after one less for %v", streak, gap, last)
		}
		last = gap
	}
	if last != maxVerdictLife {
		t.Errorf("a verdict never holds for longer than %v, want %v", last, maxVerdictLife)
	}
}

func TestAVerdictHoldsAccordingToWhatItSays(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	for _, c := range []struct {
		verdict broker.Verdict
		after   time.Duration
		holds   bool
	}{
		{broker.VerdictRejected, 0, true},
		{broker.VerdictRejected, 24 * time.Hour, true},
		{broker.VerdictUnknown, 999 * time.Millisecond, true},
		{broker.VerdictUnknown, time.Second, false},
		{broker.VerdictThrottled, 999 * time.Millisecond, true},
		{broker.VerdictThrottled, time.Second, false},
	} {
		d := &doubt{verdict: c.verdict, at: at}
		if got := d.holds(at.Add(c.after)); got != c.holds {
			t.Errorf("verdict %v after %v holds: %v, want %v", verdictName(c.verdict), c.after, got, c.holds)
		}
	}
	if (&doubt{}).holds(at) {
		t.Error("a doubt without a verdict holds")
	}
}

func TestVerdictsHaveNames(t *testing.T) {
	t.Parallel()
	for v, want := range map[broker.Verdict]string{
		broker.VerdictOK: "ok", broker.VerdictRejected: "rejected", broker.VerdictThrottled: "throttled",
		broker.VerdictUnknown: "unknown", 99: "unknown",
	} {
		if got := verdictName(v); got != want {
			t.Errorf("verdict %d is called %q, want %q", v, got, want)
		}
	}
}
