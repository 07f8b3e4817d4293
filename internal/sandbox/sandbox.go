package sandbox

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// ErrUnknownApp is returned by methods that name an app the sandbox does not
// have.
var ErrUnknownApp = errors.New("sandbox: unknown app")

// Sandbox is a simulated platform. Its methods may be called by many
// goroutines at once. Make one with [New].
type Sandbox struct {
	now     func() time.Time
	observe func(*http.Request)
	faults  *faults
	misuses *misuses
	wechat  *wechat
	control *control
}

// New makes a sandbox. It starts nothing and needs no closing.
func New(cfg Config) *Sandbox {
	cfg = cfg.withDefaults()
	s := &Sandbox{
		now:     cfg.Now,
		observe: cfg.Observe,
		faults:  &faults{rand: cfg.Rand},
		misuses: newMisuses(cfg.Allow),
	}
	s.wechat = newWeChat(cfg, s.misuses)
	s.control = newControl(s)
	return s
}

// Handler returns the simulated platform and, under /_sandbox/, its control
// page.
func (s *Sandbox) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.exchange(r).write(w, r)
	})
}

// exchange answers one request, whichever way it came.
func (s *Sandbox) exchange(r *http.Request) answer {
	if path, ok := strings.CutPrefix(r.URL.Path, controlPath); ok && (path == "" || path[0] == '/') {
		return s.control.serve(r)
	}
	if s.observe != nil {
		s.observe(r)
	}
	c := newCall(r)
	if s.wechat.uploads(c) {
		c.upload = newStream(r)
	} else {
		var err error
		c.body, err = readBody(r)
		switch {
		case errors.Is(err, errBodyTooLarge):
			return textAnswer(http.StatusRequestEntityTooLarge, "text/html", nginxPage(http.StatusRequestEntityTooLarge))
		case err != nil:
			return answer{cut: cutGone}
		}
	}
	c.at = s.now()
	s.wechat.arrived(c)
	act := func() answer {
		c.at = s.now()
		return s.wechat.serve(c)
	}
	if f := s.faults.pick(c.path, c.owner); f != nil {
		return s.suffer(r.Context(), *f, c, act)
	}
	return act()
}
