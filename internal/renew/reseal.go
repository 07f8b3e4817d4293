package renew

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// Reseal seals every stored token with the keyset's newest key, while everything goes
// on. It returns how many records it wrote. A record that somebody else writes
// meanwhile is read again; whoever writes seals with the newest key as well. One that
// cannot be decoded is an error, because its box needs its old key still, but keeps no
// other one from being sealed.
func (m *Manager) Reseal(ctx context.Context) (int, error) {
	n := 0
	var passed error
	for r, err := range m.cfg.Store.All(ctx) {
		if errors.Is(err, broker.ErrUndecodable) {
			passed = cmp.Or(passed, err) // one says enough
			continue
		}
		if err != nil {
			return n, fmt.Errorf("read stored tokens: %w", err)
		}
		wrote, err := m.resealRecord(ctx, r)
		if err != nil {
			return n, err
		}
		if wrote {
			n++
		}
	}
	return n, passed
}

func (m *Manager) resealRecord(ctx context.Context, r broker.Record) (bool, error) {
	for {
		sealed, err := m.resealTokens(&r)
		if err != nil || !sealed {
			return false, err
		}
		v, err := m.put(ctx, r)
		if err == nil {
			r.Version = v
			if e, err := m.entry(r.Key); err == nil {
				m.adopt(e, r)
			}
			return true, nil
		}
		if !errors.Is(err, broker.ErrConflict) {
			return false, err
		}
		r, err = m.cfg.Store.Get(ctx, r.Key)
		if errors.Is(err, broker.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read record %q: %w", r.Key, err)
		}
	}
}

// resealTokens seals the record's boxes again. A box that cannot be opened stays as it
// is: it may be another keyset's, and nothing is lost by keeping it.
func (m *Manager) resealTokens(r *broker.Record) (bool, error) {
	sealed := false
	for _, t := range []*broker.SealedToken{&r.Current, &r.Previous} {
		if t.Version == 0 {
			continue
		}
		plain, err := m.cfg.Sealer.Open(t.Box, []byte(r.Key.String()))
		if err != nil {
			continue
		}
		box, err := m.cfg.Sealer.Seal(plain, []byte(r.Key.String()))
		if err != nil {
			return false, fmt.Errorf("seal the token of %q: %w", r.Key, err)
		}
		t.Box, sealed = box, true
	}
	if plain, err := m.cfg.Sealer.Open(r.Refresh, r.Key.RefreshData()); len(r.Refresh) > 0 && err == nil {
		if r.Refresh, err = m.cfg.Sealer.Seal(plain, r.Key.RefreshData()); err != nil {
			return false, fmt.Errorf("seal the refresh token of %q: %w", r.Key, err)
		}
		sealed = true
	}
	return sealed, nil
}
