package seal_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

// mountEnv names the keyset that a copy of the test binary mounts and rotates, and
// mountedEnv what of it is mounted.
const (
	mountEnv   = "HUFU_SEAL_TEST_MOUNT"
	mountedEnv = "HUFU_SEAL_TEST_MOUNTED"
)

// TestMounted is not a test: the one below runs it in a process with mounts of its own.
func TestMounted(t *testing.T) {
	path := os.Getenv(mountEnv)
	if path == "" {
		t.Skip("runs in a child process of the test below")
	}
	mount := func(source, target string, flags uintptr) {
		t.Helper()
		if err := syscall.Mount(source, target, "", flags, ""); err != nil {
			t.Fatalf("mount %s: %v", target, err)
		}
	}
	mount("", "/", syscall.MS_REC|syscall.MS_PRIVATE)
	target := path
	if os.Getenv(mountedEnv) == "folder" {
		target = filepath.Dir(path)
	}
	mount(target, target, syscall.MS_BIND)
	if os.Getenv(mountedEnv) != "file to write" {
		mount("", target, syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY)
	}
	k := open(t, path)
	_, err := seal.Rotate(path)
	wantKeysetError(t, err, seal.ErrUnwritable, path)
	if !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EBUSY) {
		t.Errorf("%v does not tell what the system said", err)
	}
	if err := k.Reload(); err != nil {
		t.Errorf("the server does not go on: %v", err)
	}
}

func TestAKeysetThatCannotBeReplacedSaysSo(t *testing.T) {
	t.Parallel()
	for _, mounted := range []string{"folder", "file", "file to write"} {
		t.Run(mounted, func(t *testing.T) {
			t.Parallel()
			path := create(t)
			before := read(t, path)
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMounted$", "-test.v")
			cmd.Env = append(os.Environ(), mountEnv+"="+path, mountedEnv+"="+mounted)
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
			}
			out, err := cmd.CombinedOutput()
			if err != nil && cmd.ProcessState == nil {
				t.Skipf("this machine lets nobody have mounts of their own: %v", err)
			}
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			if !bytes.Equal(before, read(t, path)) {
				t.Error("the file was changed")
			}
			onlyFile(t, path)
		})
	}
}
