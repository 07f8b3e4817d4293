package seal

import (
	"io/fs"
	"os"
	"sync"
	"time"
)

// lookPause is the shortest time from one reading of a file that has not changed, for the
// sake of a box that does not open, to the next: boxes of another keyset are not to have
// it read for each.
const lookPause = time.Second

// lookout is when and how the file was read last for a box of a key that is not known.
type lookout struct {
	mu    sync.Mutex // guards what follows; a leaf, and not held while the file is read
	begun time.Time
	file  fs.FileInfo   // as it was just before; nil: it was not to be found
	done  chan struct{} // closed when that reading has ended; nil: there was none
}

// join gives the reading to wait for, and whether the caller has to do it. The file is now
// as given.
func (l *lookout) join(file fs.FileInfo) (done chan struct{}, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done != nil && time.Since(l.begun) < lookPause && unchanged(l.file, file) {
		return l.done, false
	}
	l.begun, l.file, l.done = time.Now(), file, make(chan struct{})
	return l.done, true
}

// unchanged reports whether a file is the same one still. A keyset is only ever replaced.
func unchanged(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// catchUp takes up what another server that shares the file has done to it. Of those who
// call at once, one reads the file and the others wait for that; no lock is held
// meanwhile, and whoever has a box that opens notices nothing. What is wrong with the file
// is for [Keyring.Reload] to tell: here it is only known that a box does not open.
func (k *Keyring) catchUp() {
	file, err := os.Stat(k.path)
	if err != nil {
		file = nil
	}
	done, mine := k.look.join(file)
	if !mine {
		<-done
		return
	}
	defer close(done)
	_ = k.Reload() // see above
}
