package seal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// Create makes a keyset of one fresh key at path, whose folder must exist. It
// fails with [ErrKeysetExists] if there is anything at path, and never leaves a
// partial file there. A server calls [Start] instead.
func Create(path string) error {
	h, err := newHandle()
	if err != nil {
		return &KeysetError{Op: "create", Path: path, Err: err}
	}
	data, err := encode(h)
	if err != nil {
		return &KeysetError{Op: "create", Path: path, Err: err}
	}
	tmp, err := writeTemp(path, data)
	if err != nil {
		return createError(path, err)
	}
	defer tmp.Cleanup() //nolint:errcheck // The next Rotate sweeps what stays behind.
	if err := tmp.Sync(); err != nil {
		return createError(path, err)
	}
	// A link, other than a rename, fails if the name is taken: of several servers
	// that start at once one wins and no keyset is ever overwritten.
	if err := os.Link(tmp.Name(), path); err != nil {
		return createError(path, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return createError(path, err)
	}
	return nil
}

func createError(path string, err error) error {
	e := &KeysetError{Op: "create", Path: path, Err: err}
	switch {
	case errors.Is(err, fs.ErrExist):
		e.Err = ErrKeysetExists
		e.Hint = "use it, or name another file; a keyset is never overwritten"
	case errors.Is(err, fs.ErrNotExist):
		e.Hint = "make the folder first, with mode 0700"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTSUP):
		e.Hint = "the folder must be writable by the server's user and its file system must know hard links"
	}
	return e
}

// writeTemp writes data to a new file beside path that nobody else may read,
// whatever the umask. The caller replaces, links or cleans it up.
func writeTemp(path string, data []byte) (*renameio.PendingFile, error) {
	// A temporary folder elsewhere would spread keys and may be on another file
	// system; renameio would look for one if it were not told.
	tmp, err := renameio.NewPendingFile(path,
		renameio.WithTempDir(filepath.Dir(path)),
		renameio.WithStaticPermissions(keysetMode))
	if err != nil {
		return nil, err
	}
	if _, err := tmp.Write(data); err != nil {
		return nil, errors.Join(err, tmp.Cleanup())
	}
	return tmp, nil
}

// syncDir makes the names in a folder durable: without it a power cut may undo
// a rename that was already reported.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // The folder is the one that the operator named.
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // Nothing was written through it.
	// Some file systems cannot sync folders and do not need to.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
