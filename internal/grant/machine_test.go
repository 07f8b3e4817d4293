package grant_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestNoMixUpI5I8 does everything that there is to do, in any order and on several servers at
// once. Whatever is handed out was given by the platform for exactly that app, as it is
// registered, and that user, and reaches as far as was asked; of users who were deleted there
// is nothing; and a user who has logged in is not lost.
func TestNoMixUpI5I8(t *testing.T) {
	t.Parallel()
	sealer := newSealer(t)
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			m := &machine{fleet: newFleet(t, sealer, 3), kept: map[person]bool{}, forgotten: map[person]deletion{}, cut: map[*server]bool{}}
			m.usesUp, m.extends = rapid.Bool().Draw(t, "used up"), rapid.Bool().Draw(t, "extends")
			if m.usesUp {
				m.extends = false
			}
			t.Cleanup(m.heal)
			t.Repeat(map[string]func(*rapid.T){
				"one":    func(t *rapid.T) { m.draw(t)() },
				"many":   m.many,
				"wait":   func(t *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 9000).Draw(t, "seconds")) * time.Second) },
				"forget": m.forget,
				"kill":   func(t *rapid.T) { m.kill(rapid.SampledFrom(people).Draw(t, "user")) },
				"end":    func(t *rapid.T) { m.end(rapid.SampledFrom(people).Draw(t, "user")) },
				"fault":  m.fault,
				"store":  func(t *rapid.T) { m.cutOff(rapid.SampledFrom(m.servers).Draw(t, "server")) },
				"heal":   func(*rapid.T) { m.heal() },
				"":       func(*rapid.T) { m.nobodyWhoWasDeleted() },
			})
			m.heal()
			m.nobodyWhoWasDeleted()
		})
	})
}

// people are users' open ids, some of which begin alike.
var people = []string{"mo", "mo2", "m/o"}

// person is a user of an app as it is registered.
type person struct{ app, registration, user string }

type deletion struct {
	by *server
	at time.Time
}

type machine struct {
	*fleet
	mu        sync.Mutex
	kept      map[person]bool     // who may have something here
	forgotten map[person]deletion // the last one of each
	cut       map[*server]bool    // off from the store
}

// apps are an app, the same after it was registered elsewhere, and another one of the same platform.
func apps() []*broker.App {
	elsewhere, other, twin := newApp(), newApp(), newApp()
	elsewhere.BaseURL = "http://elsewhere"
	other.ID, other.AppID = "other", "wx-other"
	twin.ID = "twin"
	return []*broker.App{newApp(), elsewhere, other, twin}
}

func (m *machine) heal() {
	m.set(func(p *fakePlatform) { p.before, p.after = nil, nil })
	for _, s := range m.servers {
		s.store.Fail(nil)
	}
	clear(m.cut)
}

func (m *machine) cutOff(s *server) {
	s.store.Fail(errDead)
	m.cut[s] = true
}

func (m *machine) fault(t *rapid.T) {
	every := rapid.IntRange(1, 3).Draw(t, "every")
	pause := time.Duration(rapid.IntRange(0, 12).Draw(t, "pause")) * time.Second
	lost := rapid.Bool().Draw(t, "lost")
	n := 0
	var mu sync.Mutex
	hurt := func(ctx context.Context, _ string) error {
		mu.Lock()
		n++
		hit := n%every == 0
		mu.Unlock()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return away()
		}
		if hit {
			return away()
		}
		return nil
	}
	m.set(func(p *fakePlatform) {
		if p.before, p.after = hurt, nil; lost {
			p.before, p.after = nil, hurt
		}
	})
}

// many runs several operations at once.
func (m *machine) many(t *rapid.T) {
	var ops []func()
	for range rapid.IntRange(2, 8).Draw(t, "operations") {
		op := m.draw(t)
		delay := time.Duration(rapid.IntRange(0, 5000).Draw(t, "delay")) * time.Millisecond
		ops = append(ops, func() {
			time.Sleep(delay)
			op()
		})
	}
	together(len(ops), func(i int) { ops[i]() })
}

// draw draws one operation.
func (m *machine) draw(t *rapid.T) func() {
	s := rapid.SampledFrom(m.servers).Draw(t, "server")
	app := rapid.SampledFrom(apps()).Draw(t, "app")
	user := rapid.SampledFrom(people).Draw(t, "user")
	kind := rapid.SampledFrom([]broker.Kind{base, info, login}).Draw(t, "kind")
	asked := rapid.SampledFrom([]broker.Kind{"", base, info, login}).Draw(t, "asked")
	ctx := m.Context()
	ops := map[string]func(){
		"log in": func() {
			m.keep(app, user)
			if u, err := s.Exchange(ctx, app, string(kind), m.code(app, user, kind)); err == nil && u.Key != (broker.Key{App: app.ID, Kind: kind, Subject: user}) {
				m.Errorf("I8: logged in as %v", u.Key)
			}
		},
		"session": func() {
			m.keep(app, user)
			if _, key, err := s.Login(ctx, app, m.code(app, user, broker.SessionKey)); err == nil {
				m.rightSession(app, user, key)
			}
		},
		"import": func() {
			m.keep(app, user)
			_, _ = s.Import(ctx, app, m.elsewhere(app, user, kind)) // it may be refused
		},
		"token": func() {
			tok, err := s.Token(ctx, app, user, asked, 0)
			m.right(s, app, user, asked, tok, err)
		},
		"lasting": func() {
			tok, err := s.Token(ctx, app, user, asked, 90*time.Minute)
			m.right(s, app, user, asked, tok, err)
		},
		"report": func() {
			tok, err := s.Token(ctx, app, user, asked, 0)
			if err == nil {
				tok, err = s.Report(ctx, app, user, asked, tok.Version, broker.Secret{})
			}
			m.right(s, app, user, asked, tok, err)
		},
		"report a value": func() {
			tok, err := s.Token(ctx, app, user, asked, 0)
			if err == nil {
				tok, err = s.Report(ctx, app, user, "", 0, tok.Secret)
			}
			m.right(s, app, user, "", tok, err)
		},
		"profile": func() {
			if p, k, err := s.Profile(ctx, app, user, ""); err == nil && (p.OpenID != user || k == base) {
				m.Errorf("I8: the profile of %q by a token of the kind %q", p.OpenID, k)
			}
		},
		"session key": func() {
			if key, err := s.SessionKey(ctx, app, user); err == nil {
				m.rightSession(app, user, key)
			}
		},
		"forget": func() {
			_, _ = s.Forget(ctx, app, user) // somebody may log in at the same time, so that nothing is known afterwards
		},
		"reseal": func() { _, _ = s.Reseal(ctx) }, // the store may be away
	}
	names := make([]string, 0, len(ops))
	for name := range ops {
		names = append(names, name)
	}
	slices.Sort(names)
	return ops[rapid.SampledFrom(names).Draw(t, "operation")]
}

func (m *machine) keep(app *broker.App, user string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[person{app.ID, registration(app), user}] = true
}

// right checks what was handed out.
func (m *machine) right(s *server, app *broker.App, user string, asked broker.Kind, tok broker.Token, err error) {
	if err != nil {
		m.known(err)
		return
	}
	m.fakePlatform.mu.Lock()
	a := m.access[tok.Secret.Reveal()]
	m.fakePlatform.mu.Unlock()
	kinds := []broker.Kind{"", base, info, login}
	switch {
	case a == nil:
		m.Errorf("I8: a token that the platform never gave, of %v", tok.Key)
	case a.owner != owner{registration(app), user, tok.Key.Kind} || tok.Key.App != app.ID || tok.Key.Subject != user:
		m.Errorf("I8: a token of %v for %q of %s, as %v", a.owner, user, registration(app), tok.Key)
	case slices.Index(kinds, tok.Key.Kind) < slices.Index(kinds, asked):
		m.Errorf("I8: %q was asked for, and it is %q", asked, tok.Key.Kind)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.kept[person{app.ID, registration(app), user}] && !m.remembers(s, app, user) {
		m.Errorf("I8: a token of somebody who never logged in to %s: %v", registration(app), tok.Key)
	}
}

// known checks that an error is one that is meant to be.
func (m *machine) known(err error) {
	if err == nil {
		return
	}
	codes := []string{"no_grant", "scope_lacking", "authorization_ended", "platform_timeout", "store_unreachable", "busy"}
	if code := broker.AsError(err).Code; !slices.Contains(codes, code) {
		m.Errorf("an error of the code %q: %v", code, err)
	}
	m.noSecretIn("an error", fmt.Sprintf("%v %+v", err, err))
}

func (m *machine) rightSession(app *broker.App, user string, key broker.Secret) {
	m.fakePlatform.mu.Lock()
	defer m.fakePlatform.mu.Unlock()
	if s := m.sessions[key.Reveal()]; s == nil || s.owner != (owner{registration(app), user, broker.SessionKey}) {
		m.Errorf("I8: a session's key of %v for %q of %s", s, user, registration(app))
	}
}

// forget deletes a user while nothing else happens, so that it is known that nothing is left.
func (m *machine) forget(t *rapid.T) {
	s := rapid.SampledFrom(m.servers).Draw(t, "server")
	app := rapid.SampledFrom(apps()).Draw(t, "app")
	user := rapid.SampledFrom(people).Draw(t, "user")
	if _, err := s.Forget(m.Context(), app, user); err != nil {
		if code := broker.AsError(err).Code; code != "no_grant" {
			m.known(err)
			return
		}
	}
	for p := range m.kept {
		if p.app == app.ID && p.user == user {
			delete(m.kept, p)
		}
	}
	m.forgotten[person{app: app.ID, user: user}] = deletion{s, time.Now()}
}

// remembers reports whether a server may still remember a user who was deleted: another one
// has done it, it is cut off from the store, and that was not long ago.
func (m *machine) remembers(s *server, app *broker.App, user string) bool {
	d := m.forgotten[person{app: app.ID, user: user}]
	return m.cut[s] && d.by != s && time.Since(d.at) <= 10*time.Minute
}

// nobodyWhoWasDeleted looks for users who are not here.
func (m *machine) nobodyWhoWasDeleted() {
	for _, app := range apps() {
		for _, user := range people {
			if m.kept[person{app.ID, registration(app), user}] {
				continue
			}
			for _, s := range m.servers {
				_, err := s.Token(m.Context(), app, user, "", 0)
				_, serr := s.SessionKey(m.Context(), app, user)
				if (err == nil || serr == nil) && !m.remembers(s, app, user) {
					m.Errorf("%s is served something of %s, who is not here", user, registration(app))
				}
				m.known(err)
				m.known(serr)
			}
		}
	}
}
