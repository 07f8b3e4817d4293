package grant

import (
	"context"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
)

// Report takes a caller's word that a token was rejected, of which either the version or the
// value says which. A newer one that is here already is returned; else it is checked at the platform,
// and renewed if it is dead.
func (k *Keeper) Report(ctx context.Context, app *broker.App, user string, kind broker.Kind, stale broker.Version, seen broker.Secret) (broker.Token, error) {
	found, err := k.candidates(ctx, app, user, kind)
	if err != nil {
		return broker.Token{}, err
	}
	reported := slices.IndexFunc(found, func(g broker.Grant) bool {
		if !g.UserTokenLive(k.cfg.Now()) {
			return false
		}
		if seen.IsZero() {
			return g.Token == stale
		}
		s, err := k.open(g)
		return err == nil && broker.NewSecret(s.Access).Equal(seen)
	})
	if reported < 0 {
		// One that was replaced or has ended, or none of this user's: what is here is the answer.
		return k.token(ctx, app, user, kind, broker.UserWant{})
	}
	g := found[reported]
	return k.join(ctx, app, g.Key, want{UserWant: broker.UserWant{Stale: g.Token}, check: true})
}

// check asks the platform whether the grant's token lives. It returns true unless the
// platform says that it does not: what it does not say costs no refresh.
func (k *Keeper) check(ctx context.Context, app *broker.App, g broker.Grant) (bool, error) {
	web, err := k.web(app)
	if err != nil {
		return false, err
	}
	t, err := k.serve(g)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	verdict, err := web.CheckUser(ctx, app, g.Key.Subject, t.Secret)
	if err != nil {
		k.log.WarnContext(ctx, "a user's token that was reported could not be checked", "app", app.ID, "kind", g.Key.Kind, "error", err)
	}
	if verdict == broker.VerdictRejected {
		return false, nil
	}
	k.doubts.vouch(g, false, k.cfg.Now())
	return true, nil
}
