package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

const (
	maxWatched = 1000
	// heartbeat keeps proxies from closing a quiet stream, and finds callers that are gone.
	heartbeat = 15 * time.Second
	// writeTimeout bounds one write to a watcher; one that reads slower is cut off.
	writeTimeout = 10 * time.Second
)

// watch streams server-sent events: "token" for every token of the apps at once, then
// for each new one, and "removed" for each app that is removed meanwhile.
func (a *API) watch(w http.ResponseWriter, r *http.Request) {
	id := a.ids.next()
	c, err := a.authenticate(r, id)
	if err != nil {
		a.renderError(w, r, id, err)
		return
	}
	apps := r.URL.Query()["app"]
	if len(apps) == 0 || len(apps) > maxWatched {
		a.renderError(w, r, id, invalid("name the apps to watch: ?app=shop&app=…, at most %d", maxWatched))
		return
	}
	sub, err := a.svc.Watch(c, apps)
	if err != nil {
		a.renderError(w, r, id, err)
		return
	}
	defer sub.Close()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h["Cache-Control"], h["X-Request-Id"] = noStore, []string{id}
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	ctx, cancel := a.patient(r.Context(), 24*time.Hour)
	defer cancel()
	(&watcher{
		svc: a.svc, caller: c, apps: apps, sub: sub, removed: map[string]bool{},
		out: stream{w: w, rc: http.NewResponseController(w)},
	}).run(ctx)
}

// watcher is one watch after it was let in.
type watcher struct {
	svc     *access.Service
	caller  broker.Caller
	apps    []string
	sub     *access.Watch
	out     stream
	removed map[string]bool // what the caller was told of, and of no token since
}

// errWatchEnds says that there is nothing more to tell.
var errWatchEnds = errors.New("no app is left to watch")

// run sends events until the caller is gone, may no longer watch, no app is left, or
// the server stops. The caller hears of the end by the end of the stream.
func (w *watcher) run(ctx context.Context) {
	err := w.begin()
	for err == nil {
		beat, cancel := context.WithTimeout(ctx, heartbeat)
		held, next := w.sub.Next(beat)
		cancel()
		switch {
		case next == nil:
			if err = w.token(&held); err == nil {
				err = w.out.flush()
			}
		case ctx.Err() != nil, errors.Is(next, broker.ErrNotAllowed):
			return
		case errors.Is(next, broker.ErrUnknownApp):
			err = w.tellRemoved()
		default:
			// A quiet time, or a token that is not there: the stream goes on.
			err = w.out.comment()
		}
	}
}

// begin sends what is there. What has no token yet is told of when it has one.
func (w *watcher) begin() error {
	for _, app := range w.apps {
		kinds, err := w.svc.Kinds(w.caller, app)
		if err != nil {
			return err
		}
		for _, k := range kinds {
			held, ok := w.svc.ReadNow(w.caller, app, k)
			if !ok {
				continue
			}
			if err := w.token(&held); err != nil {
				return err
			}
		}
	}
	// An app may have been removed since it was seen that all are there.
	return w.tellRemoved()
}

func (w *watcher) token(t *access.Held) error {
	delete(w.removed, t.Key.App) // it was added again
	return w.out.token(t)
}

// tellRemoved tells of the apps that are not there, each once, and sends all that was
// written. It goes by what is there and not by the news: an app that was added again at
// once was never away.
func (w *watcher) tellRemoved() error {
	left := 0
	for _, app := range w.apps {
		switch {
		case w.sub.Has(app):
			left++
		case !w.removed[app]:
			w.removed[app] = true
			if err := w.out.removed(app); err != nil {
				return err
			}
		}
	}
	if err := w.out.flush(); err != nil {
		return err
	}
	if left == 0 {
		return errWatchEnds
	}
	return nil
}

// stream writes server-sent events, each within a bounded time.
type stream struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	buf []byte
}

func (s *stream) token(t *access.Held) error {
	s.buf = append(s.buf[:0], "event: token\nid: "...)
	s.buf = append(s.buf, etag(t.Version)...)
	s.buf = append(s.buf, "\ndata: "...)
	s.buf = append(appendToken(s.buf, t), '\n')
	return s.write(s.buf)
}

func (s *stream) removed(app string) error {
	s.buf = append(s.buf[:0], "event: removed\ndata: {\"app\":"...)
	s.buf = append(appendString(s.buf, app), "}\n\n"...)
	return s.write(s.buf)
}

func (s *stream) comment() error {
	if err := s.write([]byte(":\n\n")); err != nil {
		return err
	}
	return s.flush()
}

func (s *stream) write(b []byte) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := s.w.Write(b)
	return err
}

func (s *stream) flush() error { return s.rc.Flush() }
