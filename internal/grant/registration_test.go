package grant_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/grant"
)

// TestChangedRegistrationI8: what was granted to another registration of the same id is not
// there, whether it is read, renewed, remembered or reported.
func TestChangedRegistrationI8(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*broker.App){
		"another app id":   func(a *broker.App) { a.AppID = "wx-other" },
		"another base_url": func(a *broker.App) { a.BaseURL = "http://elsewhere" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
				s := f.servers[0]
				changed := newApp()
				change(changed)
				f.login(app, "mo", info)
				if _, _, err := s.Login(t.Context(), app, f.code(app, "mo", broker.SessionKey)); err != nil {
					t.Fatal(err)
				}
				seen := f.get(s, app, "mo", info)
				nothing := func() {
					t.Helper()
					_, err := s.Token(t.Context(), changed, "mo", "", 0)
					f.fails(err, "no_grant")
					_, err = s.Report(t.Context(), changed, "mo", "", seen.Version, seen.Secret)
					f.fails(err, "no_grant")
					_, err = s.Of(t.Context(), changed, "mo")
					f.fails(err, "no_grant")
					_, _, err = s.Profile(t.Context(), changed, "mo", "")
					f.fails(err, "no_grant")
					_, err = s.SessionKey(t.Context(), changed, "mo")
					f.fails(err, "no_grant")
				}
				nothing()
				f.get(s, app, "mo", info)
				s.store.Fail(errDead)
				nothing() // in what is remembered neither
				f.get(s, app, "mo", info)
				s.store.Fail(nil)
				f.login(changed, "mo", info)
				f.get(s, changed, "mo", info)
				_, err := s.Token(t.Context(), app, "mo", info, 0)
				f.fails(err, "no_grant")
				if states, err := s.Of(t.Context(), changed, "mo"); err != nil || len(states) != 1 {
					t.Errorf("got %v, %v", states, err)
				}
			})
		})
	}
}

// TestUnionIDOfAnotherRegistrationI8 is not taken over.
func TestUnionIDOfAnotherRegistrationI8(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", base)
		f.alter = func(g *broker.Granted) { g.UnionID = "" }
		if u := f.login(app, "mo", base); u.UnionID != "union-mo" {
			t.Errorf("the union id is forgotten: %q", u.UnionID)
		}
		changed := newApp()
		changed.AppID = "wx-other"
		if u := f.login(changed, "mo", base); u.UnionID != "" {
			t.Errorf("got %q", u.UnionID)
		}
	})
}

// TestAForgedUnionIDI8: whoever can write the store cannot have a user log in as another one,
// nor what was granted to one registration used for another.
func TestAForgedUnionIDI8(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", base)
		f.alter = func(g *broker.Granted) { g.UnionID = "" }
		forge := func(change func(*broker.Grant)) {
			t.Helper()
			g := f.row(app, "mo", base)
			change(&g)
			if _, err := f.store.Grants().Put(t.Context(), g); err != nil {
				t.Fatal(err)
			}
		}
		for what, change := range map[string]func(*broker.Grant){
			"as it is":      func(g *broker.Grant) { g.UnionID = "union-victim" },
			"without a box": func(g *broker.Grant) { g.UnionID, g.Box = "union-victim", nil },
		} {
			forge(change)
			if u := f.login(app, "mo", base); u.UnionID != "" {
				t.Errorf("%s: the user is %q", what, u.UnionID)
			}
		}
		changed := newApp()
		changed.AppID = "wx-other"
		other := f.login(changed, "jo", base)
		g := f.row(app, "mo", base)
		g.Source = f.row(changed, other.Key.Subject, base).Source
		if _, err := f.store.Grants().Put(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		_, err := f.servers[0].Token(t.Context(), changed, "mo", base, 0)
		f.fails(err, "grant_sealed")
	})
}

// TestAnImportedUnionIDI8: whoever may import the grants of one app has nobody log in as
// another user, whom all apps of the company know.
func TestAnImportedUnionIDI8(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.alter = func(g *broker.Granted) { g.UnionID = "" }
		_, err := f.servers[0].Import(t.Context(), app, grant.Imported{
			OpenID: "mo", UnionID: "union-victim", Scope: string(base), Refresh: broker.NewSecret("refresh-mustnotbeseen"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if u := f.login(app, "mo", base); u.UnionID != "" {
			t.Errorf("the user is %q", u.UnionID)
		}
	})
}

// TestTheUnionIDOutlastsRenewals that do not say it again.
func TestTheUnionIDOutlastsRenewals(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", base)
		f.alter = func(g *broker.Granted) { g.UnionID = "" }
		expired()
		f.get(f.servers[0], app, "mo", base)
		if u := f.login(app, "mo", base); u.UnionID != "union-mo" {
			t.Errorf("the union id is forgotten: %q", u.UnionID)
		}
	})
}

// TestSameRegistration: what makes no difference to the platform makes none to its users.
func TestSameRegistration(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		f.login(app, "mo", info)
		for _, change := range []func(*broker.App){
			func(a *broker.App) { a.Mode = "stable" },
			func(a *broker.App) { a.BaseURL = "http://fake" },
			func(a *broker.App) { a.BaseURL = "http://fake/" },
			func(a *broker.App) { a.Secrets = nil },
		} {
			same := newApp()
			change(same)
			if _, err := f.servers[0].Token(t.Context(), same, "mo", info, 0); err != nil {
				t.Errorf("with %+v: %v", same, err)
			}
		}
	})
}

// TestRefreshOfAnotherRegistrationI8: who waits gets nothing of a refresh that is under way
// for the app as it was before.
func TestRefreshOfAnotherRegistrationI8(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		changed := newApp()
		changed.BaseURL = "http://elsewhere"
		f.login(app, "mo", info)
		expired()
		f.before = func(_ context.Context, call string) error {
			if call == refreshing {
				time.Sleep(5 * time.Second)
			}
			return nil
		}
		together(2, func(i int) {
			if i == 0 {
				_, err := f.servers[0].Token(t.Context(), app, "mo", info, 0)
				f.fails(err, "no_grant")
				return
			}
			time.Sleep(time.Second)
			f.set(func(p *fakePlatform) { p.alter = func(g *broker.Granted) { g.Lifetime = time.Second } })
			f.login(changed, "mo", info)
			time.Sleep(time.Second)
			f.set(func(p *fakePlatform) { p.alter = nil })
			f.get(f.servers[0], changed, "mo", info)
			_, err := f.servers[0].Token(t.Context(), app, "mo", info, 0)
			f.fails(err, "no_grant")
		})
	})
}

// TestSecretsAreTriedInTurn, as long as the platform refuses them, and for nothing else: a code is good
// once.
func TestSecretsAreTriedInTurn(t *testing.T) {
	t.Parallel()
	secret := func(s string) broker.Secret { return broker.NewSecret("appsecret-" + s + "-mustnotbeseen") }
	for name, c := range map[string]struct {
		secrets []string
		err     error // of the exchange with a good secret
		code    string
		calls   int
	}{
		"the first is good":          {secrets: []string{"good", "bad"}, calls: 1},
		"the last is":                {secrets: []string{"bad", "worse", "good"}, calls: 3},
		"none is":                    {secrets: []string{"bad", "worse"}, code: "bad_secret", calls: 2},
		"there is none":              {code: "no_secret"},
		"nobody knows what happened": {secrets: []string{"good", "good2"}, err: away(), code: "platform_timeout", calls: 1},
		"nor whether it was refused": {secrets: []string{"good", "good2"}, err: &broker.Error{Code: "odd", Class: broker.BadCredential, Unknown: true}, code: "odd", calls: 1},
		"the code is bad":            {secrets: []string{"good", "good2"}, err: &broker.Error{Code: "bad_login_code", Class: broker.Invalid}, code: "bad_login_code", calls: 1},
		"an error of another sort":   {secrets: []string{"good", "good2"}, err: errDead, code: "internal", calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
				app.Secrets = nil
				for _, s := range c.secrets {
					app.Secrets = append(app.Secrets, secret(s))
				}
				f.bad[secret("bad").Reveal()], f.bad[secret("worse").Reveal()] = true, true
				if c.err != nil {
					f.after = func(context.Context, string) error { return c.err }
				}
				_, err := f.servers[0].Exchange(t.Context(), app, string(info), f.code(app, "mo", info))
				_, _, serr := f.servers[0].Login(t.Context(), app, f.code(app, "mo", broker.SessionKey))
				if c.code == "" {
					if err != nil || serr != nil {
						t.Errorf("%v, %v", err, serr)
					}
				} else {
					f.fails(err, c.code)
					f.fails(serr, c.code)
				}
				f.counts(exchanging, c.calls)
				f.counts(logging, c.calls)
				if text := f.log.String(); slices.ContainsFunc(app.Secrets, func(s broker.Secret) bool { return len(text) > 0 && s.Reveal() == text }) {
					t.Error("a secret was logged")
				}
			})
		})
	}
}

// TestAnswersThatNameNobodyI8 are stored under no name, and such that name somebody else under none either.
func TestAnswersThatNameNobodyI8(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		s := f.servers[0]
		for _, alter := range []func(*broker.Granted){
			func(g *broker.Granted) { g.OpenID = "" },
			func(g *broker.Granted) { g.Kind = "" },
			func(g *broker.Granted) { g.Access = broker.Secret{} },
		} {
			f.alter = alter
			_, err := s.Exchange(t.Context(), app, string(info), f.code(app, "mo", info))
			f.fails(err, "platform_garbage")
		}
		_, _, err := s.Login(t.Context(), app, f.code(app, "", broker.SessionKey))
		f.fails(err, "platform_garbage")
		if page, err := s.List(t.Context(), app, broker.Key{}, 10); err != nil || len(page) > 0 {
			t.Errorf("kept: %v, %v", page, err)
		}
		f.alter = nil
		f.login(app, "mo", info)
		f.login(app, "bo", info)
		theirs := f.row(app, "bo", info)
		expired()
		f.alter = func(g *broker.Granted) { g.OpenID = "bo" }
		_, err = s.Token(t.Context(), app, "mo", info, 0)
		f.fails(err, "wrong_user")
		if now := f.row(app, "bo", info); now.Version != theirs.Version {
			t.Error("the other user's grant was changed")
		}
		f.alter = func(g *broker.Granted) { g.Access = broker.Secret{} }
		time.Sleep(time.Minute)
		_, err = s.Token(t.Context(), app, "mo", info, 0)
		f.fails(err, "platform_garbage")
		f.alter = nil
		time.Sleep(time.Minute)
		f.get(s, app, "mo", info)
	})
}
