package sandbox

import (
	"cmp"
	"time"
)

// manner is what a platform does when an app that has a token asks for one again.
type manner int

const (
	// mannerEager gives a new token. The one before it lives on for the overlap, and at
	// most the newest two live.
	mannerEager manner = iota
	// mannerLate gives the same token until its last minutes, and then a new one. Both live
	// until their own expiry.
	mannerLate
	// mannerFixed gives the same token until it expires.
	mannerFixed
	// mannerSliding gives the same token and lets its lifetime begin anew.
	mannerSliding
	// mannerIndependent gives a new token, of which no other one knows.
	mannerIndependent
)

// family is the rule by which a platform's tokens follow one another.
type family struct {
	manner   manner
	lifetime time.Duration
	overlap  time.Duration // of the eager
	window   time.Duration // of the late: with less than that left there is a new token
}

// under is the family with the times that a configuration wants in the place of its own.
func (f family) under(cfg Config) family {
	if cfg.Lifetime > 0 {
		f.window = time.Duration(float64(f.window) * (float64(cfg.Lifetime) / float64(f.lifetime)))
		f.lifetime = cfg.Lifetime
	}
	f.overlap = min(max(cmp.Or(cfg.Overlap, f.overlap), 0), f.lifetime)
	f.window = min(max(cmp.Or(cfg.Window, f.window), 0), f.lifetime)
	return f
}

// line is the tokens of one app in one mode of a platform.
type line struct {
	lineage
	family family
	recent []*token // those remembered, the oldest first
}

// standing is the token that whoever asks is given again, if there is one.
func (l *line) standing(at time.Time) *token {
	t := l.current
	if t == nil || !t.live(at) && (!t.spoiled || !at.Before(t.expiry)) {
		return nil
	}
	switch l.family.manner {
	case mannerFixed:
		return t
	case mannerSliding:
		t.prolong(at.Add(l.family.lifetime))
		return t
	case mannerLate:
		if t.expiry.Sub(at) >= l.family.window {
			return t
		}
		return nil
	case mannerEager, mannerIndependent:
		return nil
	default:
		return nil
	}
}

// prolong moves a token's expiry. One that was ended stays so.
func (t *token) prolong(expiry time.Time) {
	if t.end == endExpiry {
		t.dies = expiry
	}
	t.expiry = expiry
}

// next issues a token.
func (l *line) next(t token) *token {
	if l.family.manner == mannerEager {
		return l.lineage.next(t, l.family.overlap)
	}
	l.count++
	t.generation, t.dies = l.count, t.expiry
	l.previous, l.current = l.current, &t
	return &t
}
