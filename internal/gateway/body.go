package gateway

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
)

// keeper keeps the bodies of calls, so that they can be made again. What it keeps at a
// time is bounded, as a whole and for each client; calls beyond that are made once.
type keeper struct {
	most   int64 // of one body
	memory int64
	share  int64 // of one client

	mu   sync.Mutex
	used int64
	by   map[string]int64 // client → what is kept for it
}

func newKeeper(most, memory int64) *keeper {
	return &keeper{most: most, memory: memory, share: max(memory/4, most), by: map[string]int64{}}
}

// reserve takes memory for a client, if there is any left for it.
func (k *keeper) reserve(client string, n int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.used+n > k.memory || k.by[client]+n > k.share {
		return false
	}
	k.used += n
	k.by[client] += n
	return true
}

// kept is what is known of a call's body.
type kept struct {
	whole  bool   // all of it is in data
	data   []byte // shared with requests under way, and not changed
	client string
	held   int64 // of the keeper's memory
}

// release gives back what is held for a body.
func (k *keeper) release(x kept) {
	if x.held == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used -= x.held
	if k.by[x.client] -= x.held; k.by[x.client] == 0 {
		delete(k.by, x.client)
	}
}

// keep reads a request's body as far as it may be kept. The request can be sent after it,
// and the caller gives the memory back with [keeper.release]. Memory is taken as the body
// comes, not by what it is said to be.
//
// A body without a length gets one if it is small: not every platform takes chunks.
func (k *keeper) keep(r *http.Request, client string) (kept, error) {
	switch {
	case r.Body == nil, r.Body == http.NoBody, r.ContentLength == 0:
		r.Body, r.ContentLength = nil, 0
		return kept{whole: true}, nil
	case r.ContentLength > k.most:
		return kept{}, nil
	}
	x := kept{client: client}
	for !x.whole && int64(len(x.data)) <= k.most {
		if len(x.data) == cap(x.data) && !k.grow(&x, r.ContentLength) {
			break
		}
		n, err := r.Body.Read(x.data[len(x.data):cap(x.data)])
		x.data = x.data[:len(x.data)+n]
		switch {
		case err == io.EOF && (r.ContentLength < 0 || int64(len(x.data)) == r.ContentLength), int64(len(x.data)) == r.ContentLength:
			x.whole = int64(len(x.data)) <= k.most
		case err == io.EOF:
			k.release(x)
			return kept{}, bodyError{io.ErrUnexpectedEOF}
		case err != nil:
			k.release(x)
			return kept{}, bodyError{err}
		}
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

// grow makes room for more of a body of the given length; negative: nobody knows it.
func (k *keeper) grow(x *kept, length int64) bool {
	const first = 4 << 10
	room := max(2*int64(cap(x.data)), first)
	if length > 0 {
		room = min(room, length)
	}
	room = min(room, k.most+1)
	more := room - int64(cap(x.data))
	if more <= 0 || !k.reserve(x.client, more) {
		return false
	}
	x.held += more
	x.data = append(make([]byte, 0, room), x.data...)
	return true
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

// once keeps the transport from making a call without a body a second time by itself, as
// it does with a GET whose connection broke, and with one whose body it can have again: a
// code that is shown twice is refused. Saying "identity" is not seen on the wire; it keeps
// net/http from looking for a length.
func once(r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		r.GetBody = nil
	}
	if r.Body == nil {
		r.Body = io.NopCloser(strings.NewReader(""))
		r.GetBody = nil
		r.TransferEncoding = []string{"identity"}
	}
}

// bodyError is that a caller's body could not be read: it is gone, or too slow.
type bodyError struct{ error }

func (e bodyError) Unwrap() error { return e.error }
