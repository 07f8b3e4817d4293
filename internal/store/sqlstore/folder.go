package sqlstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// prepareFolder makes sure that the file at path is there, empty if it is new, and
// that nobody else can read it or swap it. SQLite gives the files it makes beside a
// database the mode of the database.
func prepareFolder(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("folder %s can be written by others (mode %04o): run chmod go-w %s", dir, mode, dir)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // G304: the path is the operator's
	switch {
	case errors.Is(err, fs.ErrExist):
	case err != nil:
		return err
	default:
		if err := errors.Join(f.Chmod(0o600), f.Sync(), f.Close(), syncFolder(dir)); err != nil {
			return err
		}
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := checkPrivate(name); err != nil {
			return err
		}
	}
	return nil
}

func checkPrivate(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("file %s is open to others (mode %04o): run chmod 600 %s", name, mode, name)
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // G304: the path is the operator's
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lock keeps every other process from using the database at path, until it is
// closed or the process ends. The file stays: who removed it could remove one that
// the next process has locked already.
func lock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // G304: the path is the operator's
	if err != nil {
		return nil, err
	}
	if err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(explainLock(err, f, path), f.Close())
	}
	if err := writePID(f); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", f.Name(), err), f.Close())
	}
	return lockFile{f}, nil
}

// lockFile is a file that is locked until it is closed.
type lockFile struct{ *os.File }

// Close gives the lock back by name. It would end with the last descriptor of the file
// too, but a program that is being started may have that one for a moment longer.
func (l lockFile) Close() error { return errors.Join(flock(l.File, syscall.LOCK_UN), l.File.Close()) }

// explainLock says who has the lock that f could not get.
func explainLock(err error, f *os.File, path string) error {
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	const elsewhere = "stop it, or set data_dir to another folder"
	if pid := readPID(f); pid != "" {
		return fmt.Errorf("another hufu (process %s) is using %s; %s", pid, path, elsewhere)
	}
	return fmt.Errorf("another hufu is using %s; %s", path, elsewhere)
}

func flock(f *os.File, how int) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var lockErr error
	err = conn.Control(func(fd uintptr) {
		lockErr = syscall.Flock(int(fd), how)
	})
	return errors.Join(err, lockErr)
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func readPID(f *os.File) string {
	var b [20]byte
	n, _ := f.ReadAt(b[:], 0) // an error means that there is no more
	pid := strings.TrimSpace(string(b[:n]))
	if pid == "" || strings.Trim(pid, "0123456789") != "" {
		return ""
	}
	return pid
}
