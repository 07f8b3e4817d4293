package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	// maxFileBytes keeps a path that leads to something else than a sink's file from
	// being read into memory.
	maxFileBytes = 4 << 20

	newFileMode fs.FileMode = 0o600

	maxLinks = 40
)

var (
	errNotRegular     = errors.New("it is not a regular file")
	errTooLarge       = errors.New("the file is too large for a sink")
	errForeignContent = errors.New("the file holds something else than this sink's token")
	errChanged        = errors.New("somebody else is writing the file")
)

// step names one step of a replacement; tests fail each of them.
type step string

const (
	stepCreate  step = "create temporary file"
	stepWrite   step = "write temporary file"
	stepOwner   step = "keep owner"
	stepMode    step = "keep mode"
	stepSync    step = "sync temporary file"
	stepClose   step = "close temporary file"
	stepRename  step = "rename temporary file"
	stepSyncDir step = "sync folder"
)

// content is a file as it was read. The zero value is a file that does not exist.
type content struct {
	data []byte
	info fs.FileInfo
}

// same reports whether the file is still the one that was read.
func (c content) same(now fs.FileInfo) bool {
	if c.info == nil || now == nil {
		return c.info == nil && now == nil
	}
	return os.SameFile(c.info, now) && c.info.Size() == now.Size() && c.info.ModTime().Equal(now.ModTime())
}

// readContent reads a file that may not exist.
func readContent(path string) (content, error) {
	// Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the operator names the path
	if errors.Is(err, fs.ErrNotExist) {
		return content{}, nil
	}
	if err != nil {
		return content{}, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	info, err := f.Stat()
	if err != nil {
		return content{}, err
	}
	if !info.Mode().IsRegular() {
		return content{}, errNotRegular
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return content{}, err
	}
	if len(data) > maxFileBytes {
		return content{}, errTooLarge
	}
	return content{data: data, info: info}, nil
}

// replacement puts new content in the place of a file. It is written out here,
// because what is needed beside a rename decides the steps: a name by which
// leftovers are known for this package's own, the owner, and a synced folder.
type replacement struct {
	path  string
	old   content
	fault func(step) error // nil outside tests
}

// run replaces the file. The file is whole at every moment, and on an error it is
// the old one, except if only the last step failed.
func (r replacement) run(data []byte) error {
	dir, base := filepath.Split(r.path)
	var tmp *os.File
	err := r.do(stepCreate, func() (err error) {
		tmp, err = os.CreateTemp(dir, tempPrefix(base)+"*"+tempSuffix) // 0600
		return err
	})
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; let the server's user write in the folder %q", err, filepath.Clean(dir))
	}
	if err != nil {
		return err
	}
	if err := r.fill(tmp, data); err != nil {
		return errors.Join(err, ignoreNotExist(os.Remove(tmp.Name())))
	}
	if err := r.do(stepRename, func() error { return r.rename(tmp.Name()) }); err != nil {
		return errors.Join(err, ignoreNotExist(os.Remove(tmp.Name())))
	}
	return r.do(stepSyncDir, func() error { return syncDir(dir) })
}

// fill writes the temporary file and closes it.
func (r replacement) fill(tmp *os.File, data []byte) error {
	mode := newFileMode
	keepOwner := func() error { return nil }
	if r.old.info != nil {
		mode = r.old.info.Mode().Perm()
		keepOwner = func() error { return sameOwner(tmp, r.old.info) }
	}
	// The owner before the mode: the token must not be open to a group by the mode
	// while the file still has another group.
	steps := []struct {
		name step
		do   func() error
	}{
		{stepWrite, func() error { _, err := tmp.Write(data); return err }},
		{stepOwner, keepOwner},
		{stepMode, func() error { return tmp.Chmod(mode) }},
		{stepSync, tmp.Sync},
	}
	for _, s := range steps {
		if err := r.do(s.name, s.do); err != nil {
			return errors.Join(err, tmp.Close())
		}
	}
	return r.do(stepClose, tmp.Close)
}

// rename makes the temporary file the file, unless somebody wrote the file since
// it was read, whose change would be lost.
func (r replacement) rename(tmp string) error {
	now, err := os.Stat(r.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		now = nil
	}
	if !r.old.same(now) {
		return errChanged
	}
	err = os.Rename(tmp, r.path)
	if errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("%w; if the file is mounted by itself, mount its folder instead", err)
	}
	return err
}

func (r replacement) do(s step, f func() error) error {
	if r.fault != nil {
		if err := r.fault(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	return nil
}

// sameOwner gives the file the owner and the group of another.
func sameOwner(f *os.File, like fs.FileInfo) error {
	want, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if has, ok := info.Sys().(*syscall.Stat_t); ok && has.Uid == want.Uid && has.Gid == want.Gid {
		return nil
	}
	err = f.Chown(int(want.Uid), int(want.Gid))
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; let the server's user own the file and be in its group %d", err, want.Gid)
	}
	return err
}

// syncDir makes a rename in the folder durable. Some file systems have no such
// operation for folders; there is nothing to be done on them.
func syncDir(dir string) error {
	if dir == "" {
		dir = "."
	}
	d, err := os.Open(dir) //nolint:gosec // the operator names the path
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // nothing was written through it
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

const tempSuffix = ".tmp"

func tempPrefix(base string) string { return ".hufu-" + base + "-" }

// removeLeftovers removes the temporary files that a crash left beside the file.
// They hold tokens.
func removeLeftovers(path string) error {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	d, err := os.Open(dir) //nolint:gosec // the operator names the path
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // nothing was written through it
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		middle, ok := strings.CutPrefix(name, tempPrefix(base))
		if !ok {
			continue
		}
		middle, ok = strings.CutSuffix(middle, tempSuffix)
		// The digits tell the leftovers of "a" from those of "a-b".
		if ok && middle != "" && strings.Trim(middle, "0123456789") == "" {
			errs = append(errs, ignoreNotExist(os.Remove(filepath.Join(dir, name))))
		}
	}
	return errors.Join(errs...)
}

// resolve follows symbolic links to the file that is to be replaced, which need
// not exist.
func resolve(path string) (string, error) {
	for range maxLinks {
		dir, base := filepath.Split(path)
		if dir == "" {
			dir = "."
		}
		if base == "" || base == "." || base == ".." {
			return "", errNotRegular
		}
		resolved, err := filepath.EvalSymlinks(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w; make the folder %q, writable by the server's user", err, filepath.Clean(dir))
		}
		if err != nil {
			return "", err
		}
		dir = resolved
		path = filepath.Join(dir, base)
		to, err := os.Readlink(path)
		switch {
		case errors.Is(err, syscall.EINVAL), errors.Is(err, fs.ErrNotExist): // not a link
			return path, nil
		case err != nil:
			return "", err
		case filepath.IsAbs(to):
			path = to
		default:
			// Not filepath.Join: cleaning "link/.." away would follow another path than
			// the kernel does.
			path = dir + string(filepath.Separator) + to
		}
	}
	return "", syscall.ELOOP
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (c content) equal(data []byte) bool { return c.info != nil && bytes.Equal(c.data, data) }
