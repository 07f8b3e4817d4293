package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hufu-io/hufu/internal/broker"
)

// Keeper keeps the tokens of the apps that it is told of. It is the renew.Manager.
type Keeper interface {
	Complete(a *broker.App) (*broker.App, error)
	SetApp(ctx context.Context, a *broker.App) error
	RemoveApp(ctx context.Context, id string) error
	// HearOfApp and HearOfRemoval are the same for what another server did, which has
	// seen to what is stored.
	HearOfApp(ctx context.Context, a *broker.App) error
	HearOfRemoval(ctx context.Context, id string) error
	App(id string) *broker.App
	AppIDs() []string
	// Registrations have one in common for all apps that are one to their platform.
	Registrations(a *broker.App) []string
}

// Config is what a [Registry] is made of. Admit may be nil.
type Config struct {
	Apps    broker.DefinitionStore
	Clients broker.DefinitionStore
	Sealer  broker.Sealer
	Keeper  Keeper
	Logger  *slog.Logger
	// Admit says why an app must not be added through the API. Nil: every one may.
	Admit func(*broker.App) error
}

// Registry is safe for concurrent use. Look-ups wait for nothing.
type Registry struct {
	cfg     Config
	writes  sync.Mutex // one change at a time in this process
	clients atomic.Pointer[clientTable]

	othersMu sync.RWMutex
	others   map[string][]string // platform's app id → ids, where they differ

	ids       idList
	platforms atomic.Pointer[platformSet]

	news *news
	// hidden are the stored apps that are not used because another one is the same.
	hidden map[string]struct{} // guarded by writes
}

// clientTable is replaced as a whole with every change.
type clientTable struct {
	epoch  uint64 // of the table; it grows with every change
	byKey  map[broker.KeyHash]*broker.Client
	byName map[string]*broker.Client
}

// New returns a registry without apps and clients; [Registry.Load] fills it.
func New(cfg Config) *Registry {
	r := &Registry{cfg: cfg, others: map[string][]string{}, news: newNews(), hidden: map[string]struct{}{}}
	r.clients.Store(&clientTable{byKey: map[broker.KeyHash]*broker.Client{}, byName: map[string]*broker.Client{}})
	return r
}

func (r *Registry) register(ctx context.Context, a *broker.App) error {
	return r.registerWith(ctx, a, r.cfg.Keeper.SetApp)
}

func (r *Registry) registerWith(ctx context.Context, a *broker.App, set func(context.Context, *broker.App) error) error {
	old := r.App(a.ID)
	err := set(ctx, a)
	if err != nil {
		err = fmt.Errorf("register app %q: %w", a.ID, err)
		if r.App(a.ID) == old {
			return err
		}
		// It is registered; what went wrong is about its tokens.
	}
	r.ids.changed(a.ID)
	if old != nil && old.AppID != a.AppID {
		r.unindex(old)
	}
	if old != nil && !slices.Equal(r.cfg.Keeper.Registrations(old), r.cfg.Keeper.Registrations(r.App(a.ID))) {
		r.tryTwins()
	}
	if strings.ToLower(a.AppID) != a.ID {
		r.othersMu.Lock()
		if !slices.Contains(r.others[a.AppID], a.ID) {
			r.others[a.AppID] = append(slices.Clip(r.others[a.AppID]), a.ID)
		}
		r.othersMu.Unlock()
	}
	return err
}

// unindex forgets under which platform's name an app was known.
func (r *Registry) unindex(a *broker.App) {
	r.othersMu.Lock()
	defer r.othersMu.Unlock()
	left := slices.DeleteFunc(slices.Clone(r.others[a.AppID]), func(id string) bool { return id == a.ID })
	if len(left) == 0 {
		delete(r.others, a.AppID)
	} else {
		r.others[a.AppID] = left
	}
}

// App finds an app by id, or returns nil.
func (r *Registry) App(id string) *broker.App { return r.cfg.Keeper.App(id) }

// AppIDs lists the ids of all apps, sorted. The list is not to be changed.
func (r *Registry) AppIDs() []string { return r.ids.list(r.cfg.Keeper) }

// ByPlatformID appends to found the apps that a platform knows under the given name.
func (r *Registry) ByPlatformID(found []*broker.App, platform, appID string) []*broker.App {
	if a := r.App(strings.ToLower(appID)); a != nil && a.Platform == platform && a.AppID == appID {
		found = append(found, a)
	}
	r.othersMu.RLock()
	others := r.others[appID]
	r.othersMu.RUnlock()
	for _, id := range others {
		if a := r.App(id); a != nil && a.Platform == platform && a.AppID == appID {
			found = append(found, a)
		}
	}
	return found
}

// TwinError is [ErrTwice] with the app that is there, of which not everybody may know.
type TwinError struct{ App string }

func (e *TwinError) Error() string { return ErrTwice.Error() }

// Unwrap implements errors.Unwrap.
func (e *TwinError) Unwrap() error { return ErrTwice }

// Errors of changes.
var (
	ErrReadOnly = &broker.Error{
		Code: "read_only", Class: broker.Invalid, Message: "it is defined in the configuration file",
		Hint: "change the file and restart, or remove it there and add it through the API",
	}
	ErrExists        = &broker.Error{Code: "already_exists", Class: broker.Invalid, Message: "the name is taken"}
	ErrUnknownClient = &broker.Error{Code: "not_found", Class: broker.NotFound, Message: "no such client"}
	ErrTwice         = &broker.Error{
		Code: "conflict", Class: broker.Invalid, Message: "another app has the same platform, app_id, base_url, mode, params and oauth2, or the same refresh_token, or one of its secrets where the platform has one token for each",
		Hint: "the two would kill each other's tokens: use the one that is there, and give clients the right to it",
	}
	ErrChanged = &broker.Error{
		Code: "conflict", Class: broker.Invalid, Message: "somebody else changed it meanwhile", Hint: "read it again and repeat the change",
	}
)

// PutApp is [Registry.PutAppIf] without a condition.
func (r *Registry) PutApp(ctx context.Context, a *broker.App) (created bool, err error) {
	return r.PutAppIf(ctx, a, func(*broker.App) error { return nil }, nil)
}

// PutAppIf adds an app or replaces the one with its id, unless allow, which is shown the
// completed app while nothing else changes, returns an error. Where no secrets are given, or
// no refresh token, those of the app that it replaces are kept, if they go nowhere else.
//
// Once nothing speaks against it any more, around is given the app as it will be and what
// puts it: it may do first what has to be done before anybody knows of the app, and that may
// take its time, because nothing waits for it. So what puts the app looks at everything once
// more, and returns [ErrChanged] where the app is another one by then. Nil: it is put at once.
func (r *Registry) PutAppIf(ctx context.Context, a *broker.App, allow func(*broker.App) error, around func(next *broker.App, put func() error) error) (created bool, err error) {
	if around == nil {
		r.writes.Lock()
		defer r.writes.Unlock()
		next, old, err := r.successor(ctx, a, allow)
		if err != nil {
			return false, err
		}
		return r.put(ctx, next, old)
	}
	next, was, err := r.successorNow(ctx, a, allow)
	if err != nil {
		return false, err
	}
	err = around(next, func() error {
		r.writes.Lock()
		defer r.writes.Unlock()
		again, old, err := r.successor(ctx, a, allow)
		switch {
		case err != nil:
			return err
		case old != was && (old == nil || was == nil || old.Version != was.Version || old.Stamp != was.Stamp):
			return ErrChanged
		}
		created, err = r.put(ctx, again, old)
		return err
	})
	return created, err
}

func (r *Registry) successorNow(ctx context.Context, a *broker.App, allow func(*broker.App) error) (next, old *broker.App, err error) {
	r.writes.Lock()
	defer r.writes.Unlock()
	return r.successor(ctx, a, allow)
}

// successor returns the app as it will be, and the one that it replaces, nil where there is
// none; or says why it must not be put.
func (r *Registry) successor(ctx context.Context, a *broker.App, allow func(*broker.App) error) (next, old *broker.App, err error) {
	// Another server may have changed it a moment ago.
	if err := r.hearApp(ctx, a.ID); err != nil {
		return nil, nil, err
	}
	old = r.App(a.ID)
	if old != nil && old.Origin == broker.FromFile {
		return nil, nil, ErrReadOnly
	}
	if next, err = r.admitted(a, old, allow); err != nil {
		return nil, nil, err
	}
	next.Origin = broker.FromAPI
	if old != nil {
		next.Version = old.Version
	} else if next.Version, err = unusedVersion(ctx, r.cfg.Apps, next.ID); err != nil {
		return nil, nil, err
	}
	return next, old, nil
}

// put stores an app and makes it known.
func (r *Registry) put(ctx context.Context, next, old *broker.App) (created bool, err error) {
	stored, err := r.store(ctx, next)
	if err != nil {
		return false, err
	}
	return old == nil, r.register(ctx, stored)
}

// store stores an app, and returns it as it is stored.
func (r *Registry) store(ctx context.Context, a *broker.App) (*broker.App, error) {
	d, err := r.sealApp(a)
	if err != nil {
		return nil, err
	}
	next := *a
	next.Version, err = r.cfg.Apps.Put(ctx, d)
	next.Stamp = stampOf(d)
	switch {
	case errors.Is(err, broker.ErrConflict):
		return nil, ErrChanged
	case err != nil:
		return nil, fmt.Errorf("store app %q: %w", a.ID, err)
	}
	return &next, nil
}

// admitted returns a completed copy of the app that takes the place of old, which is nil
// where there is none, or says why it must not be registered.
func (r *Registry) admitted(a, old *broker.App, allow func(*broker.App) error) (*broker.App, error) {
	full, err := r.cfg.Keeper.Complete(a)
	if err != nil {
		return nil, err
	}
	next := *full
	keep(&next, old)
	if r.cfg.Admit != nil {
		if err := r.cfg.Admit(&next); err != nil {
			return nil, err
		}
	}
	if err := allow(&next); err != nil {
		return nil, err
	}
	if twins := r.twins(&next); len(twins) > 0 {
		return nil, &TwinError{App: twins[0].ID}
	}
	return &next, complete(&next)
}

// keep gives an app that comes without its secrets those of the one that it replaces.
func keep(next, old *broker.App) {
	if old == nil || !sameRegistration(old, next) {
		return
	}
	if len(next.Secrets) == 0 {
		next.Secrets = old.Secrets
	}
	if next.Refresh.IsZero() && next.WantsRefresh() {
		next.Refresh = old.Refresh
	}
}

// complete says what an app lacks without which it gets no tokens.
func complete(a *broker.App) error {
	switch {
	case len(a.Secrets) == 0:
		return &broker.Error{
			Code: "invalid", Class: broker.Invalid, Message: fmt.Sprintf("app %q has no secret", a.ID),
			Hint: "give the app's secret; it is kept only while platform, app_id, base_url and the provider of oauth2 stay the same",
		}
	case a.WantsRefresh() && a.Refresh.IsZero():
		return &broker.Error{
			Code: "invalid", Class: broker.Invalid, Message: fmt.Sprintf("app %q has no refresh token to begin with", a.ID),
			Hint: "give it as refresh_token; it is kept only while platform, app_id, base_url and the provider of oauth2 stay the same",
		}
	}
	return nil
}

// twins returns the other apps that are the same registration as the completed one. They
// would rotate each other's tokens (I1). It may be the same as several that are not the same
// as each other, with each by one of its secrets.
func (r *Registry) twins(full *broker.App) (twins []*broker.App) {
	var few [4]*broker.App
	same := r.cfg.Keeper.Registrations(full)
	for _, other := range r.ByPlatformID(few[:0], full.Platform, full.AppID) {
		if other.ID != full.ID && slices.ContainsFunc(r.cfg.Keeper.Registrations(other), func(name string) bool { return slices.Contains(same, name) }) {
			twins = append(twins, other)
		}
	}
	return twins
}

// unusedVersion is the version of a stored definition that could not be used, so that
// it can be written over, or 0 if there is none.
func unusedVersion(ctx context.Context, s broker.DefinitionStore, name string) (broker.Version, error) {
	d, err := s.Get(ctx, name)
	if errors.Is(err, broker.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the definition of %q: %w", name, err)
	}
	return d.Version, nil
}

// deleteUnused deletes a stored definition that could not be used; unknown is the error
// if there is none.
func deleteUnused(ctx context.Context, s broker.DefinitionStore, name string, unknown error) error {
	v, err := unusedVersion(ctx, s, name)
	if err != nil {
		return err
	}
	if v == 0 {
		return unknown
	}
	if err := s.Delete(ctx, name, v); err != nil {
		return fmt.Errorf("delete the definition of %q: %w", name, err)
	}
	return nil
}

// sameRegistration reports whether a secret of old may be sent where next points to.
func sameRegistration(old, next *broker.App) bool {
	return old.Platform == next.Platform && old.AppID == next.AppID && old.BaseURL == next.BaseURL && provider(old) == provider(next)
}

// provider is to whom an app of OAuth 2.0 shows its secret.
func provider(a *broker.App) (p struct{ tokenURL, issuer string }) {
	if a.OAuth2 != nil {
		p.tokenURL, p.issuer = a.OAuth2.TokenURL, a.OAuth2.Issuer
	}
	return p
}

// DeleteApp removes an app and its tokens.
func (r *Registry) DeleteApp(ctx context.Context, id string) error {
	r.writes.Lock()
	defer r.writes.Unlock()
	if err := r.hearApp(ctx, id); err != nil {
		return err
	}
	a := r.App(id)
	switch {
	case a == nil:
		return deleteUnused(ctx, r.cfg.Apps, id, broker.ErrUnknownApp)
	case a.Origin == broker.FromFile:
		return ErrReadOnly
	}
	err := r.cfg.Apps.Delete(ctx, id, a.Version)
	switch {
	case errors.Is(err, broker.ErrConflict):
		return ErrChanged
	case err != nil && !errors.Is(err, broker.ErrNotFound):
		return fmt.Errorf("delete app %q: %w", id, err)
	}
	r.unindex(a)
	err = r.cfg.Keeper.RemoveApp(ctx, id)
	r.ids.changed(id)
	r.tryTwins()
	return err
}
