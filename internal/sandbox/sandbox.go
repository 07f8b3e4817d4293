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

// Sandbox is the simulated platforms. Its own methods are about WeChat, [Sandbox.Of] has
// the others. All may be called by many goroutines at once. Make one with [New].
type Sandbox struct {
	now       func() time.Time
	observe   func(*http.Request)
	faults    *faults
	misuses   *misuses
	wechat    *wechat
	platforms map[string]*Platform // all others
	control   *control
}

// site is a platform, as requests see it.
type site interface {
	// uploads reports whether the call's body is to be read by whoever serves it.
	uploads(c *call) bool
	// arrived finds out whose call it is and notes it.
	arrived(c *call)
	serve(c *call) answer
	// fail refuses a call for a reason that lies outside of it.
	fail(c *call, f Fault) answer
}

// New makes a sandbox. It starts nothing and needs no closing. It panics where an app is
// of a platform that there is not.
func New(cfg Config) *Sandbox {
	given := cfg
	cfg = cfg.withDefaults()
	given.Now = cfg.Now
	s := &Sandbox{
		now:     cfg.Now,
		observe: cfg.Observe,
		faults:  &faults{rand: cfg.Rand},
		misuses: newMisuses(cfg.Allow),
	}
	s.wechat = newWeChat(cfg, s.misuses)
	s.platforms = newPlatforms(given, s.misuses)
	for _, a := range cfg.Apps {
		s.AddApp(a)
	}
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
	at := s.site(c)
	if at.uploads(c) {
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
	at.arrived(c)
	act := func() answer {
		c.at = s.now()
		return at.serve(c)
	}
	if f := s.faults.pick(c.path, c.owner); f != nil {
		return s.suffer(r.Context(), *f, at, c, act)
	}
	return act()
}

// site finds whose call it is: that of the platform whose name its path begins with, or
// WeChat's.
func (s *Sandbox) site(c *call) site {
	if c.path == oauth2Metadata+"/"+oauth2Name {
		c.local = oauth2Metadata // RFC 8414 has it before the path of the issuer
		return s.platforms[oauth2Name]
	}
	name, local, ok := strings.Cut(strings.TrimPrefix(c.path, "/"), "/")
	if p := s.platforms[name]; ok && p != nil {
		c.local = "/" + local
		return p
	}
	return s.wechat
}
