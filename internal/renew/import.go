package renew

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Imported is a token of an app that was issued elsewhere.
type Imported struct {
	Kind  broker.Kind
	Token broker.Secret
	// Left is how much longer it lives, as whoever brings it knows it.
	Left time.Duration
	// Replace says that it is the app's token from now on although another one lives here.
	Replace bool
}

// takeover is an imported token on its way into the store.
type takeover struct {
	Imported
	key     broker.Key
	src     broker.Source
	rot     broker.Rotation
	lease   broker.Lease
	record  broker.Record // as it is stored, and then as it is to be
	held    bool          // it is here already
	written bool
	// doubted is until when it may be dying although it works; zero: nothing says so.
	doubted time.Time
}

// Import takes over tokens of the app, which need not be registered yet, and then calls
// then, which may register it. Meanwhile no replica renews these tokens, so that whoever
// hears of the app finds them stored and issues none (I1). Either all of them can be taken
// over or nothing is changed, and then is not called.
//
// A token that lives here already under its key is not written again: new says, for each
// in turn, whether it was. Another one that lives here stays, unless it is to be replaced.
func (m *Manager) Import(ctx context.Context, a *broker.App, in []Imported, then func() error) (stored []bool, err error) {
	d, err := m.define(a)
	if err != nil {
		return nil, err
	}
	all := make([]*takeover, len(in))
	for i := range in {
		if all[i], err = m.takeover(d, in[i]); err != nil {
			return nil, err
		}
	}
	defer func() {
		for _, t := range all {
			// Where there is a doubt and nothing came of it, the lease runs out instead: that
			// tells the next one of the doubt again.
			if t.lease.Term != 0 && (t.doubted.IsZero() || t.written) {
				m.release(ctx, t.lease)
			}
		}
	}()
	// In one order, so that of two that bring the same tokens one gets all the leases.
	for _, t := range slices.SortedFunc(slices.Values(all), func(x, y *takeover) int { return cmp.Compare(x.Kind, y.Kind) }) {
		if err := m.reserve(ctx, d, t); err != nil {
			return nil, err
		}
	}
	for _, t := range all {
		if err := m.weigh(ctx, d, t); err != nil {
			return nil, err
		}
	}
	for _, t := range all {
		if t.held {
			continue
		}
		if t.record.Version, err = m.put(ctx, t.record); errors.Is(err, broker.ErrConflict) {
			return nil, errRenewedNow
		} else if err != nil {
			return nil, broker.StoreAway(err)
		}
		t.written = true
	}
	if err := then(); err != nil {
		return nil, err
	}
	stored = make([]bool, len(all))
	for i, t := range all {
		stored[i] = !t.held
		m.taken(ctx, t)
	}
	return stored, nil
}

// errRenewedNow is the error of an import that somebody is in the way of.
var errRenewedNow = &broker.Error{
	Code: "busy", Class: broker.Transient, RetryAfter: time.Second,
	Message: "the token is being renewed just now, so that none was taken over", Hint: "look at the app's tokens, and repeat the import if there is none",
}

func refuseImport(k broker.Kind, format string, args ...any) *broker.Error {
	return &broker.Error{Code: "invalid", Class: broker.Invalid, Message: fmt.Sprintf("%s: ", k) + fmt.Sprintf(format, args...)}
}

func inTheWay(k broker.Kind, what, hint string) *broker.Error {
	return &broker.Error{Code: "conflict", Class: broker.Invalid, Message: fmt.Sprintf("%s: %s", k, what), Hint: hint}
}

// takeover looks at what can be said of a token without the store.
func (m *Manager) takeover(d *definition, in Imported) (*takeover, error) {
	src, known := d.kinds[in.Kind]
	if !known {
		return nil, unknownKind(d)
	}
	t := &takeover{Imported: in, key: broker.Key{App: d.app.ID, Kind: in.Kind}}
	t.src, t.rot = d.source(in.Kind)
	if life := src.Rotation.Lifetime; life > 0 && in.Left > life+time.Minute {
		return nil, refuseImport(in.Kind, "the token is said to live for %v more, and the platform gives them for %v; look whether its expiry is in the right time zone", in.Left.Round(time.Second), life)
	}
	if k, ours := m.ByToken(in.Token); ours && k != t.key {
		return nil, refuseImport(in.Kind, "the token is that of another app or kind") // I8
	}
	return t, nil
}

// reserve takes the lease on a token's renewal and reads what is stored of it.
func (m *Manager) reserve(ctx context.Context, d *definition, t *takeover) error {
	before := m.cfg.Now()
	leaseCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	lease, err := m.cfg.Leaser.Acquire(leaseCtx, "renew/"+t.key.String(), m.cfg.Holder, t.rot.LeaseTTL())
	cancel()
	if errors.Is(err, broker.ErrLeaseHeld) {
		return errRenewedNow
	}
	if err != nil {
		return broker.StoreAway(err)
	}
	t.lease = lease
	m.clock.observe(lease.Acquired, before, m.cfg.Now())
	getCtx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	r, err := m.cfg.Store.Get(getCtx, t.key)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		r = broker.Record{Key: t.key, Source: d.app.Source()}
	case err != nil:
		return broker.StoreAway(err)
	}
	t.record = r.For(d.app)
	if x := m.apps.get(d.app.ID); x != nil && x.def.Load().app.Same(d.app) {
		if e := x.find(t.Kind, ""); e != nil && (m.isOffline(e) || e.state.Load().record > t.record.Version) {
			return errRenewedNow // the store does not have yet, or any more, what is known here
		}
	}
	t.doubted = doubtedUntil(t.record, lease, t.rot)
	return nil
}

// doubtedUntil is until when a token may be dying of an issue whose outcome is not known, of
// this record or of a server that died in the middle of it. What was issued then has replaced
// every token from before. Zero: there was none.
func doubtedUntil(r broker.Record, l broker.Lease, rot broker.Rotation) (until time.Time) {
	if rot.HarmlessTwice() {
		return until
	}
	if !r.Failure.UnknownAt.IsZero() {
		until = r.Failure.Last.Add(rot.Overlap)
	}
	if !l.Abandoned.IsZero() && (r.Current.Version == 0 || r.Current.Issued.Before(l.Abandoned)) {
		until = broker.Later(until, l.Abandoned.Add(rot.LeaseTTL()+rot.Overlap))
	}
	return until
}

// weigh decides about a token, under its lease, and plans the record.
func (m *Manager) weigh(ctx context.Context, d *definition, t *takeover) error {
	r, now := t.record, m.now()
	current, previous := m.opensAs(r, r.Current, t.Token), m.opensAs(r, r.Previous, t.Token)
	switch {
	case current && r.Usable(now):
		t.held = true
		return nil
	case current && r.Rejected == r.Current.Version:
		return refuseImport(t.Kind, "the platform has rejected this token")
	case previous:
		return inTheWay(t.Kind, "the token has been replaced here already", "nothing to do: use the one that is here")
	case r.Usable(now) && !t.Replace:
		return inTheWay(t.Kind, "the app has another token here, which lives", "let that one be used; or have it replaced, if the one that you bring is the newer one")
	}
	if err := m.tryOut(ctx, d, t, now); err != nil {
		return err
	}
	box, err := m.cfg.Sealer.Seal([]byte(t.Token.Reveal()), []byte(t.key.String()))
	if err != nil {
		return fmt.Errorf("seal an imported token: %w", err)
	}
	t.record = broker.PlanImported(r, broker.Success{
		Box: box, Started: m.now(), Lifetime: broker.ImportedLifetime(t.Left, t.rot), Rnd: m.cfg.Rand(),
	}, t.rot, d.app.Renew())
	return nil
}

// opensAs reports whether a sealed token of a record has this value.
func (m *Manager) opensAs(r broker.Record, t broker.SealedToken, tok broker.Secret) bool {
	if t.Version == 0 || len(t.Box) == 0 {
		return false
	}
	plain, err := m.cfg.Sealer.Open(t.Box, []byte(r.Key.String()))
	return err == nil && broker.NewSecret(string(plain)).Equal(tok)
}

// tryOut refuses a token that the platform rejects. Where the platform cannot be asked,
// whoever brings the token is believed, unless it may have been replaced by an issue whose
// outcome is not known: then it has to work when a replaced one would be dead (I2).
func (m *Manager) tryOut(ctx context.Context, d *definition, t *takeover, now time.Time) error {
	if wait := t.doubted.Sub(now); !t.doubted.IsZero() && wait > 0 {
		e := *errRenewedNow
		e.Message = fmt.Sprintf("%s: a renewal whose outcome is not known may just have replaced the token", t.Kind)
		e.Hint, e.RetryAfter = "repeat the import when it would be dead if it had been replaced, or have the token renewed here", max(wait, t.rot.LeaseTTL())
		return &e
	}
	verdict := broker.VerdictUnknown
	if checker, ok := t.src.Issuer.(broker.Checker); ok {
		ctx, cancel := context.WithTimeout(ctx, min(t.rot.IssueTimeout(), checkTimeout))
		defer cancel()
		var err error
		if verdict, err = checker.Check(ctx, d.app, t.Token); err != nil {
			m.log.WarnContext(ctx, "an imported token could not be checked", "app", t.key.App, "kind", t.Kind, "error", err)
		}
	}
	switch {
	case verdict == broker.VerdictRejected:
		e := refuseImport(t.Kind, "the platform rejects the token")
		e.Hint = "leave the token out, and a new one is fetched"
		return e
	case verdict != broker.VerdictOK && !t.doubted.IsZero():
		return refuseImport(t.Kind, "a renewal whose outcome is not known may have replaced the token, and the platform cannot be asked about it")
	}
	return nil
}

// taken makes what was stored current here. The others hear of it from the store.
func (m *Manager) taken(ctx context.Context, t *takeover) {
	if t.held {
		return
	}
	m.log.InfoContext(ctx, "a token that was issued elsewhere is used from now on", "app", t.key.App, "kind", t.Kind, "version", t.record.Current.Version, "due", t.record.Due)
	if e, err := m.entry(t.key); err == nil {
		m.adopt(e, t.record)
	}
}
