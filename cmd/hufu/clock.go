//go:build !clockskew

package main

import "time"

// localClock is the clock of this machine.
func localClock() func() time.Time { return time.Now }
