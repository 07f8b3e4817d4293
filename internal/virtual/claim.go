package virtual

import (
	"math"

	"github.com/hufu-io/hufu/internal/broker"
)

// A claim is written as version, mark, the lengths of client, app and kind, and then
// these and the subject, which is the rest. A later form would have another version:
// all forms can be read side by side.
const (
	formVersion = 1
	markSize    = len(broker.Claim{}.Mark)
	fixed       = 1 + markSize + 3
)

// appendClaim returns false for a claim that has no form.
func appendClaim(b []byte, c broker.Claim) ([]byte, bool) {
	parts := [...]string{c.Client, c.Key.App, string(c.Key.Kind)}
	b = append(b, formVersion)
	b = append(b, c.Mark[:]...)
	for _, p := range parts {
		if len(p) > math.MaxUint8 {
			return nil, false
		}
		b = append(b, byte(len(p))) //nolint:gosec // it fits, as was just seen
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	return append(b, c.Key.Subject...), true
}

// parseClaim is the inverse of appendClaim. What was authenticated has the right form,
// unless a later version of this program has made it.
func parseClaim(b []byte) (c broker.Claim, ok bool) {
	if len(b) < fixed || b[0] != formVersion {
		return broker.Claim{}, false
	}
	copy(c.Mark[:], b[1:])
	lengths := b[1+markSize : fixed]
	client, app, kind := int(lengths[0]), int(lengths[1]), int(lengths[2])
	if len(b) < fixed+client+app+kind {
		return broker.Claim{}, false
	}
	s := string(b[fixed:]) // all parts share it
	c.Client, s = s[:client], s[client:]
	c.Key.App, s = s[:app], s[app:]
	c.Key.Kind, c.Key.Subject = broker.Kind(s[:kind]), s[kind:]
	return c, true
}
