package declared

import (
	"context"

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

// Issue implements [broker.Issuer].
func (i ticketIssuer) Issue(ctx context.Context, req broker.IssueRequest) (broker.Issued, error) {
	a, err := platform.Derive(ctx, req, i.token.From, func(ctx context.Context, tok broker.Secret) (platform.Answer, bool, error) {
		a, said, err := i.ask(ctx, i.mode, i.token.request, valuesOf(req.App, broker.Secret{}), req.App, AtCall, nil, tok)
		return a, said.Rejects, err
	})
	if err != nil {
		return broker.Issued{}, err
	}
	return i.token.issued(a)
}
