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

// Issue implements [broker.Issuer]. If the platform rejects the access token, it is
// renewed by its version, so that any number of tickets cause one renewal, and the
// call is made once more.
func (i ticketIssuer) Issue(ctx context.Context, req broker.IssueRequest) (broker.Issued, error) {
	if req.Tokens == nil {
		return broker.Issued{}, &broker.Error{
			Code: broker.ErrNoToken.Code, Class: broker.Misconfigured,
			Message: "a ticket is issued against an access token, and there is no source of them",
		}
	}
	key := broker.Key{App: req.App.ID, Kind: broker.AccessToken, Subject: req.Key.Subject}
	token, err := req.Tokens.Token(ctx, key)
	if err != nil {
		return broker.Issued{}, withoutToken(err)
	}
	a, err := i.fetch(ctx, req.App, token.Secret)
	if e, ok := errors.AsType[*broker.Error](err); ok && rejects(e) {
		if token, err = req.Tokens.Renew(ctx, key, token.Version); err != nil {
			return broker.Issued{}, withoutToken(err)
		}
		a, err = i.fetch(ctx, req.App, token.Secret)
	}
	if err != nil {
		return broker.Issued{}, err
	}
	return issued(a, "ticket")
}

func (i ticketIssuer) fetch(ctx context.Context, app *broker.App, token broker.Secret) (platform.Answer, error) {
	return i.client.get(ctx, app, pathTicket, url.Values{"type": {i.typ}}, token)
}

// withoutToken is why there is no token to ask for a ticket with. What is not known
// of the token's issue says nothing about the ticket.
func withoutToken(err error) error {
	if e, ok := errors.AsType[*broker.Error](err); ok {
		known := *e
		known.Unknown = false
		return &known
	}
	return &broker.Error{
		Code: broker.ErrNoToken.Code, Class: broker.Transient, Err: err,
		Message: "no access token to ask for the ticket with",
	}
}
