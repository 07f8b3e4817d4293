// Package redisstore keeps everything a server stores in Redis 6.2 or later, or Valkey,
// for several servers over one Redis: a single one, Sentinels or a Cluster.
//
// # What is where
//
// All keys begin with one hash tag, {hufu}, so that all of a Cluster's are on one node,
// and one script can write a record and tell of it. Records, leases and definitions are
// spread over hashes of bounded size:
//
//	{hufu}:records:N   a record's key → its version, a colon, and the record as JSON
//	{hufu}:leases:N    a lease's name → the last lease of it
//	{hufu}:apps:N      a name → the definition's version, a colon, and JSON
//	{hufu}:clients:N   the same for clients
//	{hufu}:grants:N    a grant's key → its version, a colon, and the grant as JSON
//	{hufu}:users:APP   the places of an app's grants in the order of users, sorted
//	{hufu}:once:NAME   a one-time value, which runs out by itself
//	{hufu}:changes     a stream of what was written, of bounded length
//	{hufu}:audit       a stream of the audit; {hufu}:audit-last is its last id
//	{hufu}:settings, {hufu}:members, {hufu}:schema
//
// # What it leans on
//
// Every write is one script, which Redis runs as a whole or not at all. A script that may
// have been sent is never sent again: whether a write whose answer was lost has happened
// is for the caller to find out, by reading. Reads are tried once more.
//
// What Redis has acknowledged is kept over a crash only where it writes its append-only
// file, see [Store.Durable], and over a failover only as far as the replica had it. A
// server finds out that something was lost by [Store.Beat], and a watch by its place in
// the stream, which is gone then.
//
// # What it does not do
//
// It does not seal: boxes are opaque.
package redisstore
