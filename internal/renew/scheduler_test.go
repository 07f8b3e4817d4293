package renew

import (
	"cmp"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestScheduleAgainstASortedModel drives the heap and a plain list side by side.
func TestScheduleAgainstASortedModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1000, 0)
		var fired []*entry
		s := newScheduler(func() time.Time { return now }, func(e *entry) { fired = append(fired, e) })
		entries := make([]*entry, rapid.IntRange(1, 60).Draw(t, "entries"))
		for i := range entries {
			entries[i] = &entry{slot: -1}
		}
		model := map[*entry]time.Time{}
		draw := func(t *rapid.T) *entry { return entries[rapid.IntRange(0, len(entries)-1).Draw(t, "entry")] }
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				e := draw(t)
				at := now.Add(time.Duration(rapid.IntRange(-5, 50).Draw(t, "at")) * time.Second)
				s.set(e, at)
				model[e] = at
			},
			"remove": func(t *rapid.T) {
				e := draw(t)
				s.remove(e)
				delete(model, e)
			},
			"advance": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
				fired = nil
				wait := s.fire()
				var due []*entry
				next := time.Hour
				for e, at := range model {
					if at.After(now) {
						next = min(next, at.Sub(now))
						continue
					}
					due = append(due, e)
				}
				if len(fired) != len(due) {
					t.Fatalf("%d entries were started, want %d", len(fired), len(due))
				}
				if !slices.IsSortedFunc(fired, func(a, b *entry) int { return cmp.Compare(model[a].UnixNano(), model[b].UnixNano()) }) {
					t.Fatal("entries were not started in the order in which they were due")
				}
				for _, e := range fired {
					if !slices.Contains(due, e) {
						t.Fatal("an entry was started that is not due")
					}
					delete(model, e)
				}
				if wait != next {
					t.Fatalf("the next one is due in %v, want %v", wait, next)
				}
			},
			"": func(t *rapid.T) {
				if len(s.heap) != len(model) {
					t.Fatalf("%d entries are scheduled, want %d", len(s.heap), len(model))
				}
				for i, e := range s.heap {
					if e.slot != i || e.wake != model[e].UnixNano() {
						t.Fatalf("slot %d holds an entry that believes to be in %d", i, e.slot)
					}
					if i > 0 && s.heap[(i-1)/4].wake > e.wake {
						t.Fatalf("slot %d is earlier than its parent", i)
					}
				}
			},
		})
	})
}

func TestTheScheduleRunsOnTimeUntilItIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var at []time.Duration
		begun := time.Now()
		s := newScheduler(time.Now, func(*entry) {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(begun))
		})
		a, b, c := &entry{slot: -1}, &entry{slot: -1}, &entry{slot: -1}
		s.set(a, begun.Add(3*time.Second)) // before it runs
		if s.running() {
			t.Error("it runs before it was started")
		}
		s.start()
		s.start()
		s.set(b, begun.Add(2*time.Hour)) // longer than it sleeps at once
		s.set(c, begun.Add(time.Minute))
		s.set(c, begun.Add(time.Second)) // earlier than what it waits for
		time.Sleep(3 * time.Hour)
		s.set(c, time.Now().Add(time.Minute))
		s.stop()
		s.stop()
		time.Sleep(time.Hour)
		s.start() // it does not come back
		mu.Lock()
		defer mu.Unlock()
		if want := []time.Duration{time.Second, 3 * time.Second, 2 * time.Hour}; !slices.Equal(at, want) {
			t.Errorf("entries were started at %v, want %v", at, want)
		}
	})
}

func TestThePoolBoundsTheWorkAtOneHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var running, most, done int
		p := &pool{size: 3, run: func(*entry) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			running--
			done++
		}}
		for range 10 {
			p.submit(&entry{})
		}
		time.Sleep(10 * time.Second)
		p.submit(&entry{})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		p.mu.Lock()
		defer p.mu.Unlock()
		if most != 3 || done != 11 || p.workers != 0 {
			t.Errorf("%d at once, %d done, %d workers left; want 3, 11, 0", most, done, p.workers)
		}
	})
}
