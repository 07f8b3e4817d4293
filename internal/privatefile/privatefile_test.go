package privatefile_test

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/privatefile"
)

// file is what is known of a file.
type file struct {
	mode fs.FileMode
	uid  uint32
}

func (f file) Name() string       { return "key" }
func (f file) Size() int64        { return 1 }
func (f file) Mode() fs.FileMode  { return f.mode }
func (f file) ModTime() time.Time { return time.Time{} }
func (f file) IsDir() bool        { return false }
func (f file) Sys() any           { return &syscall.Stat_t{Uid: f.uid} }

func TestWhoMayKnowWhatIsInAFile(t *testing.T) {
	t.Parallel()
	us := uint32(os.Geteuid())
	root := us == 0
	for _, c := range []struct {
		file
		exposed, trusted bool
	}{
		{file{0o600, us}, false, true},
		{file{0o400, us}, false, true},
		{file{0o400, 0}, false, true},
		{file{0o440, 0}, root, true}, // a secret that is mounted into a container
		{file{0o640, 0}, root, true},
		{file{0o460, 0}, true, true},
		{file{0o444, 0}, true, true},
		{file{0o604, us}, true, true},
		{file{0o602, us}, true, true},
		{file{0o700, us}, true, true},
		{file{0o600 | fs.ModeSetuid, us}, true, true},
		{file{0o600, 65534}, false, us == 65534},
		{file{0o440, 65534}, true, us == 65534},
	} {
		t.Run(fmt.Sprintf("%v of %d", c.mode, c.uid), func(t *testing.T) {
			t.Parallel()
			if got := privatefile.Exposed(c.file); got != c.exposed {
				t.Errorf("exposed: %v, want %v", got, c.exposed)
			}
			if uid, got := privatefile.Owner(c.file); got != c.trusted || uid != int64(c.uid) {
				t.Errorf("user %d is trusted: %v, want %v", uid, got, c.trusted)
			}
		})
	}
}
