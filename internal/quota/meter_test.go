package quota_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/quota"
)

const (
	shop = "shop"
	send = "/cgi-bin/message/custom/send"
	get  = "/cgi-bin/user/get"
)

// noon is in Shanghai, twelve hours before the day ends there.
var noon = time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)

// watch is a clock that goes when it is told to.
type watch struct{ at atomic.Int64 }

func (w *watch) now() time.Time       { return time.Unix(0, w.at.Load()) }
func (w *watch) pass(d time.Duration) { w.at.Add(int64(d)) }

func newMeter(at time.Time) (*quota.Meter, *watch) {
	w := &watch{}
	w.at.Store(at.UnixNano())
	return quota.New(quota.Config{Now: w.now}), w
}

func dayQuota() *broker.Error {
	return &broker.Error{
		Code: "daily_quota", Class: broker.Throttled, Message: "the day's quota is used up", Reset: broker.ResetDay,
		PlatformCode: "45009", PlatformMessage: "reach max api daily quota limit rid: 1-2-3",
	}
}

func minuteQuota() *broker.Error {
	return &broker.Error{Code: "minute_quota", Class: broker.Throttled, Reset: broker.ResetMinute, PlatformCode: "45011", PlatformMessage: "slower"}
}

func refusal() *broker.Error {
	return &broker.Error{Code: "bad_parameter", Class: broker.Invalid, PlatformCode: "40003"}
}

// usage reads a path's counts.
func usage(m *quota.Meter, app, path string) quota.Usage {
	for _, u := range m.Of(app) {
		if u.Path == path {
			return u
		}
	}
	return quota.Usage{Path: path}
}

func TestCallsAreCountedForThePlatformsDayAndTheCurrentMinute(t *testing.T) {
	t.Parallel()
	m, w := newMeter(noon)
	for range 3 {
		m.Passed(shop, send, nil)
	}
	m.Passed(shop, get, refusal())
	want := []quota.Usage{{Path: send, Today: 3, Minute: 3}, {Path: get, Today: 1, Minute: 1}}
	if d := cmp.Diff(want, m.Of(shop)); d != "" {
		t.Errorf("at noon: -want +got\n%s", d)
	}
	w.pass(time.Minute)
	m.Passed(shop, send, nil)
	if u := usage(m, shop, send); u.Today != 4 || u.Minute != 1 {
		t.Errorf("a minute later: %+v, want 4 today and 1 this minute", u)
	}
	w.pass(11*time.Hour + 58*time.Minute + 59*time.Second) // the day's last second
	m.Passed(shop, send, nil)
	if u := usage(m, shop, send); u.Today != 5 {
		t.Errorf("in the day's last second: %+v, want 5 today", u)
	}
	w.pass(time.Second)
	if got := m.Of(shop); len(got) != 0 {
		t.Errorf("on the new day: %+v, want nothing", got)
	}
	m.Passed(shop, send, nil)
	if u := usage(m, shop, send); u.Today != 1 || u.Minute != 1 {
		t.Errorf("after the first call of the new day: %+v", u)
	}
}

func TestTheDayIsThatOfShanghai(t *testing.T) {
	t.Parallel()
	m, w := newMeter(noon)
	day, resets := m.Today()
	if want := time.Date(2026, 11, 21, 16, 0, 0, 0, time.UTC); day != "2026-11-21" || !resets.Equal(want) {
		t.Errorf("day %s until %s, want 2026-11-21 until %s", day, resets.UTC(), want)
	}
	w.pass(12 * time.Hour)
	if day, _ := m.Today(); day != "2026-11-22" {
		t.Errorf("at midnight in Shanghai the day is %s", day)
	}
	if got := m.Since(); !got.Equal(noon) {
		t.Errorf("counted since %s, want %s", got, noon)
	}
}

func TestAppsAndPathsAreCountedApart(t *testing.T) {
	t.Parallel()
	m, _ := newMeter(noon)
	m.Passed(shop, send, dayQuota())
	m.Passed("news", send, nil)
	for _, ok := range []*broker.Error{m.Admit(shop, get), m.Admit("news", send), m.Admit("third", send)} {
		if ok != nil {
			t.Errorf("refused for another path's quota: %v", ok)
		}
	}
	if m.Admit(shop, send) == nil {
		t.Error("the throttled path is admitted")
	}
}

func TestAThrottledPathGetsThePlatformsOwnErrorUntilTheReset(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  *broker.Error
		wait time.Duration
	}{
		"minute": {minuteQuota(), 45 * time.Second},
		"day":    {dayQuota(), 11*time.Hour + 59*time.Minute + 45*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, w := newMeter(noon.Add(15 * time.Second))
			m.Passed(shop, send, c.err)
			want := *c.err
			want.RetryAfter = c.wait
			if d := cmp.Diff(&want, m.Admit(shop, send)); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
			u := usage(m, shop, send)
			if u.Throttled == nil || u.Throttled.PlatformCode != want.PlatformCode || !u.Until.Equal(w.now().Add(c.wait)) {
				t.Errorf("usage %+v", u)
			}
			w.pass(c.wait)
			for range 2 {
				if err := m.Admit(shop, send); err != nil {
					t.Errorf("after the reset: %v", err)
				}
			}
			if u := usage(m, shop, send); u.Throttled != nil {
				t.Errorf("after the reset: %+v", u)
			}
		})
	}
}

func TestWhatDoesNotSayWhenThePlatformListensAgainOpensNoCircuit(t *testing.T) {
	t.Parallel()
	m, _ := newMeter(noon)
	vague := dayQuota()
	vague.Reset = broker.ResetNone
	for _, err := range []*broker.Error{vague, refusal(), nil} {
		m.Passed(shop, send, err)
		if got := m.Admit(shop, send); got != nil {
			t.Errorf("after %v: %v", err, got)
		}
	}
}

func TestOneProbeIsLetThroughEveryFiveMinutesWhileTheDaysQuotaIsUsedUp(t *testing.T) {
	t.Parallel()
	m, w := newMeter(noon)
	m.Passed(shop, send, dayQuota())
	for i := range 3 {
		w.pass(5*time.Minute - time.Nanosecond)
		if m.Admit(shop, send) == nil {
			t.Fatalf("probe %d is let through too early", i)
		}
		w.pass(time.Nanosecond)
		// It is one of all that ask, whoever they are.
		var admitted atomic.Int64
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if m.Admit(shop, send) == nil {
					admitted.Add(1)
				}
			})
		}
		wg.Wait()
		if n := admitted.Load(); n != 1 {
			t.Fatalf("%d probes of 100 callers, want 1", n)
		}
		// What the probe brought back decides: a refusal leaves things as they are.
		switch i {
		case 0:
			m.Passed(shop, send, dayQuota())
		case 1:
			m.Passed(shop, send, refusal())
		case 2:
			m.Passed(shop, send, nil)
		}
	}
	if err := m.Admit(shop, send); err != nil {
		t.Errorf("after a probe that succeeded: %v", err)
	}
}

func TestAMinuteIsNotProbedAndDoesNotShortenADay(t *testing.T) {
	t.Parallel()
	m, w := newMeter(noon)
	m.Passed(shop, send, minuteQuota())
	w.pass(59 * time.Second)
	if m.Admit(shop, send) == nil {
		t.Error("a probe within the minute")
	}
	m.Passed(shop, send, dayQuota())
	m.Passed(shop, send, minuteQuota())
	w.pass(2 * time.Second)
	if err := m.Admit(shop, send); err == nil || err.PlatformCode != "45009" {
		t.Errorf("after the minute: %v, want the day's refusal", err)
	}
}

func TestAClearedQuotaEndsCircuitsAndKeepsCounts(t *testing.T) {
	t.Parallel()
	m, _ := newMeter(noon)
	calls := [][2]string{{shop, send}, {shop, get}, {"news", get}}
	for _, c := range calls {
		m.Passed(c[0], c[1], dayQuota())
	}
	m.Cleared(shop)
	m.Cleared("nobody")
	for _, c := range calls {
		if err := m.Admit(c[0], c[1]); (err == nil) != (c[0] == shop) {
			t.Errorf("%v after %s was cleared: %v", c, shop, err)
		}
	}
	if u := usage(m, shop, send); u.Today != 1 {
		t.Errorf("%+v, want the call still counted", u)
	}
}

func TestAForgottenAppBeginsAnew(t *testing.T) {
	t.Parallel()
	m, _ := newMeter(noon)
	m.Passed(shop, send, dayQuota())
	m.Forget(shop)
	m.Forget("nobody")
	if err, got := m.Admit(shop, send), m.Of(shop); err != nil || len(got) != 0 {
		t.Errorf("admit: %v, usage: %+v", err, got)
	}
}

func TestPathsThatCallersMakeUpDoNotFillTheMemory(t *testing.T) {
	t.Parallel()
	m, w := newMeter(noon)
	for i := range 1000 { // the platform knows none of them
		m.Passed(shop, fmt.Sprintf("/x/%d", i), &broker.Error{Code: "not_found", Class: broker.NotFound})
		m.Passed(shop, fmt.Sprintf("/x/%d", i), &broker.Error{Code: "wrong_path", Class: broker.Misconfigured, PlatformCode: "40066"})
	}
	if got := m.Of(shop); len(got) != 0 {
		t.Errorf("%d paths that do not exist", len(got))
	}
	m.Passed(shop, send, nil)
	m.Passed(shop, send, &broker.Error{Code: "no_such_user", Class: broker.NotFound}) // of a path that does exist
	if u := usage(m, shop, send); u.Today != 2 {
		t.Errorf("%+v, want 2 calls", u)
	}
	m.Passed(shop, "/"+strings.Repeat("x", 300), nil)
	m.Passed(shop, quota.Other, dayQuota())
	for i := range 1000 {
		m.Passed(shop, fmt.Sprintf("/y/%d", i), dayQuota())
	}
	got := m.Of(shop)
	if len(got) != 257 {
		t.Errorf("%d paths, want 256 and the others", len(got))
	}
	other := usage(m, shop, quota.Other)
	if other.Today != 2+1000-255 || other.Throttled != nil {
		t.Errorf("others: %+v", other)
	}
	if err := m.Admit(shop, "/y/999"); err != nil {
		t.Errorf("one of the others is refused: %v", err)
	}
	if err := m.Admit(shop, "/y/0"); err == nil {
		t.Error("one that is counted by itself is admitted")
	}
	// The next day has room for what is called then.
	w.pass(24 * time.Hour)
	m.Passed(shop, send, nil)
	m.Passed(shop, "/y/999", nil)
	want := []quota.Usage{{Path: send, Today: 1, Minute: 1}, {Path: "/y/999", Today: 1, Minute: 1}}
	if d := cmp.Diff(want, m.Of(shop)); d != "" {
		t.Errorf("the next day: -want +got\n%s", d)
	}
}

func TestNoCallIsLostWhereManyAreCountedAtOnce(t *testing.T) {
	t.Parallel()
	m, w := newMeter(noon)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 500 {
				m.Passed(shop, fmt.Sprintf("/p/%d", (i+j)%40), nil)
				_ = m.Admit(shop, send)
				if j%100 == 0 {
					_ = m.Of(shop)
					w.pass(time.Second)
				}
			}
		})
	}
	wg.Wait()
	sum := int64(0)
	for _, u := range m.Of(shop) {
		sum += u.Today
	}
	if sum != 16*500 {
		t.Errorf("%d calls counted, want %d", sum, 16*500)
	}
}

func BenchmarkAdmitAndPassed(b *testing.B) {
	m := quota.New(quota.Config{})
	apps := make([]string, 1000)
	for i := range apps {
		apps[i] = fmt.Sprintf("app-%d", i)
		m.Passed(apps[i], send, nil)
	}
	for name, n := range map[string]int{"one app": 1, "1000 apps": len(apps)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var start atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for i := int(start.Add(499)); pb.Next(); i++ {
					app := apps[i%n]
					if m.Admit(app, send) == nil {
						m.Passed(app, send, nil)
					}
				}
			})
		})
	}
}

func TestAKnownPathIsCountedWithoutAnAllocation(t *testing.T) {
	m, _ := newMeter(noon)
	m.Passed(shop, send, nil)
	n := testing.AllocsPerRun(100, func() {
		_ = m.Admit(shop, send)
		m.Passed(shop, send, nil)
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
