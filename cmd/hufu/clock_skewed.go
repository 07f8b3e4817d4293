//go:build clockskew

package main

import (
	"os"
	"time"
)

// localClock is the clock of this machine, wrong by HUFU_CLOCK_SKEW: for tests of fleets
// whose clocks differ. What users run does not have it.
func localClock() func() time.Time {
	skew, err := time.ParseDuration(os.Getenv("HUFU_CLOCK_SKEW"))
	if err != nil {
		return time.Now
	}
	return func() time.Time { return time.Now().Add(skew) }
}
