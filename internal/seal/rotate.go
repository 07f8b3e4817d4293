package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Rotate adds a fresh key to the keyset at path, makes it the one that seals,
// and returns its id. The other keys stay for opening. The file is replaced
// atomically; on an error it is as it was, unless the error is about making a
// finished replacement durable.
//
// Running keyrings go on as before until they reload.
func Rotate(path string) (primary uint32, err error) {
	err = change("rotate", path, func(m *keyset.Manager, _ *keyset.Handle) error {
		id, err := addPrimary(m)
		primary = id
		return err
	})
	if err != nil {
		return 0, err
	}
	return primary, nil
}

// Prune removes the keys named in drop, and returns the ids it removed. What
// they sealed cannot be opened by anyone any more: the caller has made sure that
// every replica seals with a later key, and that no box, the proof included,
// names a key in drop.
//
// It takes the keys to remove, not those to keep, because boxes are counted
// before: a key made meanwhile is in neither list and must stay. Ids that the
// keyset does not have are passed over, so that a job may be run again. The
// primary key is refused with [ErrPrimary], and then nothing is removed.
func Prune(path string, drop []uint32) (removed []uint32, err error) {
	err = change("prune", path, func(m *keyset.Manager, h *keyset.Handle) error {
		for i := range h.Len() {
			entry, err := h.Entry(i)
			if err != nil {
				return err
			}
			id := entry.KeyID()
			if !slices.Contains(drop, id) {
				continue
			}
			if entry.IsPrimary() {
				return fmt.Errorf("drop key %d: %w", id, ErrPrimary)
			}
			if err := m.Delete(id); err != nil {
				return err
			}
			removed = append(removed, id)
		}
		if len(removed) == 0 {
			return errUnchanged
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(removed)
	return removed, nil
}

// errUnchanged lets an edit leave the file alone.
var errUnchanged = errors.New("unchanged")

// change reads the keyset at path, lets edit change it, and replaces the file,
// all under a lock, so that no change made elsewhere meanwhile is lost.
func change(op, path string, edit func(*keyset.Manager, *keyset.Handle) error) error {
	// Replacing a symbolic link would leave the file it points at, which the rest
	// of the fleet may use, as it is.
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return openError(op, path, err)
	}
	locked, err := lockFile(target)
	if err != nil {
		return changeError(op, path, err)
	}
	defer func() { _ = locked.Close() }() // Closing releases the lock.
	f, err := readOpened(op, path, locked)
	if err != nil {
		return err
	}
	m := keyset.NewManagerFromHandle(f.handle)
	switch err := edit(m, f.handle); {
	case errors.Is(err, errUnchanged):
		return nil
	case err != nil:
		return &KeysetError{Op: op, Path: path, Err: err}
	}
	if err := replace(target, m); err != nil {
		return changeError(op, path, err)
	}
	return nil
}

// changeError tells where a file is that can be read and not be replaced: mounted read-only,
// mounted by itself, so that nothing can take its name (EBUSY), or somebody else's.
func changeError(op, path string, err error) error {
	for _, fixed := range []error{syscall.EROFS, syscall.EBUSY, fs.ErrPermission} {
		if errors.Is(err, fixed) {
			return &KeysetError{
				Op: op, Path: path, Err: fmt.Errorf("%w: %w", ErrUnwritable, err),
				Hint: "rotate where the file and its folder can be written, and then let the servers read the new file",
			}
		}
	}
	return openError(op, path, err)
}

// replace puts m's keyset in the place of the file at path, durably.
func replace(path string, m *keyset.Manager) error {
	h, err := m.Handle()
	if err != nil {
		return err
	}
	data, err := encode(h)
	if err != nil {
		return err
	}
	sweep(path)
	tmp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	defer tmp.Cleanup() //nolint:errcheck // The next change sweeps what stays behind.
	if err := tmp.CloseAtomicallyReplace(); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("the keyset is replaced, but may not survive a power cut: %w", err)
	}
	return nil
}

// sweep removes temporary files of writers that died before they were done. They
// hold keys, and a pruned key should not live on in one. Nobody else writes one
// under the lock but a Create that is about to find the keyset there. What cannot
// be removed stays, readable by its owner only.
func sweep(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		random, ok := strings.CutPrefix(e.Name(), "."+filepath.Base(path))
		if ok && random != "" && strings.Trim(random, "0123456789") == "" && e.Type().IsRegular() {
			_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}
