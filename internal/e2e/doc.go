// Package e2e runs the built binary as a user would: a server process, the sandbox
// process, real sockets, real files, kill -9. It has tests only; what they prove about
// concurrency in detail is proven faster in package renew, on a fake clock.
package e2e
