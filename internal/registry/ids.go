package registry

import (
	"maps"
	"slices"
	"sync"
)

// idList is the sorted list of the ids of all apps. It is made when it is first asked
// for, and after changes made anew from the one before, which costs a copy and no
// sorting: with a million apps about a hundredth of it.
type idList struct {
	mu      sync.Mutex
	sorted  []string            // replaced as a whole; nil: nobody has asked yet
	touched map[string]struct{} // ids that were added or removed since
}

// changed says that an app was added, changed or removed; it is called afterwards.
func (l *idList) changed(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sorted == nil {
		return
	}
	if l.touched == nil {
		l.touched = map[string]struct{}{}
	}
	l.touched[id] = struct{}{}
}

func (l *idList) list(k Keeper) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.sorted == nil:
		ids := k.AppIDs()
		slices.Sort(ids)
		l.sorted = append(make([]string, 0, len(ids)), ids...) // never nil
	case len(l.touched) > 0:
		l.sorted = merge(l.sorted, slices.Sorted(maps.Keys(l.touched)), func(id string) bool { return k.App(id) != nil })
		l.touched = nil
	}
	return l.sorted
}

// merge returns the sorted ids without those that were touched, and with those of them
// that exist.
func merge(ids, touched []string, exists func(string) bool) []string {
	next := make([]string, 0, len(ids)+len(touched))
	for _, t := range touched {
		i, found := slices.BinarySearch(ids, t)
		next = append(next, ids[:i]...)
		if ids = ids[i:]; found {
			ids = ids[1:]
		}
		if exists(t) {
			next = append(next, t)
		}
	}
	return append(next, ids...)
}
