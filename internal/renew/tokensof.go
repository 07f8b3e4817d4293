package renew

import (
	"context"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// errMoved ends what was begun on an app that has been made another one meanwhile.
var errMoved = &broker.Error{
	Code: broker.ErrNoToken.Code, Class: broker.Transient, RetryAfter: time.Second,
	Message: "the app was changed or removed while the call waited for its token", Hint: "make the call again: it is then one on the app as it is now",
}

// TokensOf are the tokens of an app as it was when something was begun with it: a call that
// goes to its platform, or an issue that is made against another of its tokens. Once the app
// has become another registration, perhaps at another place, none are given any more: they are
// that one's, and would be sent to where the app was before (I8).
type TokensOf struct {
	m   *Manager
	app *broker.App
}

// Of returns the tokens of an app as it is known to the caller.
func (m *Manager) Of(a *broker.App) TokensOf { return TokensOf{m, a} }

// Moved returns an error where the app is not any more what it was. Asked after a token was got,
// it tells whether that may be another registration's; the methods below have asked it.
func (t TokensOf) Moved() error {
	if now := t.m.App(t.app.ID); now == nil || !now.Same(t.app) {
		return errMoved
	}
	return nil
}

// Peek is [Manager.Peek].
func (t TokensOf) Peek(kind broker.Kind) (broker.Token, bool) {
	tok, _, ok := t.m.Peek(t.app.ID, kind)
	if !ok || t.Moved() != nil {
		return broker.Token{}, false
	}
	return tok, true
}

// Token implements [broker.Tokens].
func (t TokensOf) Token(ctx context.Context, k broker.Key) (broker.Token, error) {
	return t.same(t.m.Token(ctx, k))
}

// Renew implements [broker.Tokens].
func (t TokensOf) Renew(ctx context.Context, k broker.Key, stale broker.Version) (broker.Token, error) {
	return t.same(t.m.Renew(ctx, k, stale))
}

// Report is [Manager.Report].
func (t TokensOf) Report(ctx context.Context, k broker.Key, stale broker.Version) (broker.Token, error) {
	return t.same(t.m.Report(ctx, k, stale))
}

func (t TokensOf) same(tok broker.Token, err error) (broker.Token, error) {
	if err == nil {
		err = t.Moved()
	}
	if err != nil {
		return broker.Token{}, err
	}
	return tok, nil
}
