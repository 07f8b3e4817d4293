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

// watch streams server-sent events "token": every token of the apps at once, then
// each new one.
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
	s := &stream{w: w, rc: http.NewResponseController(w)}
	ctx, cancel := a.patient(r.Context(), 24*time.Hour)
	defer cancel()
	for _, app := range apps {
		kinds, err := a.svc.Kinds(c, app)
		if err != nil {
			return
		}
		for _, k := range kinds {
			// What has no token yet is told of when it has one.
			if held, ok := a.svc.ReadNow(c, app, k); ok && s.token(&held) != nil {
				return
			}
		}
	}
	if s.flush() != nil {
		return
	}
	a.tell(ctx, s, sub)
}

// tell sends events until the caller is gone, may no longer watch, or the server stops.
func (a *API) tell(ctx context.Context, s *stream, sub *access.Watch) {
	for {
		beat, cancel := context.WithTimeout(ctx, heartbeat)
		held, err := sub.Next(beat)
		cancel()
		switch {
		case err == nil:
			if s.token(&held) != nil || s.flush() != nil {
				return
			}
		case ctx.Err() != nil, errors.Is(err, broker.ErrNotAllowed):
			return
		default:
			// A quiet time, or a token that is not there: the stream goes on.
			if s.comment() != nil {
				return
			}
		}
	}
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
