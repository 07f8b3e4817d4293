package memstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Grants implements [broker.Store].
func (s *Store) Grants() broker.GrantStore { return grants{s} }

type grants struct{ s *Store }

func (g grants) Get(ctx context.Context, k broker.Key) (broker.Grant, error) {
	if err := g.s.enter(ctx, "read a grant of app", k.App); err != nil {
		return broker.Grant{}, err
	}
	g.s.data.mu.Lock()
	defer g.s.data.mu.Unlock()
	x, ok := g.s.data.grants[k]
	if !ok {
		return broker.Grant{}, fmt.Errorf("read a grant of app %q: %w", k.App, broker.ErrNotFound)
	}
	return x.Clone(), nil
}

func (g grants) Put(ctx context.Context, x broker.Grant) (broker.Version, error) {
	if err := g.s.enter(ctx, "write a grant of app", x.Key.App); err != nil {
		return 0, err
	}
	if x.Key.App == "" || x.Key.Kind == "" || x.Key.Subject == "" {
		return 0, fmt.Errorf("write a grant of app %q: the key names no app, no kind or no user", x.Key.App)
	}
	g.s.data.mu.Lock()
	defer g.s.data.mu.Unlock()
	if g.s.data.grants[x.Key].Version != x.Version {
		return 0, fmt.Errorf("write a grant of app %q: %w", x.Key.App, broker.ErrConflict)
	}
	x = normalGrant(x)
	x.Version++
	g.s.data.grants[x.Key] = x
	return x.Version, nil
}

func (g grants) Delete(ctx context.Context, k broker.Key, v broker.Version) error {
	if err := g.s.enter(ctx, "delete a grant of app", k.App); err != nil {
		return err
	}
	g.s.data.mu.Lock()
	defer g.s.data.mu.Unlock()
	x, ok := g.s.data.grants[k]
	switch {
	case !ok:
		return fmt.Errorf("delete a grant of app %q: %w", k.App, broker.ErrNotFound)
	case x.Version != v:
		return fmt.Errorf("delete a grant of app %q: %w", k.App, broker.ErrConflict)
	}
	delete(g.s.data.grants, k)
	return nil
}

func (g grants) Page(ctx context.Context, app string, after broker.Key, limit int) ([]broker.Grant, error) {
	if err := g.s.enter(ctx, "list grants of app", app); err != nil {
		return nil, err
	}
	g.s.data.mu.Lock()
	defer g.s.data.mu.Unlock()
	var page []broker.Grant
	for k, x := range g.s.data.grants {
		if k.App == app && byUser(k, after) > 0 {
			page = append(page, x)
		}
	}
	slices.SortFunc(page, func(a, b broker.Grant) int { return byUser(a.Key, b.Key) })
	page = page[:min(len(page), max(limit, 0))]
	for i := range page {
		page[i] = page[i].Clone()
	}
	return page, nil
}

func byUser(a, b broker.Key) int {
	return cmp.Or(strings.Compare(a.Subject, b.Subject), strings.Compare(string(a.Kind), string(b.Kind)))
}

func (g grants) All(ctx context.Context) iter.Seq2[broker.Grant, error] {
	return each(ctx, g.s, "all grants", func() (all []broker.Grant) {
		for _, x := range g.s.data.grants {
			all = append(all, x.Clone())
		}
		return all
	})
}

// normalGrant is a grant as a durable store would give it back.
func normalGrant(x broker.Grant) broker.Grant {
	x = x.Clone()
	f := &x.Failure
	for _, t := range []*time.Time{
		&x.Authorized, &x.Issued, &x.Expiry, &x.Deadline, &x.Ended, &x.Claim.Until,
		&f.First, &f.Last, &f.NotBefore, &f.UnknownAt,
	} {
		*t = utc(*t)
	}
	return x
}
