package registry_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/registry"
)

var keyForm = regexp.MustCompile(`^hufu_[0-9A-Za-z]{38}$`)

func TestNewKeysHaveTheirFormAndDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	count := map[rune]int{}
	const n = 3000
	for range n {
		k := registry.NewKey().Reveal()
		if !keyForm.MatchString(k) || seen[k] || registry.MistypedKey(k) {
			t.Fatalf("key %q: form %v, seen before %v, mistyped %v", k, keyForm.MatchString(k), seen[k], registry.MistypedKey(k))
		}
		seen[k] = true
		for _, c := range k[5:37] {
			count[c]++
		}
	}
	// 62 characters, each about as likely: 1548 times, with a deviation of 39.
	if len(count) != 62 {
		t.Errorf("%d different characters, want 62", len(count))
	}
	for c, got := range count {
		if want := n * 32 / 62; got < want*4/5 || got > want*6/5 {
			t.Errorf("%c comes %d times, want about %d", c, got, want)
		}
	}
}

// A key with a typing error is told from one that is not known.
func TestTypingErrorsAreFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := registry.NewKey().Reveal()
		i := rapid.IntRange(5, len(key)-1).Draw(t, "position")
		var typed string
		switch rapid.SampledFrom([]string{"changed", "left out", "doubled", "swapped", "cut", "longer"}).Draw(t, "error") {
		case "changed":
			c := rapid.SampledFrom([]byte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!")).Draw(t, "character")
			typed = key[:i] + string(c) + key[i+1:]
		case "left out":
			typed = key[:i] + key[i+1:]
		case "doubled":
			typed = key[:i] + key[i-1:]
		case "swapped":
			typed = key[:i-1] + string(key[i]) + string(key[i-1]) + key[i+1:]
			if !strings.HasPrefix(typed, "hufu_") {
				return // not to be told from a key of somebody's own
			}
		case "cut":
			typed = key[:i]
		case "longer":
			typed = key + rapid.StringMatching(`[ -~]{1,5}`).Draw(t, "tail")
		}
		if typed != key && !registry.MistypedKey(typed) {
			t.Errorf("%q, typed as %q, is not told as mistyped", key, typed)
		}
	})
}

// Keys that operators chose have no checksum and are never called mistyped.
func TestForeignKeysAreNotMistyped(t *testing.T) {
	t.Parallel()
	for _, k := range []string{"", "x", "orders-key-0123456789abcdef0123456789", "HUFU_abc", "hufu"} {
		if registry.MistypedKey(k) {
			t.Errorf("%q", k)
		}
	}
}

func FuzzMistypedKey(f *testing.F) {
	f.Add("hufu_")
	f.Add("")
	f.Add(registry.NewKey().Reveal())
	f.Fuzz(func(t *testing.T, s string) {
		if registry.MistypedKey(s) && !strings.HasPrefix(s, "hufu_") {
			t.Errorf("%q", s)
		}
	})
}
