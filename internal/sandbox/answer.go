package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// answer is what the sandbox has to say to one request, as a value: the same
// answer is written to a socket by the handler and handed over in process by
// the transport, so that faults look alike through both.
type answer struct {
	status int
	header http.Header
	body   []byte
	media  blob  // after the body
	filler int64 // bytes of junk after that
	cut    cut

	// lost is called when it is certain that the answer did not arrive. It may
	// be nil.
	lost func()
}

// cut says how the connection breaks.
type cut int

const (
	cutNone      cut = iota
	cutReset         // reset before the answer
	cutSilent        // closed before the answer
	cutTruncated     // closed after half of the body
	cutGone          // the caller itself went away
)

// jsonAnswer renders v. The content type is the platform's own, oddity
// included: strict clients have stumbled over it.
func jsonAnswer(v any) answer {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return textAnswer(http.StatusInternalServerError, "text/plain; charset=utf-8", err.Error())
	}
	return textAnswer(http.StatusOK, "application/json; encoding=utf-8", strings.TrimSuffix(b.String(), "\n"))
}

func textAnswer(status int, contentType, body string) answer {
	return answer{
		status: status,
		header: http.Header{"Content-Type": {contentType}},
		body:   []byte(body),
	}
}

// missed tells whoever made the answer that it did not arrive.
func (a answer) missed() {
	if a.lost != nil {
		a.lost()
	}
}

// write sends the answer over a real connection.
func (a answer) write(w http.ResponseWriter, r *http.Request) {
	switch a.cut {
	case cutReset, cutSilent, cutGone:
		a.missed()
		abort(w, a.cut == cutReset)
		return
	case cutTruncated:
		a.missed()
		a.head(w)
		w.Header().Set("Content-Length", strconv.FormatInt(a.length(), 10))
		w.WriteHeader(a.status)
		_, _ = io.Copy(w, a.half())
		// Without the flush net/http would drop what was written when the
		// handler panics, and the caller would see no answer at all.
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case cutNone:
	}
	a.head(w)
	if a.media.size > 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(a.length(), 10))
	}
	w.WriteHeader(a.status)
	_, err := io.Copy(w, a.reader())
	if err != nil || r.Context().Err() != nil {
		a.missed()
	}
}

func (a answer) head(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
}

// abort breaks the connection, with a TCP reset where that is wanted and
// possible.
func abort(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 resets the stream then
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// response hands the answer over in process.
func (a answer) response(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if ctx.Err() != nil {
		a.missed()
		return nil, context.Cause(ctx)
	}
	switch a.cut {
	case cutReset, cutGone:
		a.missed()
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case cutSilent:
		a.missed()
		return nil, io.EOF
	case cutTruncated:
		a.missed()
	case cutNone:
	}
	header := a.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	length := a.length()
	if a.filler > 0 {
		length = -1
	} else {
		header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	return &http.Response{
		Status:        strconv.Itoa(a.status) + " " + http.StatusText(a.status),
		StatusCode:    a.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          &pipedBody{r: a.reader(), done: ctx.Done(), err: ctx.Err},
		ContentLength: length,
		Request:       r,
	}, nil
}

// length is how long the answer is, without the filler.
func (a answer) length() int64 { return int64(len(a.body)) + a.media.size }

// whole yields the answer without the filler.
func (a answer) whole() io.Reader {
	return io.MultiReader(bytes.NewReader(a.body), a.media.reader())
}

// half yields what arrives of an answer that is cut.
func (a answer) half() io.Reader { return io.LimitReader(a.whole(), a.length()/2) }

// reader yields all of the answer, the filler included, or the half of it that
// arrives.
func (a answer) reader() io.Reader {
	switch {
	case a.cut == cutTruncated:
		return io.MultiReader(a.half(), brokenReader{})
	case a.filler > 0:
		return io.MultiReader(a.whole(), io.LimitReader(fillReader{}, a.filler))
	default:
		return a.whole()
	}
}

// fillReader yields junk without end.
type fillReader struct{}

func (fillReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'A'
	}
	return len(p), nil
}

// brokenReader is a connection that was closed too early.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// pipedBody is a response body that ends with its request's context, as one
// read from a socket does.
type pipedBody struct {
	r    io.Reader
	done <-chan struct{}
	err  func() error
}

func (b *pipedBody) Read(p []byte) (int, error) {
	select {
	case <-b.done:
		return 0, b.err()
	default:
		return b.r.Read(p)
	}
}

func (b *pipedBody) Close() error {
	b.r = closedReader{}
	return nil
}

type closedReader struct{}

func (closedReader) Read([]byte) (int, error) { return 0, http.ErrBodyReadAfterClose }
