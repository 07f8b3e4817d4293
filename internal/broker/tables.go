package broker

import (
	"context"
	"iter"
)

// Table is everything of one sort that a store keeps, as it is.
type Table[T any] struct {
	// All yields all of it, as it was when it began or later. What it yields may be kept.
	All func(ctx context.Context) iter.Seq2[T, error]
	// Import stores what comes as it is, with the versions that it has, in batches, and
	// returns how much is stored: after an error at least that, from the first on, and no
	// more of the rest than one batch. Where there is anything of this sort already it is
	// [ErrNotEmpty] and nothing is stored, and what comes twice is [ErrConflict]. Nobody
	// who watches the store is told.
	Import func(ctx context.Context, coming iter.Seq2[T, error]) (n int, err error)
}

// Tables is what a store keeps, to be copied to another one. One-time values are none of it:
// they end before anybody could use the copy.
type Tables struct {
	Records  Table[Record]
	Apps     Table[Definition]
	Clients  Table[Definition]
	Settings Table[Setting]
	Grants   Table[Grant]
	// Audit comes oldest first. Its entries get new ids, in the same order.
	Audit Table[AuditEntry]
	// Doubts are the leases that have not been released: those whose holders died, and in
	// a store in use those that are held. Acquired is since when that is so. Imported,
	// they have run out, so that whoever takes the lease next is told of it.
	Doubts Table[Lease]
}

// Movable is an optional power of a store: to have everything in it copied to another
// one, or from there. It is for stores that nobody uses meanwhile.
type Movable interface {
	Store
	Tables() Tables
	// DeleteSetting removes a setting. That there is none is no error.
	DeleteSetting(ctx context.Context, name string) error
}

// Setting is a setting with its name.
type Setting struct {
	Name  string
	Value []byte
}
