package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/seal"
)

func TestABoxOpensWithTheAssociatedDataItWasSealedWith(t *testing.T) {
	t.Parallel()
	k := open(t, create(t))
	for _, plaintext := range [][]byte{nil, {}, []byte("83_token"), bytes.Repeat([]byte("x"), 1<<16)} {
		for _, ad := range [][]byte{nil, {}, []byte("shop/access_token/")} {
			box, err := k.Seal(plaintext, ad)
			if err != nil {
				t.Fatal(err)
			}
			got, err := k.Open(box, ad)
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("opened %d bytes, %v; want the %d that were sealed", len(got), err, len(plaintext))
			}
		}
	}
}

func TestABoxMovedToAnotherKeyDoesNotOpen_I8(t *testing.T) {
	t.Parallel()
	k := open(t, create(t))
	box, err := k.Seal([]byte("83_token"), []byte("shop/access_token/"))
	if err != nil {
		t.Fatal(err)
	}
	for _, ad := range []string{"", "shop/access_token", "shop/jsapi_ticket/", "other/access_token/"} {
		if got, err := k.Open(box, []byte(ad)); got != nil || !errors.Is(err, seal.ErrAltered) {
			t.Errorf("under %q the box gave %q, %v; want ErrAltered", ad, got, err)
		}
	}
}

func TestNoAlteredBoxOpens(t *testing.T) {
	t.Parallel()
	k := open(t, create(t))
	box, err := k.Seal([]byte("83_token"), []byte("ad"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(box) * 8 {
		altered := bytes.Clone(box)
		altered[i/8] ^= 1 << (i % 8)
		// A flipped bit in the key's id names a key that does not exist.
		want := seal.ErrAltered
		if i >= 8 && i < 5*8 {
			want = seal.ErrUnknownKey
		}
		if _, err := k.Open(altered, []byte("ad")); !errors.Is(err, want) {
			t.Errorf("with bit %d flipped: %v, want %v", i, err, want)
		}
	}
	for n := range len(box) {
		if _, err := k.Open(box[:n], []byte("ad")); !errors.Is(err, seal.ErrAltered) {
			t.Errorf("cut to %d bytes: %v, want ErrAltered", n, err)
		}
	}
	if _, err := k.Open(append(bytes.Clone(box), 0), []byte("ad")); !errors.Is(err, seal.ErrAltered) {
		t.Errorf("with a byte added: %v, want ErrAltered", err)
	}
}

func TestAnotherKeysetIsToldFromAnAlteredBox(t *testing.T) {
	t.Parallel()
	ours, theirs := open(t, create(t)), open(t, create(t))
	box, err := ours.Seal([]byte("83_token"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = theirs.Open(box, nil)
	if !errors.Is(err, seal.ErrUnknownKey) || errors.Is(err, seal.ErrAltered) {
		t.Fatalf("error is %v, want ErrUnknownKey alone", err)
	}
	for _, id := range []uint32{ours.Primary(), theirs.Primary()} {
		if !strings.Contains(err.Error(), fmt.Sprint(id)) {
			t.Errorf("%q does not name key %d", err, id)
		}
	}
}

func TestABoxNamesItsKey(t *testing.T) {
	t.Parallel()
	k := open(t, create(t))
	box, err := k.Seal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := seal.SealedWith(box); got != k.Primary() || got == 0 {
		t.Errorf("the box names key %d, want %d", got, k.Primary())
	}
	for _, none := range [][]byte{nil, {}, {1, 2, 3, 4}, {0, 1, 2, 3, 4}, []byte(`{"token":"x"}`)} {
		if got := seal.SealedWith(none); got != 0 {
			t.Errorf("%q names key %d, want none", none, got)
		}
	}
}

func TestEqualSecretsMakeUnequalBoxes(t *testing.T) {
	t.Parallel()
	k := open(t, create(t))
	seen := map[string]bool{}
	for range 1000 {
		box, err := k.Seal([]byte("83_token"), []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(box)] {
			t.Fatal("a box came twice: the nonce is not random")
		}
		seen[string(box)] = true
	}
}

func TestNothingPrintsAKey_I6(t *testing.T) {
	t.Parallel()
	path := create(t)
	k := open(t, path)
	value := parse(t, path).Key[0].KeyData.Value
	material := value[len(value)-32:]

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb, k, struct{ K any }{k}, []any{k})
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("keyring", "k", k)
	slog.New(slog.NewTextHandler(&out, nil)).Info("keyring", "k", k)
	if err := json.NewEncoder(&out).Encode([]any{k}); err != nil {
		t.Fatal(err)
	}
	wantNoKey(t, out.String(), material)
}

// wantNoKey checks that a text holds no part of a key in any usual notation.
func wantNoKey(t testing.TB, text string, material []byte) {
	t.Helper()
	half := material[:len(material)/2]
	for _, form := range []string{
		string(half), hex.EncodeToString(half), strings.ToUpper(hex.EncodeToString(half)),
		base64.StdEncoding.EncodeToString(half)[:20], strings.Trim(fmt.Sprintf("%d", half), "[]"),
	} {
		if strings.Contains(text, form) {
			t.Errorf("key bytes in %q", text)
		}
	}
}
