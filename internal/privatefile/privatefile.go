// Package privatefile says whether what is in a file is kept from others: from everybody
// but the user that this process runs as, and root, from whom nothing is kept.
//
// A file that belongs to root, and that a group may read, is private to a process of
// another user: that is how secrets are mounted into containers, for the container's group.
package privatefile

import (
	"io/fs"
	"os"
	"syscall"
)

// Exposed reports whether the file's mode lets others read or change it.
func Exposed(info fs.FileInfo) bool {
	mode := info.Mode()
	if mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 || mode.Perm()&0o107 != 0 {
		return true
	}
	group := mode.Perm() & 0o070
	uid, known := owner(info)
	mounted := group == 0o040 && known && uid == 0 && os.Geteuid() != 0
	return group != 0 && !mounted
}

// Owner tells whose the file is, and whether that user may know what is in it: the one
// that this process runs as, or root.
func Owner(info fs.FileInfo) (uid int64, trusted bool) {
	uid, known := owner(info)
	return uid, !known || uid == 0 || uid == int64(os.Geteuid())
}

func owner(info fs.FileInfo) (uid int64, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int64(stat.Uid), true
}
