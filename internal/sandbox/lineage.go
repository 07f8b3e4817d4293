package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"time"
)

// token is one issued token and the story of its life. A platform's lock
// guards it.
type token struct {
	value      string
	app        string
	mode       Mode
	generation int
	issued     time.Time
	expiry     time.Time
	dies       time.Time // at the latest the expiry, earlier once superseded or killed
	end        ending
	by         int  // the generation that superseded it
	outsiders  bool // somebody outside had a hand in its end
	outside    bool // somebody outside had it issued
	lost       bool // its answer never arrived
	spoiled    bool // the platform hands it out although it is dead
}

// ending is why a token dies when it does.
type ending int

const (
	endExpiry ending = iota
	endSuperseded
	endKilled
)

func (t *token) live(at time.Time) bool { return at.Before(t.dies) }

// endAt makes the token die no later than at.
func (t *token) endAt(at time.Time, why ending) bool {
	if !at.Before(t.dies) {
		return false
	}
	t.dies, t.end = at, why
	return true
}

// supersede makes way for the token next.
func (t *token) supersede(at time.Time, next *token) {
	if !t.endAt(at, endSuperseded) {
		return
	}
	t.by = next.generation
	t.outsiders = t.outsiders || next.outside
}

// lineage is the sequence of tokens of one app in one mode. At most the newest
// two live.
type lineage struct {
	current  *token
	previous *token
	count    int
}

// next issues a token. The current one lives on for the overlap, the one
// before it dies at once.
func (l *lineage) next(t token, overlap time.Duration) *token {
	l.count++
	t.generation = l.count
	t.dies = t.expiry
	if l.previous != nil {
		l.previous.supersede(t.issued, &t)
	}
	if l.current != nil {
		l.current.supersede(t.issued.Add(overlap), &t)
	}
	l.previous, l.current = l.current, &t
	return &t
}

// randomText returns n random bytes in URL-safe text.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
