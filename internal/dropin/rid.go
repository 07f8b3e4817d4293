package dropin

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// rids makes request ids as the platform writes them: three groups of hex, the first
// of which is the time. The second tells processes apart and the third requests.
type rids struct {
	process [9]byte // with its dash
	n       atomic.Uint32
}

func newRids() *rids {
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // never fails, see crypto/rand
	x := &rids{}
	hex.Encode(x.process[:8], seed[:4])
	x.process[8] = '-'
	// The count begins anywhere, so that its size tells nothing.
	x.n.Store(binary.BigEndian.Uint32(seed[4:]))
	return x
}

func (x *rids) next(now time.Time) string {
	var b [26]byte
	putHex(b[0:8], uint32(now.Unix())) //nolint:gosec // the platform's rids have 32 bits of time as well
	b[8] = '-'
	copy(b[9:18], x.process[:])
	putHex(b[18:26], x.n.Add(1))
	return string(b[:])
}

func putHex(dst []byte, v uint32) {
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], v)
	hex.Encode(dst, raw[:])
}
