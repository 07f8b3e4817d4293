package sandbox

import (
	"bytes"
	"io"
)

// blob is content in pieces, so that it grows without being copied. It does
// not change once it is made.
type blob struct {
	pieces [][]byte
	size   int64
	held   int64 // what it takes of the store's room
}

// The sizes of pieces: each is twice the one before it.
const (
	firstPiece = 32 << 10
	largePiece = 1 << 20
)

func (b blob) reader() io.Reader {
	readers := make([]io.Reader, len(b.pieces))
	for i, p := range b.pieces {
		readers[i] = bytes.NewReader(p)
	}
	return io.MultiReader(readers...)
}

// fill reads until buf is full or the content ends. Unlike [io.ReadFull] it
// tells the end, which is [io.EOF], from content that breaks off.
func fill(r io.Reader, buf []byte) (int, error) {
	for n := 0; ; {
		if n == len(buf) {
			return n, nil
		}
		m, err := r.Read(buf[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
}
