package grant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Token returns the user's token of a kind, or of a wider one where that lives and the other
// does not. The empty kind stands for the widest that the user has granted. One that does not
// last for minTTL is renewed first, and handed out as it is if that cannot be done.
func (k *Keeper) Token(ctx context.Context, app *broker.App, user string, kind broker.Kind, minTTL time.Duration) (broker.Token, error) {
	return k.token(ctx, app, user, kind, broker.UserWant{MinTTL: minTTL})
}

func (k *Keeper) token(ctx context.Context, app *broker.App, user string, kind broker.Kind, w broker.UserWant) (broker.Token, error) {
	found, err := k.candidates(ctx, app, user, kind)
	if err != nil {
		return broker.Token{}, err
	}
	if kind != "" && w.MinTTL == 0 {
		// A wider token that lives will do, and is better than to wait for one (I3).
		slices.SortStableFunc(found, func(a, b broker.Grant) int {
			return cmp.Compare(waits(a.Decide(w, k.cfg.Now())), waits(b.Decide(w, k.cfg.Now())))
		})
	}
	var refused error
	down := false
	for _, g := range found {
		d := g.Decide(w, k.cfg.Now())
		switch d.Step {
		case broker.ServeGrant:
			s, err := k.open(g)
			if err == nil {
				return tokenOf(g, s), nil
			}
			refused = hopeful(refused, err)
		case broker.RefuseGrant:
			if kind == "" && !ends(d.Err) {
				return broker.Token{}, d.Err // what reaches less far is no answer to a fault that goes away
			}
			refused = hopeful(refused, d.Err)
		case broker.RefreshGrant, broker.AwaitGrant:
			if down {
				continue
			}
			t, err := k.join(ctx, app, g.Key, want{UserWant: w})
			if errors.Is(err, broker.ErrStoreAway) && g.UserTokenLive(k.cfg.Now()) && g.Token > w.Stale {
				t, err = k.serve(g) // a store that fails takes no live token away (I3)
			}
			if err == nil || kind == "" && !ends(err) {
				return t, err
			}
			down = !ends(err)
			refused = hopeful(refused, err)
		}
	}
	return broker.Token{}, refused
}

// waits is 0 for a decision that can be served at once, and else 1.
func waits(d broker.GrantDecision) int {
	if d.Step == broker.ServeGrant {
		return 0
	}
	return 1
}

// ends reports whether an error says that a grant is of no use, so that another one of the
// user's may be looked at.
func ends(err error) bool {
	return errors.Is(err, broker.ErrGrantEnded) || errors.Is(err, broker.ErrNoGrant) || errors.Is(err, broker.ErrGrantSealed)
}

// hopeful picks what a caller is told: that another try may help rather than that it does
// not, and else what is wrong with the first grant.
func hopeful(was, err error) error {
	if was == nil || ends(was) && !ends(err) {
		return err
	}
	return was
}

// candidates returns the user's grants that reach as far as a kind, those that are to be tried
// first before the others: the kind itself, and then wider ones. There is at least one.
func (k *Keeper) candidates(ctx context.Context, app *broker.App, user string, kind broker.Kind) ([]broker.Grant, error) {
	web, err := k.web(app)
	if err != nil {
		return nil, err
	}
	kinds := kindsOf(web)
	from := 0
	if kind != "" {
		if from = slices.Index(kinds, kind); from < 0 {
			e := *broker.ErrUnknownKind
			e.Hint = "users' tokens are of the kinds " + list(kinds)
			return nil, &e
		}
	}
	all, err := k.ofUser(ctx, app, user)
	if err != nil {
		return nil, err
	}
	order := kinds[from:]
	if kind == "" {
		order = slices.Clone(order)
		slices.Reverse(order)
	}
	var found []broker.Grant
	var granted []broker.Kind
	for _, want := range order {
		for _, g := range all {
			if g.Key.Kind == want {
				found = append(found, g)
			}
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	for _, g := range all {
		granted = append(granted, g.Key.Kind)
	}
	return nil, lacking(kind, granted)
}

// lacking says what is wrong where a user has granted nothing that reaches so far.
func lacking(kind broker.Kind, granted []broker.Kind) error {
	switch {
	case len(granted) == 0:
		return broker.ErrNoGrant
	case len(granted) == 1 && granted[0] == broker.SessionKey:
		e := *broker.ErrNoGrant
		e.Message = "the user has logged in by a mini program only, which gives a session and no token"
		e.Hint = "users' tokens come from a login in a browser: /oauth/APP/authorize"
		return &e
	default:
		e := *broker.ErrScopeLacking
		e.Message = fmt.Sprintf("%s: it is %s, and %s is wanted", e.Message, list(granted), kind)
		return &e
	}
}

func list(kinds []broker.Kind) string {
	names := make([]string, 0, len(kinds))
	for _, kind := range kinds {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// kindsOf lists the kinds of users' tokens, the narrowest first.
func kindsOf(web broker.WebAuthorization) []broker.Kind {
	var kinds []broker.Kind
	for _, scope := range web.Scopes() {
		if kind := web.KindOf(scope); kind != "" && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
