package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// leftovers are temporary folders that are not to outlive the process, in whichever way
// it ends: when the command that made one returns, or at once, at the second signal.
type leftovers struct {
	mu      sync.Mutex // held while a folder is made, so that none is missed
	folders []string
}

// folder makes a temporary folder.
func (l *leftovers) folder(pattern string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		return "", err //nolint:wrapcheck // The caller says what for.
	}
	l.folders = append(l.folders, dir)
	return dir, nil
}

// remove deletes all of them. Who still works in one may put something there meanwhile,
// so it tries more than once.
func (l *leftovers) remove() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, dir := range l.folders {
		var err error
		for range 5 {
			if err = os.RemoveAll(dir); err == nil || errors.Is(err, fs.ErrPermission) {
				break
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("remove temporary data: %w", err))
		}
	}
	l.folders = nil
	return errors.Join(errs...)
}
