package wechat

import (
	"context"
	"errors"
	"net/url"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// ticketIssuer issues tickets of one type against the app's access token.
//
// It is no [broker.Checker]: no call of the platform takes a ticket.
type ticketIssuer struct {
	client client
	typ    string // jsapi | wx_card
}

// Issue implements [broker.Issuer].
func (i ticketIssuer) Issue(ctx context.Context, req broker.IssueRequest) (broker.Issued, error) {
	a, err := platform.Derive(ctx, req, broker.AccessToken, func(ctx context.Context, token broker.Secret) (platform.Answer, bool, error) {
		a, err := i.client.get(ctx, req.App, pathTicket, url.Values{"type": {i.typ}}, token)
		e, ok := errors.AsType[*broker.Error](err)
		return a, ok && rejects(e), err
	})
	if err != nil {
		return broker.Issued{}, err
	}
	return issued(a, "ticket")
}
