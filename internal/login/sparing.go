package login

import (
	"sync"
	"time"
)

// maxNotes is how many logins are logged in a second that strangers can bring about: they are not
// to fill the log. The metrics count all, and the level debug shows all.
const maxNotes = 20

// sparing counts what is logged.
type sparing struct {
	mu     sync.Mutex
	second int64
	n      int
}

// may reports whether one more is logged.
func (s *sparing) may(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if second := now.Unix(); s.second != second {
		s.second, s.n = second, 0
	}
	s.n++
	return s.n <= maxNotes
}
