package memstore

import (
	"maps"
	"slices"
)

// Backup copies everything that is stored and returns what puts it back, as an operator
// does who restores a database: whatever was written since is lost, for all handles, and
// nobody is told.
func (s *Store) Backup() (restore func()) {
	d := s.data
	d.mu.Lock()
	defer d.mu.Unlock()
	// What is in the tables is never changed in place.
	put := []func(){
		keep(d.records), keep(d.leases), keep(d.apps), keep(d.clients), keep(d.settings), keep(d.roll),
		keep(d.grants), keep(d.passing),
	}
	audit, lastAudit := slices.Clone(d.audit), d.lastAudit
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, back := range put {
			back()
		}
		d.audit, d.lastAudit = slices.Clone(audit), lastAudit
	}
}

// keep copies a table and returns what puts the copy back into it.
func keep[K comparable, V any](table map[K]V) (back func()) {
	old := maps.Clone(table)
	return func() {
		clear(table)
		maps.Copy(table, old)
	}
}
