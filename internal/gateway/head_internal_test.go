package gateway

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hufu-io/hufu/internal/broker"
)

func zipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Only what may be an error is looked at, and nothing of an answer is lost by it.
func TestTheHeadOfAnAnswerIsReadWhereItMayBeAnError(t *testing.T) {
	t.Parallel()
	refusal := `{"errcode":40001,"errmsg":"invalid credential"}`
	long := `{"data":"` + strings.Repeat("x", 10<<10) + `"}`
	for _, c := range []struct {
		name, body, contentType, encoding string
		length                            bool
		plain                             string // what is judged; "": nothing
	}{
		{name: "a refusal", body: refusal, contentType: "application/json; encoding=utf-8", length: true, plain: refusal},
		{name: "a refusal in chunks", body: refusal, contentType: "application/json", plain: refusal},
		{name: "a refusal that is called text", body: refusal, contentType: "text/plain", length: true, plain: refusal},
		{name: "a refusal without a type", body: refusal, plain: refusal},
		{name: "a refusal after blanks and a mark", body: "\xef\xbb\xbf \r\n\t" + refusal, plain: "\xef\xbb\xbf \r\n\t" + refusal},
		{name: "a packed refusal", body: zipped(t, refusal), encoding: "gzip", length: true, plain: refusal},
		{name: "a packed refusal in chunks", body: zipped(t, refusal), encoding: "gzip", plain: refusal},
		{name: "a long answer", body: long, contentType: "application/json", length: true},
		{name: "a long answer in chunks", body: long, contentType: "application/json"},
		{name: "a picture", body: refusal, contentType: "image/jpeg", length: true},
		{name: "a file", body: refusal, contentType: "application/octet-stream"},
		{name: "a page in chunks", body: "<html>" + strings.Repeat("x", 8<<10), contentType: "text/html"},
		{name: "something packed in another way", body: refusal, encoding: "br", length: true},
		{name: "something that is not what it is called", body: refusal, encoding: "gzip", length: true},
		{name: "nothing", length: true},
	} {
		for _, reader := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
			closed := false
			resp := &http.Response{Header: http.Header{}, ContentLength: -1}
			resp.Body = body{reader(strings.NewReader(c.body)), func() { closed = true }}
			if c.length {
				resp.ContentLength = int64(len(c.body))
			}
			if c.contentType != "" {
				resp.Header.Set("Content-Type", c.contentType)
			}
			if c.encoding != "" {
				resp.Header.Set("Content-Encoding", c.encoding)
			}
			h, err := readHead(resp)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if got := string(h.plain(resp)); got != c.plain {
				t.Errorf("%s: %q is judged, want %q", c.name, got, c.plain)
			}
			if len(h.raw) > maxHead {
				t.Errorf("%s: %d bytes were read ahead", c.name, len(h.raw))
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil || string(got) != c.body {
				t.Errorf("%s: the answer has %d bytes after it, want %d: %v", c.name, len(got), len(c.body), err)
			}
			if err := resp.Body.Close(); err != nil || !closed {
				t.Errorf("%s: the answer's connection is not given back: %v", c.name, err)
			}
		}
	}
}

type body struct {
	io.Reader
	closed func()
}

func (b body) Close() error {
	b.closed()
	return nil
}

// A stream whose first bytes tell that it is no error is passed on at once.
func TestAStreamIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	go func() { _, _ = w.Write([]byte("data: 1\n\n")) }()
	resp := &http.Response{Header: http.Header{"Content-Type": {"text/event-stream"}}, ContentLength: -1, Body: r}
	if _, err := readHead(resp); err != nil {
		t.Fatal(err)
	}
	var first [9]byte
	if _, err := io.ReadFull(resp.Body, first[:]); err != nil || string(first[:]) != "data: 1\n\n" {
		t.Errorf("%q, %v", first, err)
	}
}

// What is packed so well that it is more than an error ever was is passed on as it came.
func TestAnAnswerThatUnpacksToMuchIsNotCut(t *testing.T) {
	t.Parallel()
	packed := zipped(t, `{"data":"`+strings.Repeat("x", 4*maxPlain)+`"}`)
	resp := &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, ContentLength: int64(len(packed)), Body: io.NopCloser(strings.NewReader(packed))}
	h, err := readHead(resp)
	if err != nil || h.plain(resp) != nil {
		t.Fatalf("%d bytes are judged, %v", len(h.plain(resp)), err)
	}
	h.hide(resp, broker.NewSecret("x"))
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != packed {
		t.Errorf("%d bytes come out of %d: %v", len(got), len(packed), err)
	}
}
