package broker_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestKeysOfDifferentPartsNeverShareAFormI8(t *testing.T) {
	t.Parallel()
	parts := []string{"a", "a/b", "/", "a%2Fb", "%", "..", ".", " ", "\x00", "\xff", "密钥", "a?b#c", "a:b"}
	seen := map[string]broker.Key{}
	for _, app := range parts {
		for _, kind := range parts {
			for _, subject := range append(parts, "") {
				k := broker.Key{App: app, Kind: broker.Kind(kind), Subject: subject}
				s := k.String()
				if other, ok := seen[s]; ok {
					t.Fatalf("%+v and %+v are both %q", k, other, s)
				}
				seen[s] = k
				got, err := broker.ParseKey(s)
				if err != nil || got != k {
					t.Fatalf("ParseKey(%q) = %+v, %v, want %+v", s, got, err, k)
				}
			}
		}
	}
}

func TestParseKeyRefusesWhatStringNeverGives(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "/", "a", "a/", "/a", "//", "a//", "a//b", "a/b/", "a/b/c/d", "a/b/c/", "%", "a/%", "a/%2", "a/%zz",
		"a/%61", "%41/b", "a/%2f", "a/b c", "a/b?c", "a/\x00", "a/\xff", "a/b#c", "a/密钥", strings.Repeat("a/", 1000),
	} {
		if k, err := broker.ParseKey(s); err == nil {
			t.Errorf("ParseKey(%q) = %+v, want an error", s, k)
		}
	}
}

func TestAnyKeySurvivesItsStringForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := broker.Key{
			App: rapid.StringN(1, -1, -1).Draw(t, "app"), Kind: broker.Kind(rapid.StringN(1, -1, -1).Draw(t, "kind")),
			Subject: rapid.String().Draw(t, "subject"),
		}
		if got, err := broker.ParseKey(k.String()); err != nil || got != k {
			t.Fatalf("ParseKey(%q) = %+v, %v", k.String(), got, err)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"shop/access_token", "a/b/c", "a%2Fb/c", "//", "%", "a/b/c/d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := broker.ParseKey(s)
		if err == nil && k.String() != s {
			t.Fatalf("%q was read as %+v, which is %q", s, k, k.String())
		}
	})
}

func TestValidAppID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"a": true, "0": true, "shop-1": true, "a-": true, strings.Repeat("a", broker.MaxAppID): true,
		"": false, "-a": false, "A": false, "a_b": false, "a.b": false, "a/b": false, "ä": false, "a\x00": false,
		"..": false, strings.Repeat("a", broker.MaxAppID+1): false,
	} {
		if got := broker.ValidAppID(id); got != want {
			t.Errorf("ValidAppID(%q) = %v", id, got)
		}
	}
}

func TestValidClientName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"a": true, "Shop_1.b-c": true, "0": true, strings.Repeat("a", 64): true,
		"": false, ".a": false, "-a": false, "_a": false, "a b": false, "a/b": false, "ä": false, "\xff": false, "a\n": false,
		strings.Repeat("a", 65): false,
	} {
		if got := broker.ValidClientName(name); got != want {
			t.Errorf("ValidClientName(%q) = %v", name, got)
		}
	}
}
