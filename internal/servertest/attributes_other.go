//go:build !linux

package servertest

import "syscall"

// attributes cannot tie the server's life to that of the test process here.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner}
}
