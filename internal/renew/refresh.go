package renew

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Where a refresh token brings the tokens it counts as used up from when it was sent, and
// the answer has the next one, once. So nobody sends one without the lease and the store,
// nobody sees a token before the refresh token that came with it is stored, and a server
// that cannot store it goes on trying for as long as it runs (I5).

const (
	// abandonedPause is how long a refresh token is let alone after the lease of an issue ran
	// out: its server may have the next one and be cut off from the store.
	abandonedPause = time.Minute
	// lastTries is how long the store is tried after the server was told to stop.
	lastTries = 10 * time.Second
)

// codeAbandoned is what an issue of which nobody knows what came has failed with.
const codeAbandoned = "issue_abandoned"

// errMourned ends an attempt that has only put a lease in order.
var errMourned = errors.New("the lease before this one had run out")

// knownAfter reports whether what came of the issue under a lease is in the record for
// certain. The issue before it can look like it, if it was as short ago as clocks may
// differ; to mourn one too many costs nothing but a pause.
func knownAfter(r broker.Record, acquired time.Time) bool {
	certain := acquired.Add(time.Second)
	return r.Current.Issued.After(certain) || r.Failure.Last.After(certain)
}

// mourns reports whether a refresh token is still to be let alone, whatever the want.
func mourns(r broker.Record, rot broker.Rotation, now time.Time) bool {
	return rot.UsesRefresh && r.Failure.Code == codeAbandoned && now.Before(r.Failure.NotBefore)
}

var errUnsaved = &broker.Error{
	Code: errStoreLost.Code, Class: broker.Transient, RetryAfter: time.Second,
	Message: "the store has not taken the refresh token yet that came last, so that the token with it waits",
	Hint:    "bring the store back, and do not stop this server before: it alone has the refresh token",
}

// refreshToken is the one that an issue has to use. One that cannot be opened is not
// replaced by that of the configuration, from which it descends.
func (m *Manager) refreshToken(r *broker.Record, a *broker.App) (broker.Secret, *broker.Error) {
	s := a.Refresh
	if r.Chained(a) {
		plain, err := m.cfg.Sealer.Open(r.Refresh, r.Key.RefreshData())
		if err != nil {
			return s, &broker.Error{
				Code: "refresh_token_sealed", Class: broker.Misconfigured, Err: err,
				Message: "the stored refresh token cannot be opened with this keyset",
				Hint:    "use the keyset file that it was sealed with, or authorize the app again and set a new refresh_token",
			}
		}
		s = broker.NewSecret(string(plain))
	}
	if s.IsZero() {
		return s, &broker.Error{
			Code: "refresh_token_missing", Class: broker.Misconfigured, Message: "the app has no refresh token to begin with",
			Hint: "authorize the app at the provider, and set what you get as the app's refresh_token",
		}
	}
	// What the answer brings is to be sealed too. That it cannot be is found out before.
	if _, err := m.cfg.Sealer.Seal([]byte(s.Reveal()), r.Key.RefreshData()); err != nil {
		return s, errUnsealed(err)
	}
	return s, nil
}

func errUnsealed(err error) *broker.Error {
	return &broker.Error{
		Code: "seal_failed", Class: broker.Misconfigured, Err: err,
		Message: "the refresh token could not be sealed", Hint: "check the keyset file and restart",
	}
}

// link is the refresh token of the next issue, sealed, and which configured one it
// descends from. The zero link: it is the one that was used.
type link struct {
	box  []byte
	seed string
}

// link seals the refresh token that an answer has. That comes with errors too.
func (m *Manager) link(r *broker.Record, a *broker.App, got answer) (link, *broker.Error) {
	if got.used.IsZero() || got.issued.Refresh.IsZero() {
		return link{}, nil
	}
	box, err := m.cfg.Sealer.Seal([]byte(got.issued.Refresh.Reveal()), r.Key.RefreshData())
	if err != nil {
		e := errUnsealed(err)
		e.Unknown = true
		return link{}, e
	}
	return link{box, r.SeedWith(a.Refresh)}, nil
}

// succeeds reports whether ours has the refresh token that comes after the stored one,
// where over is the one that ours was made of.
func succeeds(stored, ours broker.Record, over []byte) bool {
	if bytes.Equal(ours.Refresh, over) {
		return false
	}
	if stored.Source != ours.Source && stored.Seed != ours.Seed && len(stored.Refresh) > 0 {
		return false // it is another registration's, which has begun anew
	}
	// Another server has used the one that is over, later, and was given one for it.
	return !stored.Current.Issued.After(broker.Later(ours.Current.Issued, ours.Failure.Last))
}

// unsavedRecord is what an issue has left, and the store has not taken.
type unsavedRecord struct {
	next  broker.Record
	over  []byte // the refresh token that was used, as it was stored
	lease broker.Lease
	ev    Event
}

func (m *Manager) isInsisting(e *entry) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.insisting
}

// insist has the store take what an issue has left, however long that takes. The lease is
// kept as far as the store allows. It is called in a flight, and Close waits for it too.
func (m *Manager) insist(ctx context.Context, e *entry, u unsavedRecord) {
	e.mu.Lock()
	e.insisting = true
	e.mu.Unlock()
	k := e.key()
	m.log.ErrorContext(ctx, "a new refresh token could not be stored, and the one that is stored may be used up; it is tried again for as long as this server runs", "app", k.App, "kind", k.Kind)
	ctx = context.WithoutCancel(ctx)
	m.flights.Go(func() {
		saved := m.saveAtLast(ctx, e, u)
		e.mu.Lock()
		e.insisting = false
		e.mu.Unlock()
		if !saved {
			return // and the lease runs out, so that others know
		}
		m.release(ctx, u.lease)
		m.report(ctx, u.ev)
		m.arm(e, m.now())
	})
}

func (m *Manager) saveAtLast(ctx context.Context, e *entry, u unsavedRecord) bool {
	_, rot := e.app.def.Load().source(e.kind)
	pause := 50 * time.Millisecond
	var end time.Time
	for {
		_ = sleep(ctx, pause) // it has no end
		if m.extend(ctx, u.lease, rot.LeaseTTL()) {
			if m.saveOver(ctx, e, u.next, u.over) == nil {
				return true
			}
		}
		select {
		case <-m.sched.quit:
			now := m.cfg.Now()
			if end.IsZero() {
				end = now.Add(lastTries)
			}
			if now.After(end) {
				return false
			}
		default:
		}
		pause = min(2*pause, time.Second)
	}
}

// extend keeps a lease, if it is there yet. It reports whether the store has answered.
func (m *Manager) extend(ctx context.Context, l broker.Lease, ttl time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := m.cfg.Leaser.Extend(ctx, l, ttl)
	return err == nil || errors.Is(err, broker.ErrLeaseLost)
}
