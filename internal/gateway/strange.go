package gateway

import (
	"sync"
	"time"
)

const (
	// strangeFor is how long a path is remembered that rejected a token fresh from the
	// platform.
	strangeFor = 10 * time.Minute
	maxStrange = 10_000
)

// strange remembers, of each app, paths that rejected a token right after it was issued. It
// is some other token that they want, and believing them again would cost an issue at
// every call (I7).
type strange struct {
	mu    sync.Mutex
	paths map[spot]time.Time // until when
}

type spot struct{ app, path string }

func (s *strange) add(app, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if len(s.paths) >= maxStrange {
		for k, until := range s.paths {
			if !now.Before(until) {
				delete(s.paths, k)
			}
		}
		if len(s.paths) >= maxStrange {
			return // A renewal too many is bounded by the app's budget.
		}
	}
	if s.paths == nil {
		s.paths = map[spot]time.Time{}
	}
	s.paths[spot{app, path}] = now.Add(strangeFor)
}

func (s *strange) has(app, path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.paths[spot{app, path}])
}
