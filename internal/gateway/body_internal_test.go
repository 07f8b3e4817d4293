package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func post(t *testing.T, r io.Reader, length int64) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://platform/", r)
	if err != nil {
		t.Fatal(err)
	}
	req.GetBody, req.ContentLength = nil, length
	return req
}

func TestBodiesAreKeptUpToTheirBound(t *testing.T) {
	t.Parallel()
	const most = 1000
	for _, size := range []int64{0, 1, 999, 1000, 1001, 5000} {
		for _, known := range []bool{true, false} {
			k := newKeeper(most, 10*most)
			content := bytes.Repeat([]byte("x"), int(size))
			length := int64(-1)
			if known {
				length = size
			}
			r := post(t, iotest.HalfReader(bytes.NewReader(content)), length)
			x, err := k.keep(r, "orders")
			if err != nil {
				t.Fatal(err)
			}
			if x.whole != (size <= most) {
				t.Errorf("%d bytes, length known %v: kept whole is %v", size, known, x.whole)
			}
			times := 1
			if x.whole {
				times = 3
			}
			for i := range times {
				if i > 0 {
					x.rewind(r)
				}
				var got []byte
				if r.Body != nil {
					if got, err = io.ReadAll(r.Body); err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.Equal(got, content) {
					t.Errorf("%d bytes, length known %v: sent %d of them the time %d", size, known, len(got), i+1)
				}
				if x.whole && r.ContentLength != size {
					t.Errorf("%d bytes, length known %v: sent as %d", size, known, r.ContentLength)
				}
			}
			k.release(x)
			if k.used != 0 || len(k.by) != 0 {
				t.Errorf("%d bytes, length known %v: memory was not given back", size, known)
			}
		}
	}
}

// When the memory for bodies is used up, calls go on and are made once.
func TestWithoutMemoryBodiesAreStreamed(t *testing.T) {
	t.Parallel()
	k := newKeeper(1000, 1500)
	first, err := k.keep(post(t, strings.NewReader(strings.Repeat("x", 1000)), 1000), "orders")
	if err != nil || !first.whole {
		t.Fatal(first.whole, err)
	}
	r := post(t, strings.NewReader(strings.Repeat("y", 1000)), 1000)
	second, err := k.keep(r, "orders")
	if err != nil || second.whole {
		t.Fatal(second.whole, err)
	}
	if got, err := io.ReadAll(r.Body); err != nil || len(got) != 1000 {
		t.Error(len(got), err)
	}
	k.release(first)
	k.release(second)
	if third, err := k.keep(post(t, strings.NewReader("z"), 1), "orders"); err != nil || !third.whole {
		t.Error(third.whole, err)
	}
}

func TestABodyThatBreaksOffIsTheCallersFault(t *testing.T) {
	t.Parallel()
	k := newKeeper(1000, 10_000)
	gone := errors.New("gone")
	for _, length := range []int64{10, -1} {
		_, err := k.keep(post(t, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(gone)), length), "orders")
		var fromBody bodyError
		if !errors.As(err, &fromBody) || !errors.Is(err, gone) {
			t.Errorf("length %d: %v", length, err)
		}
		if k.used != 0 || len(k.by) != 0 {
			t.Errorf("length %d: memory was not given back", length)
		}
	}
}
