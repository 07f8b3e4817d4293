package obs

import (
	"errors"
	"os"
	"syscall"
)

// prSetDumpable is PR_SET_DUMPABLE of prctl(2).
const prSetDumpable = 4

// NoCoreDumps forbids the kernel to write this process's memory to a file, and
// other processes of its user to read it. The limit alone would not do: the
// kernel ignores it where dumps go to a program, as they do under systemd.
func NoCoreDumps() error {
	err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: 0, Max: 0})
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetDumpable, 0, 0, 0, 0, 0)
	if errno != 0 {
		err = errors.Join(err, os.NewSyscallError("prctl", errno))
	}
	return err
}
