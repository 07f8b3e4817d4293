//go:build unix && !linux

package obs

import "syscall"

// NoCoreDumps forbids the kernel to write this process's memory to a file.
func NoCoreDumps() error {
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: 0, Max: 0})
}
