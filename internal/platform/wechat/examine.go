package wechat

import (
	"cmp"
	"context"
	"net/url"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// examiner is the platform's [broker.Examiner].
func examiner(c client) platform.Examiner {
	return platform.Examiner{
		Base:  func(app *broker.App) string { return cmp.Or(app.BaseURL, BaseURL) },
		Probe: c.probe,
		// It asks stable_token, without force, because that gives the token again that is
		// there. An app in classic mode is not touched by it: the two endpoints know nothing of
		// each other, and neither ends a token of the other [A]. In stable mode it is the call
		// that the next renewal makes. In the last five minutes of a token, when one is due in
		// any case, it may bring the new one early; the old one then lives to its own expiry all
		// the same [A*], so that no promise breaks, and the renewal gets that same new one. What
		// came is dropped: only a renewal stores tokens.
		Try: func(app *broker.App) func(context.Context, broker.Secret) error {
			return func(ctx context.Context, s broker.Secret) error {
				_, err := stableIssuer{c}.Issue(ctx, broker.IssueRequest{App: app, Secret: s})
				return err
			}
		},
		TryTells: true,
		Rejects:  rejects, Throttles: throttles, Blocks: aboutAddress,
		Address: callerIP,
	}
}

// probe asks for the platform's own addresses, which changes nothing.
func (c client) probe(ctx context.Context, app *broker.App, token broker.Secret) (platform.Answer, error) {
	query := url.Values{}
	if !token.IsZero() {
		query.Set(paramToken, token.Reveal())
	}
	a, err := c.ask(ctx, app, pathDomainIP, query, atCall, token)
	if err == nil && !a.List("ip_list") {
		return a, platform.Garbage("one without ip_list")
	}
	return a, err
}

// aboutAddress reports whether the platform refuses where a call comes from.
func aboutAddress(e *broker.Error) bool {
	switch e.Code {
	case codeNotListed, codeNotConfirmed, codeIPRefused, codeIPNotAllowed:
		return true
	default:
		return false
	}
}
