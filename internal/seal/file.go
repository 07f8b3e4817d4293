package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/hufu-io/hufu/internal/privatefile"
)

const keysetMode fs.FileMode = 0o600

// keysetFile is what one read of a keyset file yields.
type keysetFile struct {
	handle *keyset.Handle
	keys   *keys
}

// readKeyset reads and checks the keyset at path.
func readKeyset(op, path string) (keysetFile, error) {
	// Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // The path is the one that the operator named.
	if err != nil {
		return keysetFile{}, openError(op, path, err)
	}
	defer func() { _ = f.Close() }() // Nothing was written through it.
	return readOpened(op, path, f)
}

// readOpened reads a keyset from an open file. Everything is checked on the open
// file, so that the name cannot be made to point elsewhere in between.
func readOpened(op, path string, f *os.File) (keysetFile, error) {
	if err := checkSafe(op, path, f); err != nil {
		return keysetFile{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeysetBytes+1))
	if err != nil {
		return keysetFile{}, &KeysetError{Op: op, Path: path, Err: err}
	}
	corrupt := &KeysetError{
		Op: op, Path: path, Err: ErrCorrupt,
		Hint: "restore the keyset from a backup; do not delete it, what it sealed cannot be read without it",
	}
	switch {
	case len(data) == 0:
		corrupt.Why = "the file is empty"
		return keysetFile{}, corrupt
	case len(data) > maxKeysetBytes:
		corrupt.Why = "the file is far too long for a keyset"
		return keysetFile{}, corrupt
	}
	h, ks, err := decode(data)
	if err != nil {
		corrupt.Why = err.Error()
		return keysetFile{}, corrupt
	}
	return keysetFile{handle: h, keys: ks}, nil
}

// checkSafe reports whether the file keeps its content to this process's user.
func checkSafe(op, path string, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return &KeysetError{Op: op, Path: path, Err: err}
	}
	if !info.Mode().IsRegular() {
		return notRegular(op, path)
	}
	// 0400 is as good as 0600 for reading: read-only mounts have it.
	if privatefile.Exposed(info) {
		return &KeysetError{
			Op: op, Path: path, Err: ErrUnsafe, Why: fmt.Sprintf("its mode is %#o, not 0600", info.Mode().Perm()),
			Hint: fmt.Sprintf("run chmod 600 %q, and rotate the keys if others may have read them", path),
		}
	}
	if uid, trusted := privatefile.Owner(info); !trusted {
		return &KeysetError{
			Op: op, Path: path, Err: ErrUnsafe,
			Why:  fmt.Sprintf("it belongs to user %d, the server runs as user %d", uid, os.Geteuid()),
			Hint: fmt.Sprintf("run chown %d %q, or start the server as the file's owner", os.Geteuid(), path),
		}
	}
	return nil
}

func notRegular(op, path string) error {
	return &KeysetError{
		Op: op, Path: path, Err: ErrCorrupt, Why: "it is not a regular file",
		Hint: "point keyset_file at the keyset itself",
	}
}

// openError gives the reasons for which a file does not open their hints.
func openError(op, path string, err error) error {
	e := &KeysetError{Op: op, Path: path, Err: err}
	// A *fs.PathError names the path a second time.
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		e.Err = pe.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Err = ErrNoKeyset
		e.Hint = "check keyset_file, or restore the keyset from a backup"
	case errors.Is(err, syscall.EISDIR):
		// Opening to read reaches checkSafe instead, opening to lock does not.
		return notRegular(op, path)
	case errors.Is(err, fs.ErrPermission):
		e.Hint = fmt.Sprintf("the server runs as user %d, which must own the file and may have to be let into its folder", os.Geteuid())
	}
	return e
}
