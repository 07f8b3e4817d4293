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
	"slices"
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
//
// An app that is removed meanwhile is an error too, and the only one that is not the
// end: a token with nothing but its App comes with an [*api.Problem] of the code
// [api.CodeUnknownApp], as other calls return it for that app. Whoever stays in the loop
// hears of the other apps as before, and of this one if it is added again; without
// others, Watch ends. A new call that names a removed app is refused.
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
		removed := make(map[string]bool, len(apps))
		for lines.Scan() {
			alarm.Reset(quiet)
			if !ev.line(lines.Bytes()) {
				continue
			}
			t, gone, err := ev.decode()
			ev = event{}
			switch {
			case err != nil:
				fail(fmt.Errorf("%s: %w", in, err))
				return
			case t == nil:
				continue
			}
			removed[t.App] = gone != nil
			if !yield(*t, gone) {
				return
			}
		}
		err = lines.Err()
		if err == nil {
			if len(apps) > 0 && !slices.ContainsFunc(apps, func(app string) bool { return !removed[app] }) {
				return // the server ended it, and why was said with the last app
			}
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

// decode returns what an event tells of an app: its token, or in gone that it was
// removed. Events of other names are for newer clients; of those it returns nothing.
func (e *event) decode() (t *api.Token, gone, err error) {
	switch {
	case e.data == nil:
		return nil, nil, nil
	case e.name == "token":
		t = &api.Token{}
		if json.Unmarshal(e.data, t) != nil {
			// The decoder's error may quote the token.
			return nil, nil, errors.New("an event holds no token that can be read")
		}
		return t, nil, nil
	case e.name == "removed":
		var of struct {
			App string `json:"app"`
		}
		if json.Unmarshal(e.data, &of) != nil || of.App == "" {
			return nil, nil, errors.New("an event names no app that was removed")
		}
		return &api.Token{App: of.App}, errRemoved(of.App), nil
	}
	return nil, nil, nil
}

func errRemoved(app string) error {
	return &api.Problem{
		Title: http.StatusText(http.StatusNotFound), Status: http.StatusNotFound, Code: api.CodeUnknownApp, Class: api.ClassNotFound,
		Detail: fmt.Sprintf("the app %q was removed", app),
	}
}
