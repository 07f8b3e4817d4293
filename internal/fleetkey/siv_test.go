package fleetkey_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/fleetkey"
)

func newSIV(t *testing.T) fleetkey.SIV {
	t.Helper()
	k, err := fleetkey.NewSIV()
	if err != nil {
		t.Fatal(err)
	}
	s, err := fleetkey.SIVOf(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is sealed opens with its key, for its place and unchanged, and else not (I8).
func TestBoxesOpenWhereTheyBelongI8(t *testing.T) {
	t.Parallel()
	s, other := newSIV(t), newSIV(t)
	plain, place := []byte("who has logged in"), []byte("login/shop")
	box, err := s.Seal(plain, place)
	if err != nil || bytes.Contains(box, plain) {
		t.Fatalf("the box is %q, %v", box, err)
	}
	if got, err := s.Open(box, place); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("it opens as %q, %v", got, err)
	}
	if again, _ := s.Seal(plain, place); !bytes.Equal(again, box) {
		t.Error("equal contents have different boxes")
	}
	for what, open := range map[string]func() ([]byte, error){
		"another key":   func() ([]byte, error) { return other.Open(box, place) },
		"another place": func() ([]byte, error) { return s.Open(box, []byte("login/club")) },
		"a longer box":  func() ([]byte, error) { return s.Open(append(bytes.Clone(box), 0), place) },
		"half a box":    func() ([]byte, error) { return s.Open(box[:len(box)/2], place) },
		"nothing":       func() ([]byte, error) { return s.Open(nil, place) },
	} {
		if got, err := open(); err == nil || got != nil {
			t.Errorf("%s opens it: %q", what, got)
		}
	}
	for i := range box {
		changed := bytes.Clone(box)
		changed[i] ^= 1
		if got, err := s.Open(changed, place); err == nil {
			t.Errorf("with byte %d changed it opens as %q", i, got)
		}
	}
}

// The error says how long the key is, and nothing of what is in it.
func TestAKeyOfAnotherLengthIsNone(t *testing.T) {
	t.Parallel()
	for _, k := range []string{"", "secret", strings.Repeat("secret-8", 4), strings.Repeat("secret-8", 9)} {
		if _, err := fleetkey.SIVOf([]byte(k)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("a key of %d bytes: %v", len(k), err)
		}
	}
}
