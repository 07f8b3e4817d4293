// Package sqlstore keeps everything a server stores in an SQL database. SQLite,
// embedded in the process, is the one it speaks now; what differs between databases
// is in the type dialect, so that others can be added beside it.
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
// # What it does not do
//
// It does not seal: boxes are opaque. It does not delete audit entries.
package sqlstore
