package declared

import (
	"context"
	"errors"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// ticketIssuer issues tokens of one kind against those of another.
//
// It is no [broker.Checker]: platforms have no call that takes a ticket.
type ticketIssuer struct {
	*described
	mode  *mode
	token *token
}

// Issue implements [broker.Issuer]. If the platform rejects the token that opens the call,
// that one is renewed by its version, so that any number of tickets cause one renewal, and
// the call is made once more.
func (i ticketIssuer) Issue(ctx context.Context, req broker.IssueRequest) (broker.Issued, error) {
	if req.Tokens == nil {
		return broker.Issued{}, &broker.Error{
			Code: broker.ErrNoToken.Code, Class: broker.Misconfigured,
			Message: "a ticket is issued against another token, and there is no source of them",
		}
	}
	key := broker.Key{App: req.App.ID, Kind: i.token.From, Subject: req.Key.Subject}
	tok, err := req.Tokens.Token(ctx, key)
	if err != nil {
		return broker.Issued{}, withoutToken(err)
	}
	a, said, err := i.fetch(ctx, req.App, tok.Secret)
	if err != nil && said.Rejects {
		if tok, err = req.Tokens.Renew(ctx, key, tok.Version); err != nil {
			return broker.Issued{}, withoutToken(err)
		}
		a, _, err = i.fetch(ctx, req.App, tok.Secret)
	}
	if err != nil {
		return broker.Issued{}, err
	}
	return i.token.issued(a)
}

func (i ticketIssuer) fetch(ctx context.Context, app *broker.App, tok broker.Secret) (platform.Answer, Code, error) {
	return i.ask(ctx, i.mode, i.token.request, valuesOf(app, broker.Secret{}), app, AtCall, nil, tok)
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
		Message: "no token to ask for the ticket with",
	}
}
