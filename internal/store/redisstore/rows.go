package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// changesKept is about how many changes a watch may miss while it cannot reach the
	// store. It is what bounds the memory they take.
	changesKept = 1 << 15
	// listed is how many buckets are listed at once, and gotten how many fields of one are
	// read by one command; of these commands so many are sent together.
	listed, gotten, together = 16, 128, 8
)

// rows is one table of values that have versions.
type rows struct {
	s    *Store
	t    *table
	sort string // record, app or client, as changes call it
}

// row is a field's value: its version, and the rest.
func (r rows) get(ctx context.Context, field string) (broker.Version, string, error) {
	value, err := call(ctx, r.s, func(ctx context.Context) (string, error) {
		c := r.s.client
		return c.Do(ctx, c.B().Hget().Key(r.t.of(field)).Field(field).Build()).ToString()
	})
	switch {
	case rueidis.IsRedisNil(err):
		return 0, "", broker.ErrNotFound
	case err != nil:
		return 0, "", err
	}
	return split(value)
}

// put writes what follows the version, if the field is at the version before it.
func (r rows) put(ctx context.Context, field string, old broker.Version, rest []byte) error {
	value := text(old+1) + ":" + string(rest)
	done, err := runInt(ctx, r.s, r.s.scripts.put, []string{r.t.of(field), r.s.names.changes},
		field, text(old), value, r.sort, text(changesKept))
	if err == nil && done == 0 {
		err = broker.ErrConflict
	}
	return err
}

func (r rows) delete(ctx context.Context, field string, v broker.Version) error {
	done, err := runInt(ctx, r.s, r.s.scripts.delete, []string{r.t.of(field), r.s.names.changes},
		field, text(v), r.sort, text(changesKept))
	switch {
	case err != nil:
		return err
	case done == 0:
		return broker.ErrConflict
	case done < 0:
		return broker.ErrNotFound
	}
	return nil
}

// all has every field visited once, with its value taken apart.
func (r rows) all(ctx context.Context, f func(field string, v broker.Version, rest string) (more bool, err error)) error {
	return r.each(ctx, func(field, value string) (bool, error) {
		v, rest, err := split(value)
		if err != nil {
			return false, fmt.Errorf("%s %q: %w", r.sort, field, err)
		}
		return f(field, v, rest)
	})
}

// visit is given a field, and says whether it wants more.
type visit func(field, value string) (more bool, err error)

// each has every field visited once. It lists a bucket at once and then reads its fields:
// the place in a hash that HSCAN gives means something else after a restart or a failover,
// and fields would be passed over.
func (r rows) each(ctx context.Context, f visit) error {
	for first := 0; first < buckets; first += listed {
		lists, err := r.ask(ctx, listed, func(i int) rueidis.Completed {
			return r.s.client.B().Hkeys().Key(r.t[first+i]).Build()
		})
		if err != nil {
			return err
		}
		var parts []part
		for i, l := range lists {
			fields, err := l.AsStrSlice()
			if err != nil {
				return err
			}
			for ; len(fields) > 0; fields = fields[min(gotten, len(fields)):] {
				parts = append(parts, part{r.t[first+i], fields[:min(gotten, len(fields))]})
			}
		}
		for ; len(parts) > 0; parts = parts[min(together, len(parts)):] {
			if more, err := r.visit(ctx, parts[:min(together, len(parts))], f); !more || err != nil {
				return err
			}
		}
	}
	return nil
}

// part is some fields of one bucket.
type part struct {
	bucket string
	fields []string
}

// visit reads some parts and has what is there visited.
func (r rows) visit(ctx context.Context, parts []part, f visit) (more bool, err error) {
	answers, err := r.ask(ctx, len(parts), func(i int) rueidis.Completed {
		return r.s.client.B().Hmget().Key(parts[i].bucket).Field(parts[i].fields...).Build()
	})
	if err != nil {
		return false, err
	}
	for i, p := range parts {
		values, err := answers[i].ToArray()
		if err != nil {
			return false, err
		}
		if len(values) != len(p.fields) {
			return false, fmt.Errorf("asked for %d fields, Redis answered with %d", len(p.fields), len(values))
		}
		for j, field := range p.fields {
			if values[j].IsNil() {
				continue // deleted meanwhile
			}
			value, err := values[j].ToString()
			if err != nil {
				return false, err
			}
			if err := r.s.usable(ctx); err != nil {
				return false, err
			}
			if more, err := f(field, value); !more || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// ask sends n commands together. All have answers if it returns no error.
func (r rows) ask(ctx context.Context, n int, command func(i int) rueidis.Completed) ([]rueidis.RedisResult, error) {
	return call(ctx, r.s, func(ctx context.Context) ([]rueidis.RedisResult, error) {
		all := make([]rueidis.Completed, n)
		for i := range all {
			all[i] = command(i)
		}
		answers := r.s.client.DoMulti(ctx, all...)
		for _, a := range answers {
			if err := a.Error(); err != nil {
				return nil, err
			}
		}
		return answers, nil
	})
}

// split takes a value apart.
func split(value string) (broker.Version, string, error) {
	version, rest, found := strings.Cut(value, ":")
	n, err := strconv.ParseInt(version, 10, 64)
	if !found || err != nil {
		return 0, "", fmt.Errorf("%w: it does not begin with a version", broker.ErrUndecodable)
	}
	return broker.Version(n), rest, nil
}
