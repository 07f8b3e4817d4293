package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/seal"
)

const (
	// remembering is twice as many users as the keeper remembers.
	remembering = 40_000
	// crowdSize is how many ask for one expired token at once.
	crowdSize = 1000
	pageSize  = 100
)

// grantFigures are what a child says about a server that keeps users' grants.
type grantFigures struct {
	Users            int
	Start            time.Duration
	Heap, HeapRead   uint64 // in use after the start, and when so many had been read as are remembered
	RSS, RSSRead     uint64
	Works            []work
	Crowd, Solo      []time.Duration // a crowd that asks for one expired token, and one alone
	Calm             []time.Duration // the same crowd, once the token lives
	Refreshes, Asked int             // how often the crowds have had a token refreshed, of how many
}

// work is something that is done over and over, beside its yardstick.
type work struct {
	Name, Yardstick string
	AtATime         int
	Rates, Yards    []pace // by round
}

// grantMeter measures one server.
type grantMeter struct {
	*stack
	at    place
	users int
	rt    *usersAtOnce
	app   *broker.App
	f     grantFigures
}

// grantRole is what a child measures that is told so: it reads it again by placeAt.
func grantRole(n int, at place) string { return fmt.Sprintf("grants:%d %s", n, at) }

func (p place) String() string { return p.keyset + " " + p.store }

func placeAt(s string) (p place) {
	p.keyset, p.store, _ = strings.Cut(s, " ")
	return p
}

// measureGrants is what a child says about a server over a store that holds users' grants.
func measureGrants(ctx context.Context, what string) error {
	count, at, _ := strings.Cut(what, " ")
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	m := &grantMeter{at: placeAt(at), users: n, rt: &usersAtOnce{}, app: benchApp(0)}
	m.f.Users = n
	if m.stack, err = openStackAt(ctx, m.at, m.rt); err != nil {
		return err
	}
	defer m.store.Close()
	m.f.Start, m.f.Heap, m.f.RSS = m.started, heap(), residentMemory()
	stop, err := profile("grants")
	if err != nil {
		return err
	}
	defer stop()
	if n > 0 {
		for _, part := range []func(context.Context) error{m.memory, m.lookups, m.pages, m.refreshes, m.crowds, m.rotation, m.deletion} {
			if err := part(ctx); err != nil {
				return err
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(m.f)
}

// memory reads more users over the API than any part of the server remembers.
func (m *grantMeter) memory(context.Context) error {
	for i := range remembering {
		r := httptest.NewRequest(http.MethodGet, userPath(i%m.users), nil)
		r.Header.Set("Authorization", "Bearer "+clientKey)
		w := httptest.NewRecorder()
		if m.handler.ServeHTTP(w, r); w.Code != http.StatusOK {
			return fmt.Errorf("read a user's token: %d %s", w.Code, w.Body)
		}
	}
	m.f.HeapRead, m.f.RSSRead = heap(), residentMemory()
	return nil
}

func userPath(i int) string { return "/v1/apps/" + appID(0) + "/users/" + openID(i) + "/token" }

func (m *grantMeter) token(ctx context.Context, i int) error {
	_, err := m.grants.Token(ctx, m.app, openID(i), "", 0)
	return err
}

func (m *grantMeter) lookups(ctx context.Context) error {
	for _, callers := range []int{1, 64} {
		err := m.compare(work{Name: "a user's token that lives", Yardstick: "the store reads one grant", AtATime: callers},
			func() (pace, error) {
				return forPeriod(callers, func() error { return m.token(ctx, rand.IntN(m.users)) })
			},
			func() (pace, error) {
				return forPeriod(callers, func() error {
					_, err := m.store.Grants().Get(ctx, grantKey(rand.IntN(m.users)))
					return err
				})
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// pages lists users from somewhere in the table.
func (m *grantMeter) pages(ctx context.Context) error {
	list := func(from string) func() (pace, error) {
		return func() (pace, error) {
			return forPeriod(1, func() error {
				page, err := m.grants.List(ctx, m.app, broker.Key{App: m.app.ID, Subject: from}, pageSize)
				if err == nil && len(page) != pageSize {
					err = fmt.Errorf("a page from %q has %d grants", from, len(page))
				}
				return err
			})
		}
	}
	// Of the 64 characters that come after the prefix one half is below V, and q is the 54th.
	for _, from := range []string{"V", "q"} {
		name := fmt.Sprintf("a page of %d users, %s", pageSize, map[string]string{"V": "halfway", "q": "five sixths down"}[from])
		if err := m.compare(work{Name: name, Yardstick: "the first page", AtATime: 1}, list(userPrefix+from), list("")); err != nil {
			return err
		}
	}
	return nil
}

// refreshes renews tokens of different users, each of which is claimed, asked for at the
// platform and stored.
func (m *grantMeter) refreshes(ctx context.Context) error {
	for _, callers := range []int{1, 64} {
		n := m.some(callers)
		err := m.compare(work{Name: "a refresh", Yardstick: "two durable writes of the store", AtATime: callers},
			func() (pace, error) {
				m.expire()
				before := m.rt.given.Load()
				rate, err := forEach(callers, n, func(i int) error { return m.token(ctx, i) })
				if given := m.rt.given.Load() - before; err == nil && given != int64(n) {
					err = fmt.Errorf("%d refreshes of %d tokens", given, n)
				}
				return rate, err
			},
			func() (pace, error) { return m.writeTwice(ctx, callers, n) })
		if err != nil {
			return err
		}
	}
	return nil
}

// some is how many users are written to in a round.
func (m *grantMeter) some(callers int) int { return min(m.users, 250*min(callers, 8)) }

// expire has every token be one that has run out.
func (m *grantMeter) expire() { m.ahead.Add(int64(3 * time.Hour)) }

// writeTwice has the store write n grants two times each.
func (m *grantMeter) writeTwice(ctx context.Context, callers, n int) (pace, error) {
	stored, err := m.read(ctx, n)
	if err != nil {
		return pace{}, err
	}
	return forEach(callers, n, func(i int) error {
		g := stored[i]
		for range 2 {
			g.Issued = g.Issued.Add(time.Nanosecond)
			v, err := m.store.Grants().Put(ctx, g)
			if err != nil {
				return err
			}
			g.Version = v
		}
		return nil
	})
}

// read reads the grants of the first n users.
func (m *grantMeter) read(ctx context.Context, n int) ([]broker.Grant, error) {
	stored := make([]broker.Grant, n)
	for i := range stored {
		g, err := m.store.Grants().Get(ctx, grantKey(i))
		if err != nil {
			return nil, err
		}
		stored[i] = g
	}
	return stored, nil
}

// crowds have many ask for one token that has run out.
func (m *grantMeter) crowds(ctx context.Context) error {
	crowd := func(i int) (time.Duration, error) {
		begun := time.Now()
		_, err := forEach(crowdSize, crowdSize, func(int) error { return m.token(ctx, i) })
		return time.Since(begun), err
	}
	for i := range *rounds + 1 {
		m.expire()
		begun, before := time.Now(), m.rt.given.Load()
		if err := m.token(ctx, i+*rounds+1); err != nil {
			return err
		}
		solo := time.Since(begun)
		all, err := crowd(i)
		if err != nil {
			return err
		}
		calm, err := crowd(i)
		if err != nil {
			return err
		}
		if i > 0 {
			m.f.Crowd, m.f.Calm, m.f.Solo = append(m.f.Crowd, all), append(m.f.Calm, calm), append(m.f.Solo, solo)
			m.f.Refreshes += int(m.rt.given.Load()-before) - 1
			m.f.Asked++
		}
	}
	return nil
}

// rotation seals again with a new key, for as long as a round of it may take. The keeper does so eight at a
// time.
func (m *grantMeter) rotation(ctx context.Context) error {
	return m.compare(work{Name: "sealing again with a new key", Yardstick: "single durable writes of the store", AtATime: 8},
		func() (pace, error) {
			if _, err := seal.Rotate(m.at.keyset); err != nil {
				return pace{}, err
			}
			if err := m.keys.Reload(); err != nil {
				return pace{}, err
			}
			ctx, cancel := context.WithTimeout(ctx, *period)
			defer cancel()
			watch := begin()
			n, err := m.grants.Reseal(ctx)
			if ctx.Err() != nil {
				err = nil
			}
			return watch.pace(n), err
		},
		func() (pace, error) {
			twice, err := m.writeTwice(ctx, 8, min(m.users, 5000))
			return pace{2 * twice.PerSecond, twice.CPU / 2}, err
		})
}

// deletion deletes users, who are put back afterwards.
func (m *grantMeter) deletion(ctx context.Context) error {
	grants := m.store.Grants()
	for _, callers := range []int{1, 64} {
		n := m.some(callers)
		without := func(remove func(broker.Grant) error) (pace, error) {
			stored, err := m.read(ctx, n)
			if err != nil {
				return pace{}, err
			}
			rate, err := forEach(callers, n, func(i int) error { return remove(stored[i]) })
			if err != nil {
				return pace{}, err
			}
			_, err = forEach(64, n, func(i int) error {
				stored[i].Version = 0
				_, err := grants.Put(ctx, stored[i])
				return err
			})
			return rate, err
		}
		err := m.compare(work{Name: "deletion of all that is kept of a user", Yardstick: "the store deletes one grant", AtATime: callers},
			func() (pace, error) {
				return without(func(g broker.Grant) error {
					_, err := m.grants.Forget(ctx, m.app, g.Key.Subject)
					return err
				})
			},
			func() (pace, error) {
				return without(func(g broker.Grant) error { return grants.Delete(ctx, g.Key, g.Version) })
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// compare measures in alternating rounds, of which the first is a warm-up.
func (m *grantMeter) compare(w work, ours, yardstick func() (pace, error)) error {
	for i := range *rounds + 1 {
		rate, err := ours()
		if err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
		yard, err := yardstick()
		if err != nil {
			return fmt.Errorf("%s: %w", w.Yardstick, err)
		}
		if i > 0 {
			w.Rates, w.Yards = append(w.Rates, rate), append(w.Yards, yard)
		}
	}
	m.f.Works = append(m.f.Works, w)
	return nil
}
