package renew

import (
	"context"

	"github.com/hufu-io/hufu/internal/broker"
)

// tokensOf are the tokens of an app as it was when an issue began that is made against another
// of its tokens. Once the app has become another registration they are not given any more: they
// would be sent to where the app was before (I8).
type tokensOf struct {
	m   *Manager
	app *broker.App
}

// Token implements [broker.Tokens].
func (t tokensOf) Token(ctx context.Context, k broker.Key) (broker.Token, error) {
	return t.same(t.m.Token(ctx, k))
}

// Renew implements [broker.Tokens].
func (t tokensOf) Renew(ctx context.Context, k broker.Key, stale broker.Version) (broker.Token, error) {
	return t.same(t.m.Renew(ctx, k, stale))
}

func (t tokensOf) same(tok broker.Token, err error) (broker.Token, error) {
	if err != nil {
		return tok, err
	}
	if now := t.m.App(tok.Key.App); now == nil || now != t.app && now.Source() != t.app.Source() {
		return broker.Token{}, errRedefined
	}
	return tok, nil
}
