package grant

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
)

// Config is what a [Keeper] is made of. Store, Sealer, Platforms and Holder are required.
type Config struct {
	Store     broker.GrantStore
	Sealer    broker.Sealer
	Platforms []broker.Platform
	// Holder names this process among those that share the store.
	Holder string
	// Now is the store's clock. Nil: [time.Now].
	Now func() time.Time
	// Rand draws from [0,1) for jitter. Nil: that of math/rand/v2.
	Rand       func() float64
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Keeper is safe for concurrent use.
type Keeper struct{ cfg Config }

// New returns a keeper.
func New(cfg Config) (*Keeper, error) { return &Keeper{cfg: cfg}, nil }

var errNotYet = errors.New("not yet")

// Exchange has the code of a login turned into tokens, and keeps them. The code is used up
// whatever comes of it, unless the error says that the platform refused the app's secret.
func (k *Keeper) Exchange(ctx context.Context, app *broker.App, code broker.Secret) (broker.User, error) {
	return broker.User{}, errNotYet
}

// Login has the code of a mini program's login turned into a session, and keeps its key.
func (k *Keeper) Login(ctx context.Context, app *broker.App, jsCode broker.Secret) (broker.User, broker.Secret, error) {
	return broker.User{}, broker.Secret{}, errNotYet
}

// SessionKey returns the key of the user's latest session.
func (k *Keeper) SessionKey(ctx context.Context, app *broker.App, user string) (broker.Secret, error) {
	return broker.Secret{}, errNotYet
}

// Token returns the user's token of a kind, renewed if it does not last for minTTL; the empty kind is the widest that
// the user has granted.
func (k *Keeper) Token(ctx context.Context, app *broker.App, user string, kind broker.Kind, minTTL time.Duration) (broker.Token, error) {
	return broker.Token{}, errNotYet
}

// Report takes a caller's word that a token was rejected: it is checked at the platform, and renewed if it is dead.
// Exactly one of stale and seen says which token.
func (k *Keeper) Report(ctx context.Context, app *broker.App, user string, kind broker.Kind, stale broker.Version, seen broker.Secret) (broker.Token, error) {
	return broker.Token{}, errNotYet
}

// Profile returns what the user shows of herself, by her own token, and the kind of that token.
func (k *Keeper) Profile(ctx context.Context, app *broker.App, user, language string) (broker.Profile, broker.Kind, error) {
	return broker.Profile{}, "", errNotYet
}

// Of returns what is kept of one user. None: [broker.ErrNoGrant].
func (k *Keeper) Of(ctx context.Context, app *broker.App, user string) ([]broker.GrantState, error) {
	return nil, errNotYet
}

// List returns a page of an app's grants, in the order of users, after the given one.
func (k *Keeper) List(ctx context.Context, app *broker.App, after broker.Key, limit int) ([]broker.GrantState, error) {
	return nil, errNotYet
}

// Forget deletes all that is kept of a user, and returns how many grants that were.
func (k *Keeper) Forget(ctx context.Context, app *broker.App, user string) (int, error) {
	return 0, errNotYet
}

// Import takes over a grant that was made elsewhere. One that is here and is not older stays, and is [broker.ErrConflict].
func (k *Keeper) Import(ctx context.Context, app *broker.App, in Imported) (broker.GrantState, error) {
	return broker.GrantState{}, errNotYet
}

// Imported is a grant that was made elsewhere.
type Imported struct {
	OpenID, UnionID, Scope string
	Access                 broker.Secret // zero: it is renewed when it is asked for
	Expiry                 time.Time     // of Access
	Refresh                broker.Secret
	Deadline               time.Time // of Refresh; zero: not known
	Authorized             time.Time // zero: now
}

// Reseal seals all tokens with the keyset's newest key, and returns how many grants it wrote.
func (k *Keeper) Reseal(ctx context.Context) (int, error) { return 0, errNotYet }
