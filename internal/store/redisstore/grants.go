package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

// pageRead is how many grants of a page are read at once.
const pageRead = 500

// Grants implements [broker.Store].
func (s *Store) Grants() broker.GrantStore { return grants{rows{s, &s.names.grants, "grant"}} }

// grants are rows that are listed by users, and of which nobody is told.
type grants struct{ rows rows }

// keysOf are those of the hash with the grant and of the list of its app's users.
func (g grants) keysOf(k broker.Key) []string {
	return []string{g.rows.t.of(k.String()), g.usersOf(k.App)}
}

func (g grants) usersOf(app string) string { return g.rows.s.names.users + app }

func (g grants) Get(ctx context.Context, k broker.Key) (broker.Grant, error) {
	v, rest, err := g.rows.get(ctx, k.String())
	var x broker.Grant
	if err == nil {
		x, err = decodeGrant(k, v, rest)
	}
	if err != nil {
		return broker.Grant{}, fmt.Errorf("read a grant of app %q: %w", k.App, err)
	}
	return x, nil
}

func (g grants) Put(ctx context.Context, x broker.Grant) (broker.Version, error) {
	if x.Key.App == "" || x.Key.Kind == "" || x.Key.Subject == "" {
		return 0, fmt.Errorf("write a grant of app %q: the key names no app, no kind or no user", x.Key.App)
	}
	rest, err := json.Marshal(storedGrantOf(&x))
	var done int64
	if err == nil {
		value := text(x.Version+1) + ":" + string(rest)
		done, err = runInt(ctx, g.rows.s, g.rows.s.scripts.putGrant, g.keysOf(x.Key),
			x.Key.String(), text(x.Version), value, placeOf(x.Key))
	}
	if err == nil && done == 0 {
		err = broker.ErrConflict
	}
	if err != nil {
		return 0, fmt.Errorf("write a grant of app %q: %w", x.Key.App, err)
	}
	return x.Version + 1, nil
}

func (g grants) Delete(ctx context.Context, k broker.Key, v broker.Version) error {
	done, err := runInt(ctx, g.rows.s, g.rows.s.scripts.deleteGrant, g.keysOf(k), k.String(), text(v), placeOf(k))
	switch {
	case err != nil:
	case done == 0:
		err = broker.ErrConflict
	case done < 0:
		err = broker.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete a grant of app %q: %w", k.App, err)
	}
	return nil
}

// Page reads places and then the grants at them. Those that were deleted in between are made
// up for with the next, so that a page which is not full is the last.
func (g grants) Page(ctx context.Context, app string, after broker.Key, limit int) ([]broker.Grant, error) {
	var page []broker.Grant
	from := "[" + beginOf(after.Subject)
	if after.Kind != "" {
		from = "(" + placeOf(after)
	}
	for len(page) < limit {
		n := min(limit-len(page), pageRead)
		places, found, err := g.read(ctx, app, from, n)
		if err != nil {
			return nil, fmt.Errorf("list grants of app %q: %w", app, err)
		}
		page = append(page, found...)
		if len(places) < n {
			return page, nil
		}
		from = "(" + places[len(places)-1]
	}
	if err := g.rows.s.usable(ctx); err != nil {
		return nil, fmt.Errorf("list grants of app %q: %w", app, err)
	}
	return page, nil
}

// read reads n places, and the grants that are there.
func (g grants) read(ctx context.Context, app, from string, n int) (places []string, found []broker.Grant, err error) {
	s := g.rows.s
	places, err = call(ctx, s, func(ctx context.Context) ([]string, error) {
		return s.client.Do(ctx, s.client.B().Zrangebylex().Key(g.usersOf(app)).Min(from).Max("+").Limit(0, int64(n)).Build()).AsStrSlice()
	})
	if err != nil || len(places) == 0 {
		return nil, nil, err
	}
	keys := make([]broker.Key, len(places))
	for i, p := range places {
		if keys[i], err = keyAt(app, p); err != nil {
			return nil, nil, err
		}
	}
	answers, err := g.rows.ask(ctx, len(keys), func(i int) rueidis.Completed {
		// With HMGET what is not there is an answer, and no error.
		field := keys[i].String()
		return s.client.B().Hmget().Key(g.rows.t.of(field)).Field(field).Build()
	})
	if err != nil {
		return nil, nil, err
	}
	for i, k := range keys {
		values, err := answers[i].ToArray()
		if err != nil {
			return nil, nil, err
		}
		if len(values) != 1 {
			return nil, nil, fmt.Errorf("asked for one field, Redis answered with %d", len(values))
		}
		if values[0].IsNil() {
			continue // deleted meanwhile
		}
		value, err := values[0].ToString()
		if err != nil {
			return nil, nil, err
		}
		x, err := parseGrant(k, value)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, x)
	}
	return places, found, nil
}

// All yields every grant. Writes go on meanwhile: grants come as they are when their turn
// comes, and new ones may be missed.
func (g grants) All(ctx context.Context) iter.Seq2[broker.Grant, error] {
	return func(yield func(broker.Grant, error) bool) {
		err := g.rows.each(ctx, func(field, value string) (bool, error) {
			k, err := broker.ParseKey(field)
			if err != nil {
				return false, err
			}
			x, err := parseGrant(k, value)
			return err == nil && yield(x, nil), err
		})
		if err != nil {
			yield(broker.Grant{}, fmt.Errorf("read all grants: %w", err))
		}
	}
}

// importGrants writes grants with their places.
func (s *Store) importGrants(ctx context.Context, batch []broker.Grant) error {
	g := grants{rows{s, &s.names.grants, "grant"}}
	var keys, args []string
	for i := range batch {
		x := &batch[i]
		rest, err := json.Marshal(storedGrantOf(x))
		if err != nil {
			return fmt.Errorf("import grant %q: %w", x.Key, err)
		}
		keys = append(keys, g.keysOf(x.Key)...)
		args = append(args, x.Key.String(), text(x.Version)+":"+string(rest), placeOf(x.Key))
	}
	done, err := runInt(ctx, s, s.scripts.loadGrants, keys, args...)
	if err == nil && done == 0 {
		err = broker.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("import grants: %w", err)
	}
	return nil
}

func parseGrant(k broker.Key, value string) (broker.Grant, error) {
	v, rest, err := split(value)
	if err != nil {
		return broker.Grant{}, fmt.Errorf("grant %q: %w", k, err)
	}
	x, err := decodeGrant(k, v, rest)
	if err != nil {
		return broker.Grant{}, fmt.Errorf("grant %q: %w", k, err)
	}
	return x, nil
}

func decodeGrant(k broker.Key, v broker.Version, rest string) (broker.Grant, error) {
	var stored storedGrant
	if err := json.Unmarshal([]byte(rest), &stored); err != nil {
		return broker.Grant{}, fmt.Errorf("decode: %w", err)
	}
	x := stored.grant()
	x.Key, x.Version = k, v
	return x, nil
}
