package grant

import (
	"fmt"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestMemoryOfWhatWasWrittenMeanwhile: who has read a user before she was deleted remembers nothing of her
// afterwards.
func TestMemoryOfWhatWasWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	m, now := newMemory(), time.Now()
	read := []broker.Grant{{Version: 1}}
	for _, known := range []bool{false, true} {
		if epoch := m.epoch("shop", "mo"); known {
			m.remember("shop", "mo", read, now, epoch)
		}
		epoch := m.epoch("shop", "mo")
		m.drop("shop", "mo")
		m.remember("shop", "mo", read, now, epoch)
		if got, ok := m.recall("shop", "mo", now); ok {
			t.Errorf("remembered: %v", got)
		}
	}
	m.remember("shop", "mo", read, now, m.epoch("shop", "mo"))
	for user, want := range map[string]bool{"mo": true, "bo": false, "": false} {
		if _, ok := m.recall("shop", user, now); ok != want {
			t.Errorf("%q is remembered: %v", user, ok)
		}
	}
	if _, ok := m.recall("other", "mo", now); ok {
		t.Error("remembered for another app")
	}
}

// TestMemoryOfManyUsers is bounded, and takes none for those of whom there is nothing.
func TestMemoryOfManyUsers(t *testing.T) {
	t.Parallel()
	m, now := newMemory(), time.Now()
	for i := range 3 * maxRemembered {
		m.remember("shop", fmt.Sprint("nobody-", i), nil, now, 0)
	}
	if _, ok := m.recall("shop", "nobody-1", now); ok {
		t.Error("that there is nothing is remembered of a user whom nobody knows")
	}
	for i := range 3 * maxRemembered {
		m.remember("shop", fmt.Sprint("user-", i), []broker.Grant{{Version: 1}}, now, 0)
	}
	n := 0
	for i := range 3 * maxRemembered {
		if _, ok := m.recall("shop", fmt.Sprint("user-", i), now); ok {
			n++
		}
	}
	if n > maxRemembered || n < maxRemembered/2 {
		t.Errorf("%d of at most %d are remembered", n, maxRemembered)
	}
}
