package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"github.com/hufu-io/hufu/internal/privatefile"
)

var (
	errNotRegular = errors.New("it is not a regular file")
	errTooLong    = errors.New("it is too long")
)

// file is what one read of a file yields.
type file struct {
	data []byte
	mode fs.FileMode
	// exposed says that others can open it.
	exposed bool
}

// readFile reads a regular file of at most limit bytes. The mode is that of the very
// file that was read, whatever the name points to a moment later.
func readFile(path string, limit int64) (file, error) {
	// Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // The path is the operator's.
	if err != nil {
		return file{}, err //nolint:wrapcheck // The caller says what was read; see reason.
	}
	defer f.Close() //nolint:errcheck // Nothing was written to it.
	info, err := f.Stat()
	if err != nil {
		return file{}, err //nolint:wrapcheck // As above.
	}
	if !info.Mode().IsRegular() {
		return file{}, errNotRegular
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return file{}, err //nolint:wrapcheck // As above.
	}
	if int64(len(data)) > limit {
		return file{}, fmt.Errorf("%w, at most %d bytes are read", errTooLong, limit)
	}
	// Permission bits mean nothing on Windows.
	exposed := runtime.GOOS != "windows" && privatefile.Exposed(info)
	return file{data: data, mode: info.Mode().Perm(), exposed: exposed}, nil
}

// reason says why a file could not be read without its path, which may come from the
// environment and be a secret by mistake.
func reason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

func (f file) writableByAll() bool { return runtime.GOOS != "windows" && f.mode&0o002 != 0 }

func (f file) unsafe(why, command string) string {
	return fmt.Sprintf("unsafe permissions %04o: %s; run %s on it", f.mode, why, command)
}
