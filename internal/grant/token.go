package grant

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Token returns the user's token of a kind, or of a wider one where that is all there is. The
// empty kind stands for the widest that the user has granted. One that does not last for
// minTTL is renewed first, and handed out as it is if that cannot be done.
func (k *Keeper) Token(ctx context.Context, app *broker.App, user string, kind broker.Kind, minTTL time.Duration) (broker.Token, error) {
	return k.token(ctx, app, user, kind, broker.UserWant{MinTTL: minTTL})
}

func (k *Keeper) token(ctx context.Context, app *broker.App, user string, kind broker.Kind, w broker.UserWant) (broker.Token, error) {
	found, err := k.candidates(ctx, app, user, kind)
	if err != nil {
		return broker.Token{}, err
	}
	var refused error
	for _, g := range found {
		d := g.Decide(w, k.cfg.Now())
		switch d.Step {
		case broker.ServeGrant:
			s, err := k.open(g)
			if err == nil {
				return tokenOf(g, s), nil
			}
			refused = first(refused, err)
		case broker.RefuseGrant:
			refused = first(refused, d.Err)
		case broker.RefreshGrant, broker.AwaitGrant:
			t, err := k.join(ctx, app, g.Key, want{UserWant: w})
			if err == nil || !ends(err) {
				return t, err
			}
			refused = first(refused, err)
		}
	}
	return broker.Token{}, refused
}

// ends reports whether an error says that a grant is of no use, so that another one of the
// user's may be looked at.
func ends(err error) bool {
	code := broker.AsError(err).Code
	return code == broker.ErrGrantEnded.Code || code == broker.ErrNoGrant.Code
}

func first(was, err error) error {
	if was != nil {
		return was
	}
	return err
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
			e.Hint = "users' tokens are of the kinds " + join(kinds)
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
		e.Message = fmt.Sprintf("%s: it is %s, and %s is wanted", e.Message, join(granted), kind)
		return &e
	}
}

func join(kinds []broker.Kind) string {
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
