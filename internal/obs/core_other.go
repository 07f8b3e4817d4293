//go:build !unix

package obs

// NoCoreDumps does nothing: these systems write no core dumps by themselves.
func NoCoreDumps() error { return nil }
