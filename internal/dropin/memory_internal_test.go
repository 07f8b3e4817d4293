package dropin

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

var shop = broker.Key{App: "shop", Kind: broker.AccessToken}

func heldAt(now time.Time, v broker.Version, promise time.Duration) *access.Held {
	return &access.Held{Token: broker.Token{Key: shop, Version: v, Until: now.Add(promise + time.Second)}, Now: now}
}

func TestMemoryTellsEarlyReasks(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	until := start.Add(time.Hour)
	m := newMemory(100)
	for _, step := range []struct {
		name    string
		after   time.Duration
		version broker.Version
		until   time.Time
		early   bool
	}{
		{"the first read", 0, 1, until, false},
		{"the same again at once", 0, 1, until, true},
		{"in the middle", 30 * time.Minute, 1, until, true},
		{"just before the promise ends", time.Hour - time.Second, 1, until, true},
		{"as the promise ends", time.Hour, 1, until, false},
		{"after it", time.Hour + time.Minute, 1, until, false},
		{"the promise was extended", time.Hour + 2*time.Minute, 1, until.Add(time.Hour), false},
		{"before the extended one ends", 90 * time.Minute, 1, until.Add(time.Hour), true},
		{"a new version", 91 * time.Minute, 2, until.Add(2 * time.Hour), false},
		{"the new version again", 91 * time.Minute, 2, until.Add(2 * time.Hour), true},
		{"an older version, by a call that was overtaken", 92 * time.Minute, 1, until.Add(time.Hour), true},
		{"the new version once more", 93 * time.Minute, 2, until.Add(2 * time.Hour), true},
		{"an older version, when the new one is over", 3 * time.Hour, 1, until.Add(3 * time.Hour), false},
		{"the older version again", 3 * time.Hour, 1, until.Add(3 * time.Hour), true},
	} {
		now := start.Add(step.after)
		early, hurried := m.again("orders", heldAt(now, step.version, step.until.Sub(now)))
		if early != step.early || hurried {
			t.Errorf("%s: early %v, hurried %v, want %v and false", step.name, early, hurried, step.early)
		}
	}
}

// One who keeps asking is not forgotten, however many others there are.
func TestMemoryKeepsWhoKeepsAsking(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := newMemory(100)
	for i := range 10_000 {
		m.again(fmt.Sprint(i), heldAt(now, 1, time.Hour))
		if early, _ := m.again("steady", heldAt(now, 1, time.Hour)); early != (i > 0) {
			t.Fatalf("after %d others, the steady client's early re-ask is told as %v", i, early)
		}
		if i%10 == 0 {
			m.hurry("steady", shop, now.Add(time.Minute))
		}
		if _, hurried := m.again("steady", heldAt(now, 1, time.Hour)); !hurried {
			t.Fatalf("after %d others, the steady client's hurry is forgotten", i)
		}
	}
	m.hurry("nobody", shop, now.Add(time.Minute))
	if early, hurried := m.again("nobody", heldAt(now, 1, time.Hour)); early || hurried {
		t.Errorf("who was told nothing asks early: %t, in a hurry: %t", early, hurried)
	}
}

func TestMemoryIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	m := newMemory(16)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			now := time.Now()
			for v := range broker.Version(500) {
				m.again(fmt.Sprint(v%20), heldAt(now, v/50, time.Hour))
				m.hurry(fmt.Sprint(i), shop, now)
			}
		})
	}
	wg.Wait()
}

func TestAReadOfTheSameTokenAllocatesNothing(t *testing.T) {
	now := time.Now()
	m := newMemory(100)
	held := heldAt(now, 1, time.Hour)
	m.again("orders", held)
	if n := testing.AllocsPerRun(100, func() { m.again("orders", held) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
