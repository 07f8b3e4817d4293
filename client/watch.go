package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/hufu-io/hufu/api"
)

const (
	// maxLine bounds a line of the stream. A token has a few hundred bytes.
	maxLine = 256 << 10
	// quiet is when a stream counts as broken: the server sends something every 15 s.
	quiet = time.Minute
)

// Watch yields the tokens of the given apps, all kinds that are there at once and then
// each new one. It ends with an error when the connection ends, when nothing was heard
// of the server for a minute, or when ctx ends; whoever wants to go on watching calls it
// again, and gets what was missed with the tokens that come first.
func (c *Client) Watch(ctx context.Context, apps ...string) iter.Seq2[api.Token, error] {
	in := call{method: http.MethodGet, path: []string{"v1", "watch"}, query: url.Values{"app": apps}}
	return func(yield func(api.Token, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		alarm := time.AfterFunc(quiet, func() { cancel(fmt.Errorf("%s: nothing was heard for %s", in, quiet)) })
		defer alarm.Stop()
		fail := func(err error) {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			yield(api.Token{}, err)
		}
		resp, err := c.send(ctx, in)
		if err != nil {
			fail(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			data, err := io.ReadAll(io.LimitReader(resp.Body, maxLine))
			if err != nil {
				fail(fmt.Errorf("%s: read the answer: %w", in, err))
				return
			}
			fail(problem(resp, data))
			return
		}
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(make([]byte, 0, 4<<10), maxLine)
		var ev event
		for lines.Scan() {
			alarm.Reset(quiet)
			if !ev.line(lines.Bytes()) {
				continue
			}
			t, ok, err := ev.token()
			ev = event{}
			if err != nil {
				fail(fmt.Errorf("%s: %w", in, err))
				return
			}
			if ok && !yield(t, nil) {
				return
			}
		}
		err = lines.Err()
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		fail(fmt.Errorf("%s: the stream ended: %w", in, err))
	}
}

// event is one server-sent event.
type event struct {
	name string
	data []byte
}

// line takes in a line of the stream and reports whether it ends an event.
func (e *event) line(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	field, value, _ := bytes.Cut(b, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "event":
		e.name = string(value)
	case "data":
		if e.data != nil {
			e.data = append(e.data, '\n')
		}
		e.data = append(e.data, value...)
	}
	return false
}

// token decodes an event. Events of other names are for newer clients.
func (e *event) token() (api.Token, bool, error) {
	if e.name != "token" || e.data == nil {
		return api.Token{}, false, nil
	}
	var t api.Token
	if json.Unmarshal(e.data, &t) != nil {
		// The decoder's error may quote the token.
		return api.Token{}, false, errors.New("an event holds no token that can be read")
	}
	return t, true, nil
}
