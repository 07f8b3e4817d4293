package sandbox

import (
	"slices"
	"time"
)

// Arrival is one call that reached the platform, whatever became of it.
type Arrival struct {
	At     time.Time
	Method string
	Path   string
	// Mode and Generation name the app's token that the call came with. They
	// are empty where it came with none that the platform knows.
	Mode       Mode
	Generation int
}

const (
	maxArrivals = 10_000 // of an app, remembered one by one
	maxPaths    = 1024   // of an app, counted
	maxPathLen  = 256    // a longer one is no platform's
)

// arrivals is what is remembered of the calls of one app. The platform's lock
// guards it.
type arrivals struct {
	n    map[string]int
	list []Arrival
}

func (l *arrivals) add(a Arrival) {
	if len(a.Path) > maxPathLen {
		return
	}
	if l.n == nil {
		l.n = make(map[string]int)
	}
	if _, ok := l.n[a.Path]; ok || len(l.n) < maxPaths {
		l.n[a.Path]++
	}
	l.list = appendBounded(l.list, a, maxArrivals)
}

// arrived finds out whose call it is and notes it.
func (w *wechat) arrived(c *call) {
	c.owner = c.query.Get("appid")
	value := c.query.Get("access_token")
	if c.owner == "" && value == "" {
		c.owner = appInBody(c.body)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a := Arrival{At: c.at, Method: c.method, Path: c.path}
	if t := w.tokens[value]; t != nil {
		a.Mode, a.Generation = t.mode, t.generation
	}
	if c.owner == "" {
		c.owner = w.holderOf(value)
	}
	w.known(c.owner).arrivals.add(a)
}

// Calls returns how many calls of a path arrived, faults and refusals
// included. A call belongs to the app that it names, or whose token it came
// with; the empty id stands for those that did neither. It counts the first
// thousand paths of an app.
func (s *Sandbox) Calls(appID, path string) int {
	var n int
	s.withArrivals(appID, func(l *arrivals) { n = l.n[path] })
	return n
}

// Arrivals returns the calls of a path that arrived, the oldest first, as far
// as they are among the last ten thousand of the app; see [Sandbox.Calls].
func (s *Sandbox) Arrivals(appID, path string) []Arrival {
	var list []Arrival
	s.withArrivals(appID, func(l *arrivals) { list = slices.Clone(l.list) })
	return slices.DeleteFunc(list, func(a Arrival) bool { return a.Path != path })
}

func (s *Sandbox) withArrivals(appID string, f func(*arrivals)) {
	w := s.wechat
	w.mu.Lock()
	defer w.mu.Unlock()
	if appID == "" {
		f(&w.nobody.arrivals)
	} else if app, ok := w.apps[appID]; ok {
		f(&app.arrivals)
	}
}
