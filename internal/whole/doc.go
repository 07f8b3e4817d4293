// Package whole puts a whole server together in one process, as cmd/hufu does, but over a
// store in memory and platforms that a test brings along: one handler serves everything that
// callers and browsers can reach. It is for tests that are about all of it, and only tests
// import it.
//
// A [Server] is at home in a synctest bubble. Several of them, at a time or one after the
// other, may work over one store.
package whole
