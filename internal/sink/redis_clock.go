package sink

import (
	"time"

	"github.com/redis/rueidis"
)

// clockKept is for how long a server's clock is known after it was read. Clocks drift by
// nothing that matters in so short a time, and a server that takes the place of one that
// failed is asked anew.
const clockKept = 5 * time.Second

// reading is what a server's clock showed, and when the answer had come. So its time is
// known early rather than late, and keys go early rather than late.
type reading struct{ shown, came time.Time }

// time is the server's time. Many keys are written in a row, and to ask for each of them
// would double what there is to wait for. The nodes of a Cluster have clocks of their own,
// so that there the one that keeps the key is always asked.
func (s *redisServer) time(client rueidis.Client, ask func() (time.Time, error)) (time.Time, error) {
	s.mu.Lock()
	last := s.clock
	s.mu.Unlock()
	if passed := time.Since(last.came); passed < clockKept && client.Mode() != rueidis.ClientModeCluster {
		return last.shown.Add(passed), nil
	}
	shown, err := ask()
	if err != nil {
		return time.Time{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = reading{shown, time.Now()}
	return shown, nil
}

// forgetTime has the clock read before the next write.
func (s *redisServer) forgetTime() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = reading{}
}
