package seal

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestBoxesOfAnotherKeysetHaveTheFileReadOnceASecond_I7(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keyset.json")
		if err := Create(path); err != nil {
			t.Fatal(err)
		}
		var l lookout
		reads := func(what string, file fs.FileInfo, want bool) {
			t.Helper()
			done, mine := l.join(file)
			if done == nil || mine != want {
				t.Errorf("%s: the file is read: %v, want %v", what, mine, want)
			}
		}
		file := stat(t, path)
		reads("the first box", file, true)
		reads("the next", stat(t, path), false)
		time.Sleep(lookPause - 1)
		reads("just before a second is over", stat(t, path), false)
		time.Sleep(time.Nanosecond)
		reads("after a second", file, true)
		if _, err := Rotate(path); err != nil {
			t.Fatal(err)
		}
		rotated := stat(t, path)
		reads("after a rotation", rotated, true)
		reads("once more", rotated, false)
		reads("it is gone", nil, true)
		reads("it is still gone", nil, false)
		reads("it is back", rotated, true)
	})
}
