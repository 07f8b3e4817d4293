package gateway

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// What is kept at a time is bounded for each client and as a whole, whatever bodies are
// said to be; what is not kept is sent all the same, and only what came takes memory.
func TestOneClientDoesNotTakeTheMemoryOfAllOthers(t *testing.T) {
	t.Parallel()
	const most, memory = 1000, 4000 // and so a share of 1000
	k := newKeeper(most, memory)
	var held []kept
	keep := func(client string, size int, length int64) bool {
		t.Helper()
		content := strings.Repeat("x", size)
		r := post(t, iotest.HalfReader(strings.NewReader(content)), length)
		x, err := k.keep(r, client)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, x)
		if got, err := io.ReadAll(r.Body); err != nil || string(got) != content {
			t.Errorf("%s: %d bytes are sent of %d: %v", client, len(got), size, err)
		}
		return x.whole
	}
	for _, c := range []struct {
		client string
		size   int
		want   bool
	}{
		{"a", 600, true},
		{"a", 500, false}, // more than its share
		{"a", 400, true},
		{"b", 1000, true},
		{"c", 1000, true},
		{"d", 900, true},
		{"e", 200, false}, // more than there is
		{"e", 100, true},
	} {
		if got := keep(c.client, c.size, int64(c.size)); got != c.want {
			t.Errorf("%s: %d bytes: kept whole is %v", c.client, c.size, got)
		}
	}
	for _, x := range held {
		k.release(x)
	}
	if k.used != 0 || len(k.by) != 0 {
		t.Errorf("%d bytes are held by %v", k.used, k.by)
	}
	// A body that ends too early gives back what it took.
	if _, err := k.keep(post(t, bytes.NewReader(make([]byte, 300)), 400), "a"); err == nil || k.used != 0 {
		t.Errorf("%v, and %d bytes are held", err, k.used)
	}
}
