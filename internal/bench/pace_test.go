package bench_test

import (
	"time"

	"golang.org/x/sync/errgroup"
)

// pace is how fast something goes, and what this process spends on all cores to do it once, which others that
// use the machine change less.
type pace struct {
	PerSecond float64
	CPU       time.Duration
}

// forPeriod calls f for a quarter of a round, and returns how fast that goes.
func forPeriod(callers int, f func() error) (pace, error) {
	counts := make([]int, callers)
	watch := begin()
	end := watch.begun.Add(*period / 4)
	var g errgroup.Group
	for c := range callers {
		g.Go(func() error {
			for time.Now().Before(end) {
				if err := f(); err != nil {
					return err
				}
				counts[c]++
			}
			return nil
		})
	}
	err := g.Wait()
	n := 0
	for _, c := range counts {
		n += c
	}
	return watch.pace(n), err
}

// forEach calls f for 0 to n-1, so many at a time, and returns how fast that goes.
func forEach(callers, n int, f func(int) error) (pace, error) {
	var g errgroup.Group
	g.SetLimit(callers)
	watch := begin()
	for i := range n {
		g.Go(func() error { return f(i) })
	}
	err := g.Wait()
	return watch.pace(n), err
}

// stopwatch is when something began, and what this process had spent by then.
type stopwatch struct {
	begun time.Time
	spent time.Duration
}

func begin() stopwatch { return stopwatch{time.Now(), cpuTime()} }

// pace is that of what was done n times since.
func (w stopwatch) pace(n int) pace {
	return pace{float64(n) / time.Since(w.begun).Seconds(), (cpuTime() - w.spent) / time.Duration(max(n, 1))}
}
