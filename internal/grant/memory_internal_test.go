package grant

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestMemoryOfWhatWasWrittenMeanwhile: who has read a user before she was deleted remembers
// nothing of her afterwards.
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

// TestMemoryOfWrites: what was written last is remembered, unless it does not follow what was remembered.
func TestMemoryOfWrites(t *testing.T) {
	t.Parallel()
	now := time.Now()
	row := func(kind broker.Kind, v broker.Version) broker.Grant {
		return broker.Grant{Key: broker.Key{App: "shop", Kind: kind, Subject: "mo"}, Version: v}
	}
	for name, c := range map[string]struct {
		wrote broker.Grant
		want  []broker.Grant // nil: the user is forgotten
	}{
		"the next":      {wrote: row("b", 6), want: []broker.Grant{row("a", 1), row("b", 6)}},
		"a later":       {wrote: row("b", 9), want: []broker.Grant{row("a", 1), row("b", 9)}},
		"the same":      {wrote: row("b", 5)},
		"an earlier":    {wrote: row("b", 1)}, // after a deletion at another server
		"another kind":  {wrote: row("c", 1)},
		"nothing known": {wrote: broker.Grant{Key: broker.Key{App: "shop", Kind: "a", Subject: "bo"}, Version: 1}, want: []broker.Grant{row("a", 1), row("b", 5)}},
	} {
		m := newMemory()
		m.remember("shop", "mo", []broker.Grant{row("a", 1), row("b", 5)}, now, 0)
		m.wrote(c.wrote)
		got, _ := m.recall("shop", "mo", now.Add(rememberedFor))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if _, ok := m.recall("shop", "mo", now.Add(rememberedFor+1)); ok {
			t.Errorf("%s: a write makes what is remembered of others younger", name)
		}
		if _, ok := m.recall("shop", "bo", now); ok {
			t.Errorf("%s: a user is remembered of whom not everything is known", name)
		}
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
