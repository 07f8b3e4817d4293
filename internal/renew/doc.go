// Package renew keeps tokens fresh. The [Manager] answers reads from memory, joins
// everybody who wants the same token renewed into one flight, and runs the renewal
// protocol; its scheduler starts planned renewals when they are due.
//
// A renewal is: dedup in process, lease, read again and decide again, issue with a
// deadline inside the lease, seal, compare-and-swap, release. The store tells other
// replicas of what was written. The compare-and-swap is what makes it correct; the lease
// only saves the platform's quota. Nobody waits on a mutex that is held across I/O:
// waiters wait on channels.
//
// Lock order: Manager.closeMu, app.mu, entry.mu, then scheduler.mu, pool.mu, hub.mu or
// a shard of the token index. Neither the store nor a platform is called while one of
// them is held, and neither is the keyset, which may read its file for a key that it does
// not know yet.
package renew
