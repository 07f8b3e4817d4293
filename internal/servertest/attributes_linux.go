package servertest

import "syscall"

// attributes has the kernel kill the server when the test process is gone: nothing of
// the test runs after a crash or a panic.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: owner}
}
