// Package sqlstore keeps everything a server stores in an SQL database: [Open] in SQLite,
// embedded in the process, for one server; [OpenServer] in PostgreSQL or MySQL, or what
// speaks its protocol, for several. What differs between databases is in the types
// dialect and engine.
//
// # The embedded store
//
// One process owns the database: a lock on a file beside it keeps others out. All
// writes go through one connection; writes that arrive together share a
// transaction, because what a write costs is the fsync of its commit. Each gets its
// own result, and none returns before its commit is durable. Reads have connections
// of their own, see every write that has returned, and neither wait for writes nor
// hold them up.
//
// As one process owns the database, whoever held a lease when it is opened is
// gone. [Open] ends those leases at once; they count as abandoned, not as released.
//
// # The shared store
//
// Every write is one statement that commits by itself, on any connection of a pool, so
// that nothing is locked across a round trip. Only a definition is written in a
// transaction, with the note that it has changed. All times are the database's.
//
// Records bear the time at which they were written, and a watch looks for those that are
// newer than its last look: see [Shared.Watch]. On PostgreSQL the server that has written
// wakes the watches of the others; elsewhere they look often.
//
// Servers of two versions use one schema at a time, so that migrations add and do not
// take away: see the first of them.
//
// # What it does not do
//
// It does not seal: boxes are opaque. It deletes no audit entries by itself, nor one-time
// values that have run out.
package sqlstore
