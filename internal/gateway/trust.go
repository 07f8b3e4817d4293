package gateway

import (
	"sync"
	"time"
)

const (
	// strangeFor is how long a path is remembered that rejected a token fresh from the
	// platform.
	strangeFor = 10 * time.Minute
	// maxTrusted bounds the paths that are remembered: about 15 MB when full.
	maxTrusted = 100_000
)

// trust knows on which paths of a platform a rejection may be believed: those that an app's
// token has opened before. Every other path may want another kind of token, and reject
// every one of these; to believe it would cost an issue at every call, and in the end the
// app's live token (I3, I7). A path that rejects a token fresh from the platform is not
// believed for a while either, of that app.
//
// It is bounded by keeping two generations. What is forgotten is not believed.
type trust struct {
	half int

	mu         sync.RWMutex
	young, old map[spot]time.Time // from when on it is believed
}

type spot struct {
	platform string
	app      string // "": any of the platform's
	path     string
}

func newTrust(most int) *trust { return &trust{half: most / 2, young: map[spot]time.Time{}} }

// opened notes that a token has opened a path.
func (t *trust) opened(platform, path string) {
	s := spot{platform: platform, path: path}
	t.mu.RLock()
	_, known := t.young[s]
	t.mu.RUnlock()
	if !known {
		t.set(s, time.Time{})
	}
}

// strange notes that a path has rejected a token that had just been issued.
func (t *trust) strange(platform, app, path string) {
	t.set(spot{platform, app, path}, time.Now().Add(strangeFor))
}

func (t *trust) set(s spot, from time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if was, ok := t.old[s]; ok && was.After(from) {
		from = was
	}
	if len(t.young) >= t.half {
		t.old, t.young = t.young, make(map[spot]time.Time, t.half/8)
	}
	t.young[s] = from
}

// believes reports whether a rejection on a path is to be believed as it is.
func (t *trust) believes(platform, app, path string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, known := t.get(spot{platform: platform, path: path})
	from, _ := t.get(spot{platform, app, path})
	return known && !time.Now().Before(from)
}

// get looks in both generations. The caller holds mu.
func (t *trust) get(s spot) (time.Time, bool) {
	from, ok := t.young[s]
	if !ok {
		from, ok = t.old[s]
	}
	return from, ok
}
