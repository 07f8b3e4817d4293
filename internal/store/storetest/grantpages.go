package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func page(t testing.TB, st broker.Store, app string, after broker.Key, limit int) []broker.Grant {
	t.Helper()
	found, err := st.Grants().Page(t.Context(), app, after, limit)
	ok(t, "page", err)
	return found
}

// walk turns the pages of an app to the end. Only the last one is not full.
func walk(t testing.TB, st broker.Store, app string, limit int) (keys []broker.Key) {
	t.Helper()
	var after broker.Key
	for {
		found := page(t, st, app, after, limit)
		for _, g := range found {
			if len(keys) > 0 && byUser(keys[len(keys)-1], g.Key) >= 0 {
				t.Fatalf("after %q comes %q", keys[len(keys)-1], g.Key) // and so on for ever
			}
			keys = append(keys, g.Key)
		}
		if len(found) > limit {
			t.Fatalf("a page has %d grants of at most %d", len(found), limit)
		}
		if len(found) < limit {
			check(t, "page after the last", nil, page(t, st, app, keys[len(keys)-1], limit))
			return keys
		}
		after = found[limit-1].Key
	}
}

func byUser(a, b broker.Key) int {
	return cmp.Or(strings.Compare(a.Subject, b.Subject), strings.Compare(string(a.Kind), string(b.Kind)))
}

func (s suite) pageOrder(t *testing.T) {
	f := s.Open(t)
	var want []broker.Key
	for _, k := range hostileGrantKeys() {
		putGrant(t, f.Store, broker.Grant{Key: k})
		if k.App == "a" {
			want = append(want, k)
		}
	}
	slices.SortFunc(want, byUser)
	for _, limit := range []int{1, 7, 100, 10_000} {
		check(t, fmt.Sprintf("in pages of %d", limit), want, walk(t, f.Handle(), "a", limit))
	}
}

func (s suite) pagesAcrossUsers(t *testing.T) {
	st := s.Open(t).Store
	var want []broker.Key
	for _, user := range []string{"B", "a", "ab", "b"} {
		for _, kind := range []broker.Kind{"session_key", "snsapi_base", "snsapi_userinfo"} {
			want = append(want, putGrant(t, st, broker.Grant{Key: grantKey("shop", user, kind)}).Key)
		}
	}
	for limit := 1; limit <= len(want)+1; limit++ {
		check(t, fmt.Sprintf("in pages of %d", limit), want, walk(t, st, "shop", limit))
	}
	for _, limit := range []int{0, -1} {
		check(t, fmt.Sprintf("a page of %d", limit), 0, len(page(t, st, "shop", broker.Key{}, limit)))
	}
}

func (s suite) pageAfterNothing(t *testing.T) {
	st := s.Open(t).Store
	for _, user := range []string{"a", "b", "c"} {
		for _, kind := range []broker.Kind{"k", "m"} {
			putGrant(t, st, broker.Grant{Key: grantKey("shop", user, kind)})
		}
	}
	for _, c := range []struct {
		after broker.Key
		want  []string
	}{
		{broker.Key{}, []string{"a k", "a m", "b k"}},
		{grantKey("shop", "b", ""), []string{"b k", "b m", "c k"}}, // all of one user
		{grantKey("", "b", ""), []string{"b k", "b m", "c k"}},     // the app is named already
		{grantKey("shop", "b", "j"), []string{"b k", "b m", "c k"}},
		{grantKey("shop", "b", "k"), []string{"b m", "c k", "c m"}},
		{grantKey("shop", "b", "kk"), []string{"b m", "c k", "c m"}},
		{grantKey("shop", "b", "m"), []string{"c k", "c m"}},
		{grantKey("shop", "b", "z"), []string{"c k", "c m"}},
		{grantKey("shop", "ab", "z"), []string{"b k", "b m", "c k"}},
		{grantKey("shop", "a\x00", "m"), []string{"b k", "b m", "c k"}},
		{grantKey("shop", "c", "m"), nil},
		{grantKey("shop", "d", ""), nil},
	} {
		var got []string
		for _, g := range page(t, st, "shop", c.after, 3) {
			got = append(got, g.Key.Subject+" "+string(g.Key.Kind))
		}
		check(t, fmt.Sprintf("after %+v", c.after), c.want, got)
	}
}

func (s suite) pageOfOneApp(t *testing.T) {
	st := s.Open(t).Store
	for _, app := range []string{"shop", "Shop", "shop ", "shop2", "sho", "shop/", "shop\x00", "%", "*"} {
		putGrant(t, st, broker.Grant{Key: grantKey(app, "user", "k"), Scope: app})
	}
	for _, app := range []string{"shop", "Shop", "shop ", "%", "*"} {
		found := page(t, st, app, broker.Key{}, 10)
		if len(found) != 1 || found[0].Key.App != app || found[0].Scope != app {
			t.Errorf("page of %q: %+v", app, found)
		}
	}
	check(t, "page of an app without grants", 0, len(page(t, st, "nobody", broker.Key{}, 10)))
	check(t, "page of no app", 0, len(page(t, st, "", broker.Key{}, 10)))
}

// manyPages turns pages while grants of the pages before are deleted, as whoever forgets all
// users does, and others are written.
func (s suite) manyPages(t *testing.T) {
	const users = 700
	f := s.Open(t)
	var grants []broker.Grant
	for i := range users {
		g := grantOf(fmt.Sprintf("user-%03d", i))
		g.Version = 1
		grants = append(grants, g)
	}
	load(t, "grants", movable(t, f.Store).Tables().Grants, grants...)
	seen := 0
	var after broker.Key
	for {
		found := page(t, f.Handle(), "shop", after, 90)
		for _, g := range found {
			check(t, "the next", fmt.Sprintf("user-%03d", seen), g.Key.Subject)
			seen++
			if seen%2 == 0 {
				ok(t, "delete", f.Store.Grants().Delete(t.Context(), g.Key, g.Version))
			} else {
				putGrant(t, f.Store, g)
			}
		}
		if len(found) < 90 {
			break
		}
		after = found[len(found)-1].Key
	}
	check(t, "seen", users, seen)
	check(t, "left", users/2, len(walk(t, f.Store, "shop", 90)))
}
