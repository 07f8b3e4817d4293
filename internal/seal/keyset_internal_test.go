package seal

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// A file that only grows would one day be longer than what a start reads.
func TestAKeysetThatCouldNotBeReadAgainIsNotWritten(t *testing.T) {
	t.Parallel()
	m := keyset.NewManager()
	for range maxKeysetBytes / 200 {
		if _, err := addPrimary(m); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "keyset.json")
	if err := os.WriteFile(path, []byte("as it was"), keysetMode); err != nil {
		t.Fatal(err)
	}
	err := replace(path, m)
	if err == nil || !strings.Contains(err.Error(), "prune") {
		t.Errorf("error is %v, want one that says to prune", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "as it was" {
		t.Errorf("the file has %d bytes, %v", len(data), err)
	}
}

func TestWhatFollowsAKeysetIsDecidedByItsKeys(t *testing.T) {
	t.Parallel()
	of := func(primary uint32, source map[uint32]sealingKey, ids ...uint32) *keys {
		ks := &keys{primary: primary, byID: map[uint32]sealingKey{}}
		for _, id := range ids {
			ks.byID[id] = source[id]
		}
		return ks
	}
	m := keyset.NewManager()
	for range 4 {
		if _, err := addPrimary(m); err != nil {
			t.Fatal(err)
		}
	}
	h, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	data, err := encode(h)
	if err != nil {
		t.Fatal(err)
	}
	_, all, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	id := all.ids()
	k1, k2, k3, k4 := id[0], id[1], id[2], id[3]
	swapped := map[uint32]sealingKey{k1: all.byID[k2], k2: all.byID[k2], k3: all.byID[k3]}

	for name, c := range map[string]struct {
		old, next *keys
		keys      []uint32 // none: refused
	}{
		"the same":                      {of(k1, all.byID, k1), of(k1, all.byID, k1), []uint32{k1}},
		"rotated":                       {of(k1, all.byID, k1), of(k2, all.byID, k1, k2), []uint32{k1, k2}},
		"rotated twice, one pruned":     {of(k2, all.byID, k1, k2), of(k4, all.byID, k2, k4), []uint32{k1, k2, k4}},
		"promoted back":                 {of(k2, all.byID, k1, k2), of(k1, all.byID, k1, k2), []uint32{k1, k2}},
		"the primary pruned":            {of(k1, all.byID, k1), of(k2, all.byID, k2), nil},
		"another":                       {of(k1, all.byID, k1, k2), of(k3, all.byID, k3, k4), nil},
		"the primary under another key": {of(k1, all.byID, k1), of(k1, swapped, k1), nil},
		"an old id under another key":   {of(k2, all.byID, k1, k2), of(k2, swapped, k1, k2), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, why := succeed(c.old, c.next)
			if c.keys == nil {
				if got != nil || why == "" {
					t.Errorf("accepted as %v", got.ids())
				}
				return
			}
			if why != "" || !slices.Equal(got.ids(), c.keys) || got.primary != c.next.primary {
				t.Errorf("%+v, refused for %q; want keys %v", got, why, c.keys)
			}
		})
	}
}

// A reload that is held up between reading the file and taking it up must not
// undo a later one: what was sealed in between would seem to have no key.
func TestAReloadThatReadAnEarlierFileDoesNotWin(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := Start(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	rotated := func() uint32 {
		id, err := Rotate(path)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	old := k.keys.Load()
	rotated()
	early, err := readKeyset("reload", path)
	if err != nil {
		t.Fatal(err)
	}
	latest := rotated()
	if err := k.Reload(); err != nil {
		t.Fatal(err)
	}
	if done, err := k.takeUp(old, early.keys); done || err != nil {
		t.Errorf("the late reload says %v, %v; want that it has to read again", done, err)
	}
	if got := k.Primary(); got != latest {
		t.Errorf("key %d seals, want %d of the latest file", got, latest)
	}

	// Nor is a file refused for what it lacks of keys that are no longer in use.
	if _, err := Prune(path, []uint32{old.primary}); err != nil {
		t.Fatal(err)
	}
	pruned, err := readKeyset("reload", path)
	if err != nil {
		t.Fatal(err)
	}
	if done, err := k.takeUp(old, pruned.keys); done || err != nil {
		t.Errorf("the late reload says %v, %v; want that it has to look again", done, err)
	}
}
