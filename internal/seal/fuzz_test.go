package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

func FuzzOpenBox(f *testing.F) {
	k := open(f, create(f))
	box, err := k.Seal([]byte("83_token"), []byte("shop/access_token/"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(box, []byte("shop/access_token/"))
	f.Add(box, []byte("other/access_token/"))
	f.Add(box[:5], []byte{})
	f.Add(box[:32], []byte{})
	f.Add([]byte{}, []byte{})
	f.Add([]byte{1, 0, 0, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, in, ad []byte) {
		got, err := k.Open(in, ad)
		switch {
		case err == nil:
			if !bytes.Equal(in, box) || !bytes.Equal(ad, []byte("shop/access_token/")) || string(got) != "83_token" {
				t.Errorf("a box that was never sealed opened: %x under %q", in, ad)
			}
		case got != nil:
			t.Error("bytes came with an error")
		case errors.Is(err, seal.ErrAltered) == errors.Is(err, seal.ErrUnknownKey):
			t.Errorf("%v is not one of the two reasons", err)
		}
		if err := k.Check(in); err == nil {
			t.Error("a made-up proof holds")
		}
	})
}

// What is read as a keyset works as one, can be rotated, and reads the same
// again; anything else is called corrupt.
func FuzzKeysetFile(f *testing.F) {
	path := create(f)
	f.Add(read(f, path))
	rotate(f, path)
	two := read(f, path)
	f.Add(two)
	f.Add(bytes.ReplaceAll(two, []byte("ENABLED"), []byte("DISABLED")))
	f.Add(bytes.ReplaceAll(two, []byte("TINK"), []byte("RAW")))
	f.Add([]byte(`{"primaryKeyId":1,"key":[{"keyData":{},"status":"ENABLED","keyId":1,"outputPrefixType":"TINK"}]}`))
	f.Add([]byte(`{"key":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "keyset.json")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := seal.Open(path)
		if err != nil {
			wantKeysetError(t, err, seal.ErrCorrupt, path)
			return
		}
		box, err := k.Seal([]byte("x"), nil)
		if err != nil || seal.SealedWith(box) != k.Primary() {
			t.Fatalf("an accepted keyset does not seal: %v", err)
		}
		rotate(t, path)
		if err := k.Reload(); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, path).Open(box, nil); err != nil {
			t.Errorf("a rotation lost a key: %v", err)
		}
	})
}
