package grant

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// secrets are what a grant's box holds. Its fields are kept short, because there are many.
type secrets struct {
	Access  string `json:"a,omitempty"`
	Refresh string `json:"r,omitempty"`
	Session string `json:"s,omitempty"`
	// Union is the user's union id as the platform has said it. That of the grant may be an
	// importer's word, which is not to tell who logs in.
	Union string `json:"u,omitempty"`
}

// bound is the associated data of a grant's box. Whoever can write the store could otherwise have it
// taken for another user's, for another registration's (I8), or have a user who logs in be another
// one for the apps of her company.
func bound(g *broker.Grant) []byte {
	return fmt.Appendf(nil, "grant/%q/%q/%q", g.Key, g.Source, g.UnionID)
}

// seal puts secrets into a grant's box, which from then on belongs to what bound names.
func (k *Keeper) seal(g *broker.Grant, s secrets) error {
	plain, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("seal the grant of an app %q: its tokens have no form", g.Key.App)
	}
	if g.Box, err = k.cfg.Sealer.Seal(plain, bound(g)); err != nil {
		return fmt.Errorf("seal the grant of an app %q: %w", g.Key.App, err)
	}
	return nil
}

// open takes them out again. A grant that has ended has none.
func (k *Keeper) open(g broker.Grant) (secrets, error) {
	var s secrets
	if len(g.Box) == 0 {
		return s, nil
	}
	plain, err := k.cfg.Sealer.Open(g.Box, bound(&g))
	if err == nil && json.Unmarshal(plain, &s) != nil {
		err = errors.New("it has another form")
	}
	if err != nil {
		k.metrics.unopened.Inc()
		k.log.Error("a stored grant cannot be opened with this keyset", "app", g.Key.App, "kind", g.Key.Kind, "error", err)
		sealed := *broker.ErrGrantSealed
		sealed.Err = fmt.Errorf("open a grant of app %q: %w", g.Key.App, err)
		return secrets{}, &sealed
	}
	return s, nil
}

// tokenOf makes what a caller gets of a grant.
func tokenOf(g broker.Grant, s secrets) broker.Token {
	return broker.Token{
		Key: g.Key, Secret: broker.NewSecret(s.Access), Version: g.Token, Issued: g.Issued, Expiry: g.Expiry, Until: g.Expiry,
	}
}
