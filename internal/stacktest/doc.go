// Package stacktest builds a server for tests and benchmarks: everything from the
// store to [access.Service], over memory and a simulated platform, without the part
// that faces callers. A test puts the handler that it is about on top. Only tests
// import it.
//
// A [Stack] is at home in a synctest bubble, where hours of renewals take no time, and
// works outside of one as well.
package stacktest
