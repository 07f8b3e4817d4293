package grant

import (
	"context"
	"errors"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// lostTimeout is how long the store is asked to keep a refresh token that is not the one it
// has: the one it has is used up.
const lostTimeout = 5 * time.Minute

// ending is how a claim ends.
type ending struct {
	next     func(broker.Grant) broker.Grant // what becomes of the grant
	holds    secrets                         // what it holds from now on
	usedUp   string                          // the refresh token that holds.Refresh replaces; empty: it stays
	patience time.Duration                   // with a store that is away
}

// settle ends a claim: it writes what has become of the grant. Where somebody has written
// meanwhile without taking the claim away, such as to seal it anew, the same is done to
// that. ErrConflict: the grant is another one by now, or was deleted and stays so, or this was
// written and only the answer was lost.
func (k *Keeper) settle(ctx context.Context, g broker.Grant, e ending) (broker.Token, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.patience)
	defer cancel()
	claimed := g
	for {
		done := e.next(g)
		if done.Box = nil; e.holds != (secrets{}) {
			if err := k.seal(&done, e.holds); err != nil {
				return broker.Token{}, err
			}
		}
		err := k.putAgain(ctx, done)
		if err == nil {
			return tokenOf(done, e.holds), nil
		}
		if !errors.Is(err, broker.ErrConflict) {
			return broker.Token{}, err
		}
		now, err := k.stored(ctx, g.Key)
		switch {
		case err != nil:
			return broker.Token{}, err
		case !claims(now, claimed.Claim) && !k.supersedes(e, claimed, now):
			return broker.Token{}, broker.ErrConflict
		}
		g = now
	}
}

// claims reports whether a claim on the grant is that very one.
func claims(g broker.Grant, c broker.RenewalClaim) bool {
	return g.Claim.Holder == c.Holder && g.Claim.Until.Equal(c.Until)
}

// supersedes reports whether what is there is the grant as it was claimed, of which somebody
// else has taken over the claim that ran out while the store was away. He asks with a refresh token
// that is used up, and may have been told so: without ours the grant would be lost (I5).
func (k *Keeper) supersedes(e ending, claimed, now broker.Grant) bool {
	if e.usedUp == "" || now.Source != claimed.Source || !now.Authorized.Equal(claimed.Authorized) {
		return false
	}
	if !now.Ended.IsZero() {
		return true
	}
	s, err := k.open(now)
	return err == nil && s.Refresh == e.usedUp
}
