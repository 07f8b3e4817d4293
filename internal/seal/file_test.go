package seal_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

func TestAMissingKeysetIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		filepath.Join(t.TempDir(), "keyset.json"),
		filepath.Join(t.TempDir(), "no", "folder", "keyset.json"),
	} {
		_, err := seal.Open(path)
		wantKeysetError(t, err, seal.ErrNoKeyset, path)
		_, err = seal.Rotate(path)
		wantKeysetError(t, err, seal.ErrNoKeyset, path)
		_, err = seal.Prune(path, nil)
		wantKeysetError(t, err, seal.ErrNoKeyset, path)
	}
}

func TestAKeysetThatOthersMayReachIsRefused(t *testing.T) {
	t.Parallel()
	path := create(t)
	for _, mode := range []os.FileMode{0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o644, 0o660, 0o666, 0o700, 0o777, 0o600 | os.ModeSetuid} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		before := read(t, path)
		_, err := seal.Open(path)
		wantKeysetError(t, err, seal.ErrUnsafe, path)
		_, err = seal.Rotate(path)
		wantKeysetError(t, err, seal.ErrUnsafe, path)
		if !bytes.Equal(before, read(t, path)) {
			t.Errorf("mode %v: a refused rotation changed the file", mode)
		}
	}
}

func TestAReadOnlyKeysetOpens(t *testing.T) {
	t.Parallel()
	path := create(t)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestAKeysetOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	path := create(t)
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	_, err := seal.Open(path)
	wantKeysetError(t, err, seal.ErrUnsafe, path)
	if !strings.Contains(err.Error(), "12345") {
		t.Errorf("%q does not name the owner", err)
	}
}

func TestAKeysetThatMayNotBeReadHasAHint(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	path := create(t)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	_, err := seal.Open(path)
	wantKeysetError(t, err, os.ErrPermission, path)
}

func TestNoPartOfAKeysetPassesForOne(t *testing.T) {
	t.Parallel()
	whole := read(t, create(t))
	path := filepath.Join(t.TempDir(), "keyset.json")
	for n := range len(whole) {
		write(t, path, whole[:n])
		_, err := seal.Open(path)
		wantKeysetError(t, err, seal.ErrCorrupt, path)
	}
}

func TestWhatIsNoKeysetIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	good := create(t)
	value := parse(t, good).Key[0].KeyData.Value
	material := value[len(value)-32:]
	damaged := func(f func(*tinkKeyset)) []byte {
		ks := parse(t, good)
		f(&ks)
		return ks.bytes(t)
	}
	for name, data := range map[string][]byte{
		"empty":          {},
		"blank":          []byte("\n"),
		"garbage":        {0xff, 0x00, 0x17},
		"null":           []byte("null"),
		"an array":       []byte("[]"),
		"no keys":        []byte("{}"),
		"something else": []byte(`{"apps":[]}`),
		"encrypted":      []byte(`{"encryptedKeyset":"AAAA"}`),
		"twice":          append(read(t, good), read(t, good)...),
		"bare key":       []byte(base64.StdEncoding.EncodeToString(material)),
		"deep":           bytes.Repeat([]byte("["), 100_000),
		"too long":       append(read(t, good), bytes.Repeat([]byte(" "), 1<<20)...),
		"other primary":  damaged(func(ks *tinkKeyset) { ks.PrimaryKeyID++ }),
		"key disabled":   damaged(func(ks *tinkKeyset) { ks.Key[0].Status = "DISABLED" }),
		"same key twice": damaged(func(ks *tinkKeyset) { ks.Key = append(ks.Key, ks.Key[0]) }),
		"key id zero":    damaged(func(ks *tinkKeyset) { ks.Key[0].KeyID, ks.PrimaryKeyID = 0, 0 }),
		"no prefix":      damaged(func(ks *tinkKeyset) { ks.Key[0].OutputPrefixType = "RAW" }),
		"old prefix":     damaged(func(ks *tinkKeyset) { ks.Key[0].OutputPrefixType = "CRUNCHY" }),
		"other kind": damaged(func(ks *tinkKeyset) {
			ks.Key[0].KeyData.TypeURL = "type.googleapis.com/google.crypto.tink.HmacKey"
		}),
		"key bytes as kind": damaged(func(ks *tinkKeyset) {
			ks.Key[0].KeyData.TypeURL = base64.StdEncoding.EncodeToString(material)
		}),
		"short key":  damaged(func(ks *tinkKeyset) { v := &ks.Key[0].KeyData.Value; *v = append([]byte{0x1a, 16}, material[:16]...) }),
		"no key":     damaged(func(ks *tinkKeyset) { ks.Key[0].KeyData.Value = nil }),
		"stray text": []byte(strings.Replace(string(read(t, good)), `"keyData"`, fmt.Sprintf("%q", material), 1)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "keyset.json")
			write(t, path, data)
			_, openErr := seal.Open(path)
			_, startErr := seal.Start(path, nil)
			_, rotateErr := seal.Rotate(path)
			_, pruneErr := seal.Prune(path, nil)
			for _, err := range []error{openErr, startErr, rotateErr, pruneErr} {
				wantKeysetError(t, err, seal.ErrCorrupt, path)
				wantNoKey(t, err.Error(), material)
			}
			wantKeysetError(t, seal.Create(path), seal.ErrKeysetExists, path)
			if !bytes.Equal(read(t, path), data) {
				t.Error("the file was changed")
			}
			onlyFile(t, path)
		})
	}
}

func TestADisabledKeyIsNotUsed(t *testing.T) {
	t.Parallel()
	path := create(t)
	box, err := open(t, path).Seal([]byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	rotate(t, path)
	ks := parse(t, path)
	ks.Key[0].Status = "DISABLED"
	write(t, path, ks.bytes(t))
	if _, err := open(t, path).Open(box, nil); err == nil {
		t.Error("a disabled key opened a box")
	}
}

func TestWhatIsNoFileIsRefusedWithoutWaiting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, os.DevNull} {
		_, err := seal.Open(path)
		wantKeysetError(t, err, seal.ErrCorrupt, path)
		_, err = seal.Rotate(path)
		wantKeysetError(t, err, seal.ErrCorrupt, path)
	}
}
