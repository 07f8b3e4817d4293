package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/nanos"
)

// OneTime implements [broker.Store].
func (s *Store) OneTime() broker.OneTimeStore { return oneTime{s, s.queries.oneTime} }

type oneTime struct {
	s *Store
	q oneTimeQueries
}

type oneTimeQueries struct{ insert, replace, look, take, sweep string }

func newOneTimeQueries(d *dialect) oneTimeQueries {
	now := d.clock()
	return oneTimeQueries{
		insert:  d.bind("INSERT INTO one_time (until, value, name) VALUES (" + now + " + ?, ?, ?)" + d.ignoreDuplicate("name")),
		replace: d.bind("UPDATE one_time SET until = " + now + " + ?, value = ? WHERE name = ? AND until <= " + now),
		look:    d.bind("SELECT until, value FROM one_time WHERE name = ? AND until > " + now),
		take:    d.bind("DELETE FROM one_time WHERE name = ? AND until = ? AND value = ? AND until > " + now),
		sweep:   d.bind(d.sweep),
	}
}

// clock is the argument for dialect.clock.
func (o oneTime) clock() []any {
	if o.s.dialect.now != "" {
		return nil
	}
	return []any{nanos.Of(o.s.now())}
}

func (o oneTime) Add(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("add one-time value %q: ttl %v is not positive", name, ttl)
	}
	// A copy, because the write may outlast this call; never nil, which would be NULL.
	value = append([]byte{}, value...)
	err := o.s.write(ctx, func(ctx context.Context, r runner) error { return o.add(ctx, r, []byte(name), value, ttl) })
	if err != nil {
		return fmt.Errorf("add one-time value %q: %w", name, err)
	}
	return nil
}

// add takes a name that nobody has or whose value has run out. Each statement stands for
// itself: where one has run out and is swept between the two, it inserts after all.
func (o oneTime) add(ctx context.Context, r runner, name, value []byte, ttl time.Duration) error {
	insert := func() (int64, error) {
		return o.s.insert(ctx, r, o.q.insert, append(o.clock(), int64(ttl), value, name)...)
	}
	replace := func() (int64, error) {
		return r.exec(ctx, o.q.replace, append(append(o.clock(), int64(ttl), value, name), o.clock()...)...)
	}
	for _, try := range []func() (int64, error){insert, replace, insert} {
		if changed, err := try(); err != nil || changed > 0 {
			return err
		}
	}
	return refusal{broker.ErrConflict}
}

func (o oneTime) Look(ctx context.Context, name string) ([]byte, error) {
	var until int64
	var value []byte
	err := o.s.readers.QueryRowContext(ctx, o.q.look, append([]any{[]byte(name)}, o.clock()...)...).Scan(&until, &value)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("read one-time value %q: %w", name, broker.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("read one-time value %q: %w", name, o.s.readFault(ctx, err))
	}
	return value, nil
}

func (o oneTime) Take(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := o.s.write(ctx, func(ctx context.Context, r runner) (err error) {
		value, err = o.take(ctx, r, []byte(name))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take one-time value %q: %w", name, err)
	}
	return value, nil
}

// take looks at a value and removes that very one: it is whoever removes it who has got it.
// Not all databases can do both at once.
func (o oneTime) take(ctx context.Context, r runner, name []byte) ([]byte, error) {
	var until int64
	var value []byte
	err := r.get(ctx, o.q.look, append([]any{name}, o.clock()...), &until, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refusal{broker.ErrNotFound}
	}
	if err != nil {
		return nil, err
	}
	value = append([]byte{}, value...) // never nil, which would be NULL
	removed, err := r.exec(ctx, o.q.take, append([]any{name, until, value}, o.clock()...)...)
	if err == nil && removed == 0 {
		err = refusal{broker.ErrNotFound} // another was faster
	}
	return value, err
}

func (o oneTime) Sweep(ctx context.Context, limit int) (int, error) {
	var n int64
	err := o.s.write(ctx, func(ctx context.Context, r runner) error {
		var err error
		n, err = r.exec(ctx, o.q.sweep, append(o.clock(), int64(max(limit, 0)))...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweep one-time values: %w", err)
	}
	return int(n), nil
}
