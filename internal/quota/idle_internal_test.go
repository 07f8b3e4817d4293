package quota

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestAppsThatAreIdleForTwoDaysAreDropped(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)
	m := New(Config{Now: func() time.Time { return now }})
	for i := range 1000 {
		m.Passed(fmt.Sprint(i), "/x", nil)
	}
	held := func() (n int) {
		for i := range m.shards {
			n += len(m.shards[i].apps)
		}
		return n
	}
	look := func() {
		ch := make(chan prometheus.Metric, busiest+1)
		newCollector(m).Collect(ch)
	}
	now = now.Add(48 * time.Hour)
	m.Passed("7", "/x", nil)
	if look(); held() != 1000 {
		t.Errorf("two days later: %d apps, want 1000", held())
	}
	now = now.Add(24 * time.Hour)
	if look(); held() != 1 {
		t.Errorf("three days later: %d apps, want the one that was called", held())
	}
	// Where nobody asks for metrics, apps that come make those go that are idle.
	now = now.Add(72 * time.Hour)
	for i := range 10_000 {
		m.Passed(fmt.Sprint("new-", i), "/x", nil)
	}
	if held() != 10_000 {
		t.Errorf("%d apps, want 10000", held())
	}
}

func TestACallFromTheEndOfAPeriodDoesNotEndTheNewOne(t *testing.T) {
	t.Parallel()
	var c counter
	c.add(7)
	c.add(8)
	c.add(7) // its clock was read before the turn
	if got := c.in(8); got != 2 {
		t.Errorf("%d calls, want 2", got)
	}
	c.add(6) // the clock was set back
	if a, b := c.in(8), c.in(6); a != 0 || b != 1 {
		t.Errorf("%d and %d calls, want 0 and 1", a, b)
	}
}
