package access

import (
	"context"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/renew"
)

// ImportToken takes over a token of an app that was issued elsewhere, whoever defines the
// app. It reports whether the token was stored; else it was here already.
func (s *Service) ImportToken(ctx context.Context, c broker.Caller, app string, t renew.Imported) (stored bool, err error) {
	if err := s.may(c, broker.Admin, app); err != nil {
		return false, err
	}
	var all []bool
	if a := s.registry.App(app); a == nil {
		err = broker.ErrUnknownApp
	} else {
		all, err = s.takeOver(ctx, a, []renew.Imported{t}, func() error { return nil })
	}
	if err == nil && !all[0] {
		return false, nil
	}
	e := entryOf(c, importAction, app, err)
	e.Kind = t.Kind
	return err == nil, s.changed(ctx, e, err)
}

// importAction is what the audit calls the import of an app's token.
const importAction = "import_token"

// takeOver has tokens of an app stored, unless they are known to be something else (I8): a
// token that is imported is shown to the platform, to see whether it lives.
func (s *Service) takeOver(ctx context.Context, a *broker.App, tokens []renew.Imported, then func() error) ([]bool, error) {
	for _, t := range tokens {
		if _, virtual := s.virtual.Read(t.Token); virtual || s.userTokens.Has(t.Token) {
			return nil, invalid("the token is a virtual one or a user's, and not one that the platform gave the app", "bring the app's own token")
		}
		if s.IsKey(t.Token.Reveal()) || slices.ContainsFunc(a.Secrets, t.Token.Equal) {
			return nil, invalid("a client key or the app secret stands in the place of the token", "bring the app's own token")
		}
	}
	return s.tokens.Import(ctx, a, tokens, then)
}

// importEntries are the audit's, of the tokens that were stored.
func importEntries(c broker.Caller, app string, tokens []renew.Imported, stored []bool) []broker.AuditEntry {
	var entries []broker.AuditEntry
	for i, is := range stored {
		if is {
			e := entryOf(c, importAction, app, nil)
			e.Kind = tokens[i].Kind
			entries = append(entries, e)
		}
	}
	return entries
}
