package platform

import (
	"context"
	"errors"

	"github.com/hufu-io/hufu/internal/broker"
)

// Derive makes the call for a token that is issued against another one of the app, such as
// a ticket. ask makes it with that other token, which is of the kind from, and says whether
// the platform rejected it: then it is renewed by its version, so that any number of tickets
// cause one renewal, and the call is made once more.
func Derive(ctx context.Context, req broker.IssueRequest, from broker.Kind, ask func(context.Context, broker.Secret) (a Answer, rejected bool, err error)) (Answer, error) {
	if req.Tokens == nil {
		return Answer{}, &broker.Error{
			Code: broker.ErrNoToken.Code, Class: broker.Misconfigured,
			Message: "a ticket is issued against another token, and there is no source of them",
		}
	}
	key := broker.Key{App: req.App.ID, Kind: from, Subject: req.Key.Subject}
	tok, err := req.Tokens.Token(ctx, key)
	if err != nil {
		return Answer{}, withoutToken(err)
	}
	a, rejected, err := ask(ctx, tok.Secret)
	if err != nil && rejected {
		if tok, err = req.Tokens.Renew(ctx, key, tok.Version); err != nil {
			return Answer{}, withoutToken(err)
		}
		a, _, err = ask(ctx, tok.Secret)
	}
	return a, err
}

// withoutToken is why there is no token to ask for a ticket with. What is not known
// of the token's issue says nothing about the ticket.
func withoutToken(err error) error {
	if e, ok := errors.AsType[*broker.Error](err); ok {
		return Settled(e)
	}
	return &broker.Error{
		Code: broker.ErrNoToken.Code, Class: broker.Transient, Err: err,
		Message: "no token to ask for the ticket with",
	}
}
