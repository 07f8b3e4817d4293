package gateway

import (
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
)

// candidates are the calls that a call at the root of this host could be, one for each
// platform of which it is not certain.
type candidates struct {
	gateway *Gateway
	named   string // the app that the base URL names; "": none

	guess  *call // the one that could be made
	others int   // how many more there are like it
	first  *call // whose platform says what is wrong
	err    error
	rank   int
}

// add takes in a call that one platform takes it for: it could be made, or err says why
// not.
func (c *candidates) add(x *call, err error) {
	switch {
	case err != nil:
	case c.guess == nil:
		c.guess = x
	default:
		// Whose user it is that the token belongs to nobody can tell, and it goes to no other
		// platform than its own (I8).
		c.others++
	}
	if err == nil {
		err = errNameless
	}
	if rank := c.rankOf(x); c.first == nil || rank > c.rank {
		c.first, c.err, c.rank = x, err, rank
	}
}

// best returns the call that it is, or the one whose platform says why it is none: of the
// app that the base URL names, else one that has apps here or the path, and of those where a
// credential was seen, else of the path.
func (c *candidates) best() (*call, error) {
	if c.guess != nil && c.others == 0 {
		return c.guess, nil
	}
	return c.first, c.err
}

func (c *candidates) rankOf(x *call) int {
	rank := 0
	owns := c.gateway.ownsPath(x)
	for i, counts := range []bool{
		owns, x.shown.AppID != "", !x.shown.Token.IsZero() || !x.shown.Key.IsZero(), owns || c.gateway.svc.HasApps(x.platform.Name), c.namedHere(x),
	} {
		if counts {
			rank |= 1 << i
		}
	}
	return rank
}

// namedHere reports whether the base URL names an app of the call's platform. One that
// nobody may call is not there for strangers.
func (c *candidates) namedHere(x *call) bool {
	if c.named == "" {
		return false
	}
	_, named := c.gateway.svc.CallableNamed(x.platform.Name, c.named)
	return named
}

// ownsPath reports whether a path is known to be the platform's.
func (g *Gateway) ownsPath(x *call) bool {
	r := x.route
	if r.Own || r.Sort != broker.CallApp || r.Kind != "" {
		return true
	}
	canonical := x.platform.Canonical
	if canonical == nil {
		canonical = func(path string) string { return path }
	}
	path := canonical(x.place.path)
	return slices.ContainsFunc(x.platform.TokenPaths, func(t broker.TokenPath) bool { return canonical(t.Path) == path })
}
