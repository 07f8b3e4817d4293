package acl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
)

func TestAllow(t *testing.T) {
	t.Parallel()
	client := func(r broker.Right, apps ...string) *broker.Client {
		return &broker.Client{Name: "c", Rights: broker.Rights(r), Apps: apps}
	}
	for _, c := range []struct {
		name   string
		client *broker.Client
		right  broker.Right
		app    string
		want   bool
	}{
		{"nobody", nil, broker.Read, "shop", false},
		{"nobody, about the server", nil, broker.Admin, "", false},
		{"a client without apps", client(broker.Read), broker.Read, "shop", false},
		{"a client without rights", client(0, "*"), broker.Read, "shop", false},
		{"its app", client(broker.Read, "shop"), broker.Read, "shop", true},
		{"another app", client(broker.Read, "shop"), broker.Read, "shop2", false},
		{"a prefix of its app", client(broker.Read, "shop"), broker.Read, "sho", false},
		{"one of several", client(broker.Read, "a", "b-*", "shop"), broker.Read, "b-7", true},
		{"another right", client(broker.Read|broker.Call, "*"), broker.Renew, "shop", false},
		{"several rights", client(broker.Read|broker.Renew, "*"), broker.Renew, "shop", true},
		{"an administrator may all", client(broker.Admin, "shop"), broker.Call, "shop", true},
		{"an administrator of some apps, elsewhere", client(broker.Admin, "shop"), broker.Read, "blog", false},
		{"the server itself, for the administrator of all", client(broker.Admin, "shop", "*"), broker.Admin, "", true},
		{"the server itself, for the administrator of some", client(broker.Admin, "a*", "**", "?", ""), broker.Admin, "", false},
		{"an empty pattern", client(broker.Read, ""), broker.Read, "shop", false},
		{"case counts", client(broker.Read, "Shop"), broker.Read, "shop", false},
	} {
		if got := acl.Allow(c.client, c.right, c.app); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// naive says the same as Match, as plainly as it can be said.
func naive(pattern, id string) bool {
	if pattern == "" {
		return id == ""
	}
	if pattern[0] == '*' {
		for i := 0; i <= len(id); i++ {
			if naive(pattern[1:], id[i:]) {
				return true
			}
		}
		return false
	}
	return id != "" && pattern[0] == id[0] && naive(pattern[1:], id[1:])
}

func TestMatchAgreesWithItsDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*]{0,8}`).Draw(t, "pattern")
		id := rapid.StringMatching(`[ab*]{0,12}`).Draw(t, "id")
		if got, want := acl.Match(pattern, id), naive(pattern, id); got != want {
			t.Errorf("Match(%q, %q) = %v, want %v", pattern, id, got, want)
		}
	})
}

func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{{"", ""}, {"*", ""}, {"*", "shop"}, {"shop", "shop"}, {"a*b*c", "aXbYc"}, {"**a", "ba"}, {"*a*b", "aab"}, {"a?", "ab"}, {"[a]", "a"}, {"a\\*", "a*"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, id string) {
		if len(pattern) > 12 || len(id) > 24 {
			return // the definition takes exponential time
		}
		if got, want := acl.Match(pattern, id), naive(pattern, id); got != want {
			t.Errorf("Match(%q, %q) = %v, want %v", pattern, id, got, want)
		}
	})
}

// A pattern that is made to be slow is not: patterns come from people.
func TestMatchIsFastOnHostilePatterns(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	for range 100 {
		if acl.Match(strings.Repeat("*a", 200)+"b", strings.Repeat("a", 1000)) {
			t.Fatal("matched")
		}
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("100 matches took %v", took)
	}
}

// What the client cannot reach is skipped in one step, and nothing that it can reach is.
func TestSkipNeverSkipsWhatMayBeUsed(t *testing.T) {
	t.Parallel()
	var ids []string
	for i := range 500 {
		ids = append(ids, fmt.Sprintf("%s-%03d", []string{"a", "mine", "min", "other", "z"}[i%5], i))
	}
	slices.Sort(ids)
	for _, apps := range [][]string{{"*"}, {"mine-*"}, {"z-*", "a-*"}, {"m*1"}, {"*7"}, {"other-003", "other-008", "nothing"}, {}, {"zz"}, {"mine-*", "mi*"}} {
		c := &broker.Client{Rights: broker.Rights(broker.Read), Apps: apps}
		prefixes := acl.Prefixes(c)
		var want, got []string
		for _, id := range ids {
			if acl.Allow(c, broker.Read, id) {
				want = append(want, id)
			}
		}
		steps := 0
		for rest := ids; len(rest) > 0; steps++ {
			if acl.Allow(c, broker.Read, rest[0]) {
				got = append(got, rest[0])
				rest = rest[1:]
				continue
			}
			n := acl.Skip(rest, prefixes)
			if n < 1 {
				t.Fatalf("%q: a skip by %d", apps, n)
			}
			rest = rest[n:]
		}
		if !slices.Equal(want, got) {
			t.Errorf("%q: %d apps, want %d", apps, len(got), len(want))
		}
		if literal := !slices.Contains(prefixes, "") && !slices.Contains(prefixes, "m"); literal && steps > len(want)+len(apps)+1 {
			t.Errorf("%q: %d steps to find %d apps", apps, steps, len(want))
		}
	}
	if acl.Skip(nil, []string{"a"}) != 0 {
		t.Error("a skip where nothing is")
	}
}
