package oidc

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A key signs two hours after everybody may know it, and stays known until all that it signed
// has expired. Until then there is no third one.
func TestASigningKeyIsPublishedBeforeAndAfterItSigns(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	plain, err := newKeys()
	if err != nil {
		t.Fatal(err)
	}
	rotate := func(at time.Duration) bool {
		t.Helper()
		before := plain
		if plain, err = rotated(plain, start.Add(at)); err != nil {
			t.Fatal(err)
		}
		return !bytes.Equal(before, plain)
	}
	names := map[string]string{} // of the keys, in the order in which they were made
	look := func(at time.Duration) (signs, known string) {
		t.Helper()
		k, err := parseKeys(plain)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range k.published(start.Add(at)) {
			if names[p.ID()] == "" {
				names[p.ID()] = string(rune('a' + len(names)))
			}
			known += names[p.ID()]
		}
		return names[k.signer(start.Add(at)).ID()], known
	}
	check := func(at time.Duration, signs, known string) {
		t.Helper()
		gotSigns, gotKnown := look(at)
		if d := cmp.Diff([]string{signs, known}, []string{gotSigns, gotKnown}); d != "" {
			t.Errorf("after %v, who signs and what is known (-want +got):\n%s", at, d)
		}
	}
	check(0, "a", "a")
	if !rotate(0) {
		t.Fatal("there is no other key")
	}
	check(0, "a", "ab")
	check(2*time.Hour-time.Second, "a", "ab")
	check(2*time.Hour, "b", "ab")
	check(4*time.Hour-time.Second, "b", "ab")
	if rotate(time.Minute) || rotate(4*time.Hour-time.Second) {
		t.Error("a key was dropped whose tokens live")
	}
	check(4*time.Hour, "b", "b")
	if !rotate(4 * time.Hour) {
		t.Error("there is no third key")
	}
	check(4*time.Hour, "b", "bc")
	check(6*time.Hour, "c", "bc")
	check(8*time.Hour, "c", "c")
}
