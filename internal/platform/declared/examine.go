package declared

import (
	"context"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// addressCodes are our names for refused addresses, in the tables of all platforms.
func addressCodes() []string {
	return []string{"ip_not_whitelisted", "ip_not_allowed", "address_blocked"}
}

// examiner is made of the checks of the modes. Nil: there is a mode without one.
func (d *described) examiner() broker.Examiner {
	if slices.ContainsFunc(d.modes, func(m *mode) bool { return m.checked() == nil }) {
		return nil
	}
	return platform.Examiner{
		Base: func(app *broker.App) string {
			m := d.modeOf(app)
			r := m.checked().check.request
			return d.base(m, d.surface(r.Path), r, app)
		},
		Probe:     d.probe,
		Try:       d.try,
		Rejects:   func(e *broker.Error) bool { c, _ := d.lookup(e.PlatformCode, AtCall); return c.Rejects },
		Throttles: throttles,
		Open:      !d.looksAtAddresses(),
		Blocks:    func(e *broker.Error) bool { return slices.Contains(addressCodes(), e.Code) },
		Address:   addressIn,
	}
}

// looksAtAddresses reports whether the table has a code for an address that is kept out.
func (d *described) looksAtAddresses() bool {
	for _, c := range d.codes {
		if slices.Contains(addressCodes(), c.Name) {
			return true
		}
	}
	return false
}

// modeOf is that of an app, and the default for one with a mode that there is not.
func (d *described) modeOf(app *broker.App) *mode {
	if m := d.mode(app.Mode); m != nil {
		return m
	}
	return d.modes[0]
}

// checked is the issuer of the mode's tokens that can be checked; nil: there is none.
func (m *mode) checked() *checkedIssuer {
	if i, ok := m.kinds[broker.AccessToken].Issuer.(checkedIssuer); ok {
		return &i
	}
	return nil
}

// probe makes the check's call. What is only said to good tokens is a success.
func (d *described) probe(ctx context.Context, app *broker.App, tok broker.Secret) (platform.Answer, error) {
	i := d.modeOf(app).checked()
	a, said, err := i.ask(ctx, i.mode, i.check.request, valuesOf(app, broker.Secret{}), app, AtCall, nil, tok)
	switch {
	case err != nil && said.Lives && !tok.IsZero():
		return a, nil
	case err == nil && !i.answers(a):
		return a, platform.Garbage("one that is none of the platform's")
	}
	return a, err
}

// try has the platform look at a secret by getting a token with it, where that gives the
// one again that is there. In the window of one it may bring the next early; the old one
// lives to its own expiry all the same. What comes is dropped: only a renewal stores tokens.
func (d *described) try(app *broker.App) func(context.Context, broker.Secret) error {
	src := d.modeOf(app).kinds[broker.AccessToken]
	switch src.Rotation.Family {
	case broker.Late, broker.Fixed, broker.Sliding:
		return func(ctx context.Context, s broker.Secret) error {
			_, err := src.Issuer.Issue(ctx, broker.IssueRequest{App: app, Secret: s})
			return err //nolint:wrapcheck // it is the finding
		}
	case broker.Eager, broker.Independent:
	}
	return nil
}
