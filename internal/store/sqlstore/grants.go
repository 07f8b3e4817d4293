package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/hufu-io/hufu/internal/broker"
)

// Grants implements [broker.Store].
func (s *Store) Grants() broker.GrantStore { return grants{s, s.queries.grants} }

type grants struct {
	s *Store
	q grantQueries
}

// keyOfGrant is a grant's key as its columns are given it: as bytes, because their order is
// that of the pages, and because a platform may call its users what it likes.
func keyOfGrant(k broker.Key) []any {
	return []any{[]byte(k.App), []byte(k.Subject), []byte(k.Kind)}
}

func (g grants) Get(ctx context.Context, k broker.Key) (broker.Grant, error) {
	found, err := g.read(ctx, g.q.get, keyOfGrant(k)...)
	if err == nil && len(found) == 0 {
		err = broker.ErrNotFound
	}
	if err != nil {
		return broker.Grant{}, fmt.Errorf("read a grant of app %q: %w", k.App, err)
	}
	return found[0], nil
}

func (g grants) Page(ctx context.Context, app string, after broker.Key, limit int) ([]broker.Grant, error) {
	user := []byte(after.Subject)
	found, err := g.read(ctx, g.q.page, []byte(app), user, user, []byte(after.Kind), max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("list grants of app %q: %w", app, err)
	}
	return found, nil
}

// read decodes all rows of a query.
func (g grants) read(ctx context.Context, query string, args ...any) ([]broker.Grant, error) {
	rows, err := g.s.query(ctx, query, args...)
	if err != nil {
		return nil, g.s.readFault(ctx, err)
	}
	defer func() { _ = rows.Close() }() // what went wrong, Err tells
	sc := g.s.grantScanners.Get().(*grantScanner)
	defer g.s.grantScanners.Put(sc)
	var found []broker.Grant
	for rows.Next() {
		x, err := sc.scan(rows.Scan)
		if err != nil {
			return nil, g.s.readFault(ctx, err)
		}
		found = append(found, x)
	}
	if err := rows.Err(); err != nil {
		return nil, g.s.readFault(ctx, err)
	}
	return found, nil
}

func (g grants) Put(ctx context.Context, x broker.Grant) (broker.Version, error) {
	x = x.Clone() // the write may outlast this call, if ctx ends
	err := g.s.write(ctx, func(ctx context.Context, r runner) error { return g.put(ctx, r, x) })
	if err != nil {
		return 0, fmt.Errorf("write a grant of app %q: %w", x.Key.App, err)
	}
	return x.Version + 1, nil
}

// put writes one grant at the version after x's.
func (g grants) put(ctx context.Context, r runner, x broker.Grant) error {
	var changed int64
	var err error
	old := int64(x.Version)
	x.Version++
	if old == 0 {
		changed, err = g.add(ctx, r, []broker.Grant{x})
	} else {
		args := g.s.grants.args(make([]any, 0, g.s.grants.count()+4), &x)
		changed, err = r.exec(ctx, g.q.update, append(append(args, keyOfGrant(x.Key)...), old)...)
	}
	if err == nil && changed == 0 {
		return refusal{broker.ErrConflict}
	}
	return err
}

// add writes grants that are not there yet, at the versions they have, in one statement, and
// returns how many it wrote.
func (g grants) add(ctx context.Context, r runner, some []broker.Grant) (added int64, err error) {
	args := g.s.once(len(some))
	for _, x := range some {
		if x.Key.App == "" || x.Key.Kind == "" || x.Key.Subject == "" {
			return 0, refusal{errors.New("the key names no app, no kind or no user")}
		}
		args = g.s.grants.args(append(args, keyOfGrant(x.Key)...), &x)
	}
	return g.s.insert(ctx, r, g.q.insert.of(len(some)), args...)
}

func (g grants) Delete(ctx context.Context, k broker.Key, v broker.Version) error {
	if err := g.s.write(ctx, deleteOp(g.q.delete, g.q.has, v, keyOfGrant(k)...)); err != nil {
		return fmt.Errorf("delete a grant of app %q: %w", k.App, err)
	}
	return nil
}

// All yields the grants as they were when it began, and holds up no writes.
func (g grants) All(ctx context.Context) iter.Seq2[broker.Grant, error] {
	return func(yield func(broker.Grant, error) bool) {
		// Not one of the pool: whoever reads may read again meanwhile.
		sc := newGrantScanner(g.s.grants)
		list(ctx, g.s, "all grants", g.q.all, sc.scan)(yield)
	}
}

func (g grants) importAll(ctx context.Context, batch []broker.Grant) error {
	return importTogether(ctx, g.s, "grants", batch, g.add)
}
