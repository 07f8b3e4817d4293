package gateway

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"golang.org/x/sync/semaphore"
)

// keeper keeps the bodies of calls, so that they can be made again. What it keeps at a
// time is bounded; calls beyond that are made once.
type keeper struct {
	most   int64 // of one body
	memory *semaphore.Weighted
}

func newKeeper(most, memory int64) *keeper {
	return &keeper{most: most, memory: semaphore.NewWeighted(memory)}
}

// kept is what is known of a call's body.
type kept struct {
	whole bool   // all of it is in data
	data  []byte // shared with requests under way, and not changed
	held  int64  // of the keeper's memory
}

// keep reads a request's body as far as it may be kept. The request can be sent after it,
// and the caller gives the memory back with [keeper.release].
//
// A body without a length gets one if it is small: not every platform takes chunks.
func (k *keeper) keep(r *http.Request) (kept, error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		r.Body, r.ContentLength = nil, 0
		return kept{whole: true}, nil
	}
	want := r.ContentLength
	if want > k.most {
		return kept{}, nil
	}
	if want < 0 {
		want = k.most
	}
	if !k.memory.TryAcquire(want) {
		return kept{}, nil
	}
	x := kept{held: want}
	var err error
	if r.ContentLength > 0 {
		x.data = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, x.data)
		x.whole = true
	} else {
		x.data, err = io.ReadAll(io.LimitReader(r.Body, k.most+1))
		x.whole = int64(len(x.data)) <= k.most
		// Of a body without a length the most was taken beforehand.
		if used := min(int64(len(x.data)), want); used < want {
			k.memory.Release(want - used)
			x.held = used
		}
	}
	if err != nil {
		k.release(x)
		return kept{}, bodyError{err}
	}
	if x.whole {
		x.rewind(r)
	} else {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(x.data), r.Body), r.Body}
	}
	return x, nil
}

// rewind puts the body in place, for the first time or again. GetBody lets the transport
// send it again on another connection where it provably has not left on the first.
func (x kept) rewind(r *http.Request) {
	if len(x.data) == 0 {
		r.Body, r.GetBody, r.ContentLength = nil, nil, 0
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(x.data))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.data)), nil }
	r.ContentLength = int64(len(x.data))
	r.TransferEncoding = nil
}

func (k *keeper) release(x kept) {
	if x.held > 0 {
		k.memory.Release(x.held)
	}
}

// once keeps the transport from making a call without a body a second time by itself, as
// it does with a GET whose connection broke: a code that is shown twice is refused.
// Saying "identity" is not seen on the wire; it keeps net/http from looking for a length.
func once(r *http.Request) {
	if r.Body == nil {
		r.Body = io.NopCloser(strings.NewReader(""))
		r.GetBody = nil
		r.TransferEncoding = []string{"identity"}
	}
}

// bodyError is that a caller's body could not be read: it is gone, or too slow.
type bodyError struct{ error }

func (e bodyError) Unwrap() error { return e.error }
