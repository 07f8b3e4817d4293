package storecopy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/hufu-io/hufu/internal/broker"
)

// unfinished is the setting of a store that holds a part of another one.
const unfinished = "unfinished_copy"

// The errors about what the stores hold, besides those of the stores themselves.
var (
	// ErrNothing means that there is nothing to be copied.
	ErrNothing = errors.New("it is empty")
	// ErrPart means that what is to be copied is a part of another store.
	ErrPart = errors.New("it holds but a part of another store, from a copy that was not finished")
	// ErrUnfinished means that a store holds a part of another one.
	ErrUnfinished = errors.New("it holds a copy of another store that was not finished")
	// ErrDiffers means that the two stores do not hold the same.
	ErrDiffers = errors.New("the copy is not what was copied")
)

// Check refuses a store that a copy has been begun to and not been finished.
func Check(ctx context.Context, s broker.SettingStore) error {
	_, err := s.Setting(ctx, unfinished)
	switch {
	case err == nil:
		return ErrUnfinished
	case errors.Is(err, broker.ErrNotFound):
		return nil
	default:
		return fmt.Errorf("find out whether the store is whole: %w", err)
	}
}

// Counts is how much there is of each sort.
type Counts struct{ Records, Apps, Clients, Settings, Grants, Audit, Doubts int }

// End is one end of a copy.
type End struct {
	Store broker.Movable
	Name  string // as the operator calls it
}

// Options of a copy.
type Options struct {
	// Self names this process on the lists of servers, among which it is the only one of
	// that name. Required.
	Self    string
	NoAudit bool
	// Progress is called now and then with what is being done ("copy", "compare"), the
	// table, and how much of it is done. Nil: nobody is told.
	Progress func(doing, table string, n int)
}

// Result says what the copy holds: after an error at least that.
type Result struct {
	Counts
	// Begun says that something was written.
	Begun bool
}

// Copy copies everything, and reads it all again to compare it. Stores that anybody else
// uses are refused with [*InUseError], also while it goes on, and so is a store to copy to
// that has anything in it, with [broker.ErrNotEmpty] or [ErrUnfinished].
func Copy(ctx context.Context, from, to End, o Options) (Result, error) {
	if o.Progress == nil {
		o.Progress = func(string, string, int) {}
	}
	c := copying{from: from, to: to, source: from.Store.Tables(), target: to.Store.Tables(), o: o}
	// Under two names, so that a store whose two names are not known to be one is found out.
	err := keep(ctx, from, o.Self+"-from", func(ctx context.Context, fromAlone func(context.Context) error) error {
		return keep(ctx, to, o.Self+"-to", func(ctx context.Context, toAlone func(context.Context) error) error {
			return first(
				func() error { return c.examine(ctx) },
				func() error { return c.load(ctx) },
				func() error { return c.compare(ctx) },
				func() error { return fromAlone(ctx) },
				func() error { return toAlone(ctx) },
				func() error { return c.finish(ctx) },
			)
		})
	})
	return c.done, err
}

// copying is a copy under way.
type copying struct {
	from, to       End
	source, target broker.Tables
	o              Options
	done           Result
}

// examine makes sure that there is something to be copied, and room for it.
func (c *copying) examine(ctx context.Context) error {
	err := Check(ctx, c.from.Store)
	if errors.Is(err, ErrUnfinished) {
		err = ErrPart // which is no advice about where to copy to
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.from.Name, err)
	}
	// Every store that a server has used has a setting, the proof of its keyset.
	if err := empty(ctx, c.source.Settings); !errors.Is(err, broker.ErrNotEmpty) {
		return fmt.Errorf("%s: %w", c.from.Name, cmp.Or(err, ErrNothing))
	}
	err = first(
		func() error { return Check(ctx, c.to.Store) },
		func() error { return empty(ctx, c.target.Settings) },
		func() error { return empty(ctx, c.target.Clients) },
		func() error { return empty(ctx, c.target.Apps) },
		func() error { return empty(ctx, c.target.Records) },
		func() error { return empty(ctx, c.target.Grants) },
		func() error { return empty(ctx, c.target.Doubts) },
		func() error { return empty(ctx, c.target.Audit) },
	)
	if err != nil {
		return fmt.Errorf("%s: %w", c.to.Name, err)
	}
	return nil
}

// load writes the settings first, together with the one that says that the rest is missing.
func (c *copying) load(ctx context.Context) error {
	c.done.Begun = true
	marked := c.source.Settings
	marked.All = func(ctx context.Context) iter.Seq2[broker.Setting, error] {
		return func(yield func(broker.Setting, error) bool) {
			if yield(broker.Setting{Name: unfinished}, nil) {
				c.source.Settings.All(ctx)(yield)
			}
		}
	}
	n := &c.done.Counts
	err := pour(ctx, c, "settings", marked, c.target.Settings, &n.Settings)
	n.Settings = max(0, n.Settings-1) // that one is none of theirs
	if err != nil {
		return err
	}
	return first(
		func() error { return pour(ctx, c, "clients", c.source.Clients, c.target.Clients, &n.Clients) },
		func() error { return pour(ctx, c, "apps", c.source.Apps, c.target.Apps, &n.Apps) },
		func() error { return pour(ctx, c, "records", c.source.Records, c.target.Records, &n.Records) },
		func() error { return pour(ctx, c, "grants", c.source.Grants, c.target.Grants, &n.Grants) },
		func() error { return pour(ctx, c, "leases", c.source.Doubts, c.target.Doubts, &n.Doubts) },
		func() error {
			if c.o.NoAudit {
				return nil
			}
			return pour(ctx, c, "audit", c.source.Audit, c.target.Audit, &n.Audit)
		},
	)
}

// pour copies one table, and notes how much of it is there.
func pour[T any](ctx context.Context, c *copying, name string, from, to broker.Table[T], n *int) error {
	var err error
	*n, err = to.Import(ctx, counted(from.All(ctx), func(n int) { c.o.Progress("copy", name, n) }))
	if err != nil {
		return fmt.Errorf("copy %s: %w", name, err)
	}
	return nil
}

// counted tells how much has gone by, now and then.
func counted[T any](seq iter.Seq2[T, error], tell func(n int)) iter.Seq2[T, error] {
	const often = 1000
	return func(yield func(T, error) bool) {
		n := 0
		for v, err := range seq {
			if n++; n%often == 0 {
				tell(n)
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// finish takes the mark away.
func (c *copying) finish(ctx context.Context) error {
	if err := c.to.Store.DeleteSetting(ctx, unfinished); err != nil {
		return fmt.Errorf("note that the copy is finished: %w", err)
	}
	return nil
}

// first does one thing after the other, up to the first that fails.
func first(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// empty says that a table is not.
func empty[T any](ctx context.Context, t broker.Table[T]) error {
	for _, err := range t.All(ctx) {
		if err == nil {
			err = broker.ErrNotEmpty
		}
		return err
	}
	return nil
}
