package seal

import (
	"fmt"
	"maps"
)

// Reload takes up what [Rotate] or [Prune] did to the file. On any error the
// keyring goes on with the keys it has.
//
// It refuses, with [ErrWrongKeyset], a file that lacks the primary key in use:
// that is another keyset, or this one put back from before a rotation, and what
// was sealed since would not open after the next start. Older keys that the file
// lacks stay usable in this process. To refuse the file for their sake would be
// worse: after a Prune, a replica would never again take up a new primary.
func (k *Keyring) Reload() error {
	for {
		old := k.keys.Load()
		f, err := readKeyset("reload", k.path)
		if err != nil {
			return err
		}
		done, err := k.takeUp(old, f.keys)
		if done || err != nil {
			return err
		}
	}
}

// takeUp makes read, which the file held after old was loaded, the keys in use.
// It reports false if another reload came first, which may have read a later
// file: reading again is cheaper than a lock held while reading.
func (k *Keyring) takeUp(old, read *keys) (bool, error) {
	next, why := succeed(old, read)
	if why != "" {
		if k.keys.Load() != old {
			return false, nil // The file may well follow from what is in use by now.
		}
		return false, &KeysetError{
			Op: "reload", Path: k.path, Err: ErrWrongKeyset, Why: why,
			Hint: "the keys in use stay in use; put the keyset of this fleet back, in its latest state, before the next start",
		}
	}
	if next.equal(old) {
		return true, nil
	}
	return k.keys.CompareAndSwap(old, next), nil
}

// succeed returns the keys to use after old when the file holds next, or why it
// does not follow from old.
func succeed(old, next *keys) (_ *keys, why string) {
	if _, ok := next.byID[old.primary]; !ok {
		return nil, fmt.Sprintf("it has keys %v, but not key %d that seals now", next.ids(), old.primary)
	}
	merged := &keys{primary: next.primary, byID: maps.Clone(next.byID)}
	for id, was := range old.byID {
		is, ok := next.byID[id]
		if !ok {
			merged.byID[id] = was
			continue
		}
		if !is.key.Equal(was.key) {
			return nil, fmt.Sprintf("its key %d is another key of the same id", id)
		}
	}
	return merged, ""
}
