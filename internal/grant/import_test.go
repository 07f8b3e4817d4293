package grant_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/grant"
)

func TestImport(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		in := f.elsewhere(app, "mo", info)
		st, err := f.servers[0].Import(t.Context(), app, in)
		if want := (broker.Key{App: "shop", Kind: info, Subject: "mo"}); err != nil || st.Key != want || st.UnionID != "union-mo" || !st.Expiry.Equal(in.Expiry) || !st.Deadline.Equal(in.Deadline) || st.Token == 0 {
			t.Fatalf("imported as %+v: %v", st, err)
		}
		if tok := f.get(f.servers[0], app, "mo", info); !tok.Secret.Equal(in.Access) || tok.Version != st.Token {
			t.Error("another token is served than was imported")
		}
		expired()
		f.get(f.servers[0], app, "mo", info)
		f.counts(refreshing, 1)
	})
}

// TestImportWithoutAnAccessToken, or with one that has run out, is renewed when it is asked for.
func TestImportWithoutAnAccessToken(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*grant.Imported){
		"none":           func(in *grant.Imported) { in.Access = broker.Secret{} },
		"expired":        func(in *grant.Imported) { in.Expiry = time.Now() },
		"without expiry": func(in *grant.Imported) { in.Expiry = time.Time{} },
		"deadline and login are not known": func(in *grant.Imported) {
			in.Access, in.Deadline, in.Authorized = broker.Secret{}, time.Time{}, time.Time{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
				in := f.elsewhere(app, "mo", info)
				change(&in)
				st, err := f.servers[0].Import(t.Context(), app, in)
				if err != nil || st.Token != 0 || st.Deadline.IsZero() {
					t.Fatalf("imported as %+v: %v", st, err)
				}
				if tok := f.get(f.servers[0], app, "mo", info); tok.Version == 0 {
					t.Error("the token has no version")
				}
				f.counts(refreshing, 1)
			})
		})
	}
}

// A refresh token whose end is not known lasts from the login, and a day at the least.
func TestImportCountsADeadlineFromTheLogin(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for since, left := range map[time.Duration]time.Duration{day: 29 * day, 29 * day: day, 40 * day: day} {
		inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
			in := f.elsewhere(app, "mo", info)
			in.Deadline, in.Authorized = time.Time{}, time.Now().Add(-since)
			st, err := f.servers[0].Import(t.Context(), app, in)
			if got := time.Until(st.Deadline); err != nil || got != left {
				t.Errorf("%v after the login %v are left, %v; want %v", since, got, err, left)
			}
		})
	}
}

func TestImportIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
		for name, change := range map[string]func(*grant.Imported){
			"open id":          func(in *grant.Imported) { in.OpenID = "" },
			"scope":            func(in *grant.Imported) { in.Scope = "" },
			"scope ":           func(in *grant.Imported) { in.Scope = "session_key" },
			"refresh token":    func(in *grant.Imported) { in.Access, in.Refresh = broker.Secret{}, broker.Secret{} },
			"future":           func(in *grant.Imported) { in.Authorized = time.Now().Add(time.Second) },
			"expired":          func(in *grant.Imported) { in.Refresh, in.Expiry = broker.Secret{}, time.Now() },
			"expiry":           func(in *grant.Imported) { in.Refresh, in.Expiry = broker.Secret{}, time.Time{} },
			"refresh":          func(in *grant.Imported) { in.Deadline = time.Now() },
			"bytes":            func(in *grant.Imported) { in.OpenID = strings.Repeat("o", 129) },
			"at most":          func(in *grant.Imported) { in.UnionID = strings.Repeat("o", 129) },
			"128":              func(in *grant.Imported) { in.Scope = strings.Repeat("o", 129) },
			"2048":             func(in *grant.Imported) { in.Access = broker.NewSecret(strings.Repeat("o", 2049)) },
			"ids and scopes":   func(in *grant.Imported) { in.Refresh = broker.NewSecret(strings.Repeat("o", 2049)) },
			"scope \"snsapi_x": func(in *grant.Imported) { in.Scope = "snsapi_x" + in.Access.Reveal()[:0] },
		} {
			in := f.elsewhere(app, "mo", info)
			change(&in)
			_, err := f.servers[0].Import(t.Context(), app, in)
			f.fails(err, "invalid")
			if err != nil && !strings.Contains(err.Error(), strings.TrimSpace(name)) {
				t.Errorf("%q is not named: %v", name, err)
			}
		}
		none := newApp()
		none.Platform = "none"
		_, err := f.servers[0].Import(t.Context(), none, f.elsewhere(app, "mo", info))
		f.fails(err, "no_login")
		if page, err := f.servers[0].List(t.Context(), app, broker.Key{}, 10); err != nil || len(page) > 0 {
			t.Errorf("something is kept: %v, %v", page, err)
		}
	})
}

func TestImportOfWhatIsHere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ended, elsewhere bool
		later            time.Duration
		unknown          bool
		stays            bool
	}{
		"newer":                       {later: time.Hour},
		"of the same time":            {stays: true},
		"older":                       {later: -time.Hour, stays: true},
		"not known when":              {unknown: true, stays: true},
		"older, and it has ended":     {later: -time.Hour, ended: true},
		"older, of another app of it": {later: -time.Hour, elsewhere: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 1, func(t *testing.T, f *fleet, app *broker.App) {
				s := f.servers[0]
				time.Sleep(2 * time.Hour)
				was := app
				if c.elsewhere {
					was = newApp()
					was.AppID = "wx-before"
				}
				f.login(was, "mo", info)
				authorized := time.Now()
				if c.ended {
					f.end("mo")
					expired()
					_, err := s.Token(t.Context(), was, "mo", info, 0)
					f.fails(err, "authorization_ended")
				}
				time.Sleep(2 * time.Hour)
				in := f.elsewhere(app, "mo", info)
				if in.Authorized = authorized.Add(c.later); c.unknown {
					in.Authorized = time.Time{}
				}
				st, err := s.Import(t.Context(), app, in)
				if stays := errors.Is(err, broker.ErrConflict); stays != c.stays || !stays && err != nil {
					t.Fatalf("import: %v", err)
				}
				if st.Key.Kind != info || st.Authorized.Equal(authorized) != c.stays {
					t.Errorf("what is said to be here is %+v", st)
				}
				if tok := f.get(s, app, "mo", info); tok.Secret.Equal(in.Access) == c.stays {
					t.Errorf("the imported token is served: %v", !c.stays)
				}
			})
		})
	}
}
