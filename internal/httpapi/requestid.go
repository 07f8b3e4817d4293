package httpapi

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
)

// requestIDs makes ids that tell requests apart, across restarts and replicas, at the
// cost of one small allocation.
type requestIDs struct {
	prefix string
	n      atomic.Uint64
}

func newRequestIDs() *requestIDs {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return &requestIDs{prefix: hex.EncodeToString(b[:]) + "-"}
}

func (s *requestIDs) next() string {
	var b [32]byte
	return string(s.append(b[:0]))
}

func (s *requestIDs) append(b []byte) []byte {
	return strconv.AppendUint(append(b, s.prefix...), s.n.Add(1), 36)
}
