package seal

import (
	"errors"
	"os"
	"syscall"
)

// lockFile opens the file at path and locks it against every other caller, of
// this process and of others. It waits for as long as another holds the lock,
// which is for one replacement. Closing the file releases the lock.
//
// The lock is on the keyset itself, not on a file beside it that would stay for
// ever. As the keyset is replaced and not rewritten, whoever waited may find
// itself holding a file that has lost its name, and tries again with its
// successor.
func lockFile(path string) (*os.File, error) {
	for {
		// Network file systems lock for writing only what is open for writing.
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0) //nolint:gosec // The path is the one that the operator named.
		if err != nil {
			return nil, err
		}
		current, err := lockOpened(f, path)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if current {
			return f, nil
		}
		_ = f.Close() // Nothing was written through it.
	}
}

// lockOpened locks f and reports whether path still leads to it.
func lockOpened(f *os.File, path string) (bool, error) {
	if err := flock(f); err != nil {
		return false, os.NewSyscallError("flock", err)
	}
	held, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return os.SameFile(held, named), nil
}

func flock(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var lockErr error
	err = conn.Control(func(fd uintptr) {
		for {
			if lockErr = syscall.Flock(int(fd), syscall.LOCK_EX); !errors.Is(lockErr, syscall.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, lockErr)
}
