// Package memstore keeps everything a server stores in the memory of one process:
// for tests, for several replicas in one process, and for trying the server out.
//
// It holds to the same contract as the durable stores, and is the easiest one to
// read. It starts no goroutines, does no I/O and takes its time from
// [Config.Now], so that it works inside a synctest bubble.
//
// A [Store] is one handle on the data. [Store.Handle] gives another on the same
// data, as a second replica would have. Faults are injected per handle: see
// [Store.Fail].
package memstore
