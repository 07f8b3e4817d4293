package seal_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/seal"
)

// sealed is a box and what the model knows of it.
type sealed struct {
	box, plaintext, ad []byte
	key                uint32
}

// fleet is a model of replicas that share a keyset file: which keys the file
// should have, and which keys each replica has seen.
type fleet struct {
	path    string
	file    map[uint32]bool
	primary uint32
	rings   []*seal.Keyring
	known   []map[uint32]bool
	boxes   []sealed
}

func (f *fleet) seal(t *rapid.T) {
	i := rapid.IntRange(0, len(f.rings)-1).Draw(t, "replica")
	b := sealed{
		plaintext: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "plaintext"),
		ad:        rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "ad"),
		key:       f.rings[i].Primary(),
	}
	var err error
	if b.box, err = f.rings[i].Seal(b.plaintext, b.ad); err != nil {
		t.Fatal(err)
	}
	if got := seal.SealedWith(b.box); got != b.key {
		t.Fatalf("the box names key %d, want %d", got, b.key)
	}
	f.boxes = append(f.boxes, b)
}

func (f *fleet) rotate(t *rapid.T) {
	id, err := seal.Rotate(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if f.file[id] {
		t.Fatalf("key %d came twice", id)
	}
	f.file[id], f.primary = true, id
}

func (f *fleet) prune(t *rapid.T) {
	drop := []uint32{rapid.Uint32().Draw(t, "stranger")}
	var want []uint32
	for _, id := range slices.Sorted(maps.Keys(f.file)) {
		if id != f.primary && rapid.Bool().Draw(t, "drop") {
			want = append(want, id)
			delete(f.file, id)
		}
	}
	removed, err := seal.Prune(f.path, append(drop, want...))
	if err != nil || !slices.Equal(removed, want) {
		t.Fatalf("removed %v, %v; want %v", removed, err, want)
	}
}

// reload succeeds unless the replica still sealed with a key that was pruned.
func (f *fleet) reload(t *rapid.T) {
	i := rapid.IntRange(0, len(f.rings)-1).Draw(t, "replica")
	was := f.rings[i].Primary()
	err := f.rings[i].Reload()
	if !f.file[was] {
		if !errors.Is(err, seal.ErrWrongKeyset) || f.rings[i].Primary() != was {
			t.Fatalf("reload without key %d gave %v", was, err)
		}
		return
	}
	if err != nil || f.rings[i].Primary() != f.primary {
		t.Fatalf("reload: %v; key %d seals, want %d", err, f.rings[i].Primary(), f.primary)
	}
	maps.Copy(f.known[i], f.file)
}

// meet has a replica open a box. Where it does not know the key, it may take up the file,
// if it has not done so for a while and if that follows from the keys in use.
func (f *fleet) meet(t *rapid.T) {
	if len(f.boxes) == 0 {
		t.Skip("there are no boxes")
	}
	i := rapid.IntRange(0, len(f.rings)-1).Draw(t, "replica")
	b := rapid.SampledFrom(f.boxes).Draw(t, "box")
	known, was := f.known[i][b.key], f.rings[i].Primary()
	before := f.rings[i].Keys()
	_, err := f.rings[i].Open(b.box, b.ad)
	if !slices.Equal(before, f.rings[i].Keys()) || was != f.rings[i].Primary() {
		if known || !f.file[was] {
			t.Fatalf("replica %d took up a file that it had no need of, or that does not follow", i)
		}
		maps.Copy(f.known[i], f.file)
	}
	switch {
	case f.known[i][b.key] && err != nil:
		t.Fatalf("replica %d with key %d: %v", i, b.key, err)
	case !f.known[i][b.key] && !errors.Is(err, seal.ErrUnknownKey):
		t.Fatalf("replica %d without key %d: %v", i, b.key, err)
	}
}

func (f *fleet) restart(t *rapid.T) {
	i := rapid.IntRange(0, len(f.rings)-1).Draw(t, "replica")
	k, err := seal.Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	f.rings[i], f.known[i] = k, maps.Clone(f.file)
}

// check: whatever a replica has the key for opens there.
func (f *fleet) check(t *rapid.T) {
	for i, k := range f.rings {
		if got, want := k.Keys(), slices.Sorted(maps.Keys(f.known[i])); !slices.Equal(got, want) {
			t.Fatalf("replica %d has keys %v, want %v", i, got, want)
		}
		for _, b := range f.boxes {
			if !f.known[i][b.key] {
				// It would take up the file, at a time that is not the model's to say.
				continue
			}
			got, err := k.Open(b.box, b.ad)
			if err != nil || !bytes.Equal(got, b.plaintext) {
				t.Fatalf("replica %d lost a box of key %d: %v", i, b.key, err)
			}
		}
	}
	k, err := seal.Open(f.path)
	if err != nil || k.Primary() != f.primary || !slices.Equal(k.Keys(), slices.Sorted(maps.Keys(f.file))) {
		t.Fatalf("the file: %v; want keys %v, primary %d", err, f.file, f.primary)
	}
}

func TestNoSequenceOfChangesLosesABoxWhoseKeyIsNotPruned(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		f := &fleet{path: filepath.Join(dir, "keyset.json"), file: map[uint32]bool{}}
		for range 3 {
			k, err := seal.Start(f.path, nil)
			if err != nil {
				rt.Fatal(err)
			}
			f.primary = k.Primary()
			f.file[f.primary] = true
			f.rings = append(f.rings, k)
			f.known = append(f.known, maps.Clone(f.file))
		}
		rt.Repeat(map[string]func(*rapid.T){
			"seal": f.seal, "rotate": f.rotate, "prune": f.prune,
			"reload": f.reload, "meet": f.meet, "restart": f.restart, "": f.check,
		})
	})
}
