package stacktest

import (
	"bytes"
	"errors"
	"fmt"
)

// plainSealer stands for the keyset: it hides nothing, and opens a box only for what
// it was sealed for.
type plainSealer struct{}

func (plainSealer) Seal(plain, ad []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%d|%s%s", len(ad), ad, plain), nil
}

func (plainSealer) Open(box, ad []byte) ([]byte, error) {
	plain, ok := bytes.CutPrefix(box, fmt.Appendf(nil, "%d|%s", len(ad), ad))
	if !ok {
		return nil, errors.New("sealed for something else")
	}
	return plain, nil
}
