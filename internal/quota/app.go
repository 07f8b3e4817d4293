package quota

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// Other stands for all paths of an app that are not counted one by one. It never has
	// a circuit.
	Other = "(other)"
	// maxPaths bounds how many paths of an app are counted one by one.
	maxPaths = 256
	// maxPath is longer than any platform's paths.
	maxPath = 256
	// keptDays is for how many days an app without a call is remembered, apart from the
	// day of its last one.
	keptDays = 2
)

// app is what is counted of one app.
type app struct {
	// paths is replaced as a whole, under mu, when a path is met for the first time.
	paths atomic.Pointer[map[string]*path]
	other path
	last  atomic.Uint64 // the day of the last call

	mu    sync.Mutex
	swept uint64 // the day on which room was made last
}

// path is one path of one app.
type path struct {
	day, minute counter
	circuit     atomic.Pointer[circuit]
}

func newApp() *app {
	a := &app{}
	a.paths.Store(&map[string]*path{})
	return a
}

// find returns a path that is counted by itself, or nil.
func (a *app) find(name string) *path { return (*a.paths.Load())[name] }

// findOrAdd returns where calls of a path are counted.
func (a *app) findOrAdd(name string, now int64) *path {
	if p := a.find(name); p != nil {
		return p
	}
	if name == Other || len(name) > maxPath {
		return &a.other
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	old := *a.paths.Load()
	if p := old[name]; p != nil {
		return p
	}
	next := old
	if len(old) >= maxPaths {
		next = a.sweep(old, now)
		if len(next) >= maxPaths {
			return &a.other
		}
	} else {
		next = maps.Clone(old)
	}
	p := &path{}
	next[strings.Clone(name)] = p // the rest of the request is not to stay in memory
	a.paths.Store(&next)
	return p
}

// sweep makes room for paths that are in use, once a day: those without a call today go.
func (a *app) sweep(old map[string]*path, now int64) map[string]*path {
	today := dayOf(now)
	if a.swept == today {
		return old
	}
	a.swept = today
	next := make(map[string]*path, maxPaths)
	for name, p := range old {
		if p.day.in(today) > 0 || p.circuit.Load().open(now) {
			next[name] = p
		}
	}
	return next
}

// count counts a call of a path.
func (a *app) count(p *path, now int64) {
	today := dayOf(now)
	p.day.add(today)
	p.minute.add(minuteOf(now))
	if a.last.Load() != today { // a look is cheaper than a write, which all cores see
		a.last.Store(today)
	}
}

// idle reports whether there was no call for so long that there is nothing left to know:
// every circuit has ended.
func (a *app) idle(now int64) bool { return dayOf(now) > a.last.Load()+keptDays }
