package storetest

import (
	"errors"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func rapidErr(t *rapid.T, what string, err, want error) {
	t.Helper()
	if want == nil && err != nil || !errors.Is(err, want) {
		t.Fatalf("%s: got error %v, want %v", what, err, want)
	}
}

func rapidSame[T any](t *rapid.T, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, same()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}
