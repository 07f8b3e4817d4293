package seal_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

// The sizes are those of a record: a plaintext of 200 bytes bound to its key.
func benchmarkKeyring(b *testing.B) (k *seal.Keyring, plaintext, ad []byte) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "keyset.json")
	if err := seal.Create(path); err != nil {
		b.Fatal(err)
	}
	k, err := seal.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	return k, bytes.Repeat([]byte("x"), 200), []byte("shop/access_token/")
}

func BenchmarkSeal(b *testing.B) {
	k, plaintext, ad := benchmarkKeyring(b)
	b.SetBytes(int64(len(plaintext)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Seal(plaintext, ad); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	k, plaintext, ad := benchmarkKeyring(b)
	box, err := k.Seal(plaintext, ad)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(plaintext)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open(box, ad); err != nil {
			b.Fatal(err)
		}
	}
}
