package gateway

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// maxHead is how much of an answer is read before it is passed on. The longest error of a
// platform has a fraction of it.
const maxHead = 4 << 10

// maxPlain bounds what a packed head may hold.
const maxPlain = 64 << 10

// head is the beginning of an answer.
type head struct {
	raw   []byte
	whole bool // raw is all of it
	ended bool // and its end has been read as well
}

// readHead takes the beginning of an answer that may be an error, and leaves the answer
// as if nothing had been read. Of one that cannot be an error, by its type or its size,
// because it is a file that somebody has sent, which may hold anything, or because no JSON
// object begins there, nothing or little is read.
func readHead(resp *http.Response) (head, error) {
	if resp.Body == nil || resp.Body == http.NoBody || resp.ContentLength == 0 {
		return head{whole: true}, nil
	}
	if resp.ContentLength > maxHead || media(resp.Header.Get("Content-Type")) || resp.Header["Content-Disposition"] != nil {
		return head{}, nil
	}
	packed := resp.Header.Get("Content-Encoding") != ""
	size := int64(maxHead)
	if resp.ContentLength > 0 {
		size = resp.ContentLength
	}
	h := head{raw: make([]byte, 0, min(size, 512))}
	for int64(len(h.raw)) < size {
		if len(h.raw) == cap(h.raw) {
			h.raw = append(make([]byte, 0, min(2*int64(cap(h.raw)), size)), h.raw...)
		}
		n, err := resp.Body.Read(h.raw[len(h.raw):cap(h.raw)])
		h.raw = h.raw[:len(h.raw)+n]
		if err == io.EOF {
			h.whole, h.ended = true, true
			break
		}
		if err != nil {
			return head{}, err //nolint:wrapcheck // the round trip's own error
		}
		if !packed && !mayBeObject(h.raw) {
			break
		}
	}
	h.whole = h.whole || resp.ContentLength > 0 && int64(len(h.raw)) == resp.ContentLength
	h.put(resp)
	return h, nil
}

// maxPage bounds what is read of an answer that is not the platform's usual one.
const maxPage = 64 << 10

// readPage reads on where an answer is a page: a redirect, an error of HTTP, or something
// for people to read. Platforms do not answer calls like that, but what stands before
// them may, and quote the call. So such a page is looked through as a whole, and one that
// is too large for that is not passed on.
func readPage(resp *http.Response, h head) (head, error) {
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	if resp.StatusCode < http.StatusMultipleChoices && !strings.EqualFold(strings.TrimSpace(kind), "text/html") {
		return h, nil
	}
	if !h.whole {
		b, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
		_ = resp.Body.Close() // It has been read, or is given up.
		switch {
		case err != nil:
			return head{}, err //nolint:wrapcheck // the round trip's own error
		case len(b) > maxPage:
			return head{}, errPage
		}
		h = head{raw: b, whole: true}
		resp.Body = io.NopCloser(bytes.NewReader(b))
	}
	if len(h.raw) > 0 && h.plain(resp) == nil {
		_ = resp.Body.Close() // It is given up.
		return head{}, errPage
	}
	return h, nil
}

var errPage = &broker.Error{
	Code: broker.ErrUnreachable.Code, Class: broker.Transient, Message: "something else than the platform answered",
	Hint: "a page came back that no platform sends: look what is at the app's base_url, or between it and this server",
}

// put gives the answer its beginning back.
func (h head) put(resp *http.Response) {
	b := &headed{body: resp.Body}
	b.head.Reset(h.raw)
	b.Reader = &b.head
	if !h.ended {
		b.Reader = io.MultiReader(&b.head, resp.Body)
	}
	resp.Body = b
}

type headed struct {
	io.Reader
	head bytes.Reader
	body io.Closer
}

func (h *headed) Close() error { return h.body.Close() } //nolint:wrapcheck // it stands for the body

// plain returns the whole answer in the clear; nil if it is not all there.
func (h head) plain(resp *http.Response) []byte {
	if !h.whole {
		return nil
	}
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity":
		return h.raw
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(h.raw))
		if err != nil {
			return nil
		}
		b, err := io.ReadAll(io.LimitReader(z, maxPlain+1))
		if err != nil || len(b) > maxPlain {
			return nil
		}
		return b
	default:
		return nil
	}
}

// media reports whether a type is one that errors never have.
func media(contentType string) bool {
	t, _, _ := strings.Cut(contentType, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	kind, _, _ := strings.Cut(t, "/")
	switch kind {
	case "image", "audio", "video", "font":
		return true
	}
	return t == "application/octet-stream" || t == "application/zip" || t == "application/pdf"
}

// mayBeObject reports whether a JSON object may begin like this.
func mayBeObject(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) == 0 || b[0] == '{' || b[0] == 0xef
}
