package login

import (
	"cmp"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// Bounds on what a browser keeps for us: logins to one app under way in other tabs, and the bytes of
// the cookies of all apps, because proxies take 8 KiB of cookies and answer to more themselves.
const (
	maxFlows       = 3
	maxCookieBytes = 6 << 10
	maxRemoved     = 8 // in one answer
)

// cookiePrefix begins the names of an app's cookies.
//
// Where browsers come by https it begins with __Host-: such a cookie was set by this very host
// over https. Else any other host below the same domain could plant the cookie of a login of its own
// there, and have a user log in as somebody else. That wants the path /, so that
// the name says which app it is.
func (r *Relay) cookiePrefix(app *broker.App) string { return r.anyPrefix() + app.ID + "_" }

// anyPrefix begins the names of all apps' cookies.
func (r *Relay) anyPrefix() string {
	if r.secure {
		return "__Host-hufu_login_"
	}
	return "hufu_login_"
}

// cookieName tells logins in several tabs apart.
func (r *Relay) cookieName(app *broker.App, id []byte) string {
	return r.cookiePrefix(app) + hex.EncodeToString(id[:4])
}

func (r *Relay) cookie(app *broker.App, name, value string, maxAge int) *http.Cookie {
	path := "/oauth/" + app.ID + "/"
	if r.secure {
		path = "/"
	}
	return &http.Cookie{ //nolint:gosec // Secure wherever browsers come by https
		Name: name, Value: value, Path: path, MaxAge: maxAge, Secure: r.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// keep gives a browser the cookie of a login, and takes the oldest of the others away.
func (r *Relay) keep(v visit, f flow) error {
	value, err := r.sealFlow(v.app, f)
	if err != nil {
		return err
	}
	name := r.cookieName(v.app, f.ID)
	r.evict(v, name, len(name)+len(value))
	http.SetCookie(v.w, r.cookie(v.app, name, value, int(lifetime.Seconds())))
	return nil
}

// evict makes room for a cookie: what has ended goes, and of the rest the oldest, of this app's because
// they are too many, and of any app's because they are too long.
func (r *Relay) evict(v visit, name string, size int) {
	type known struct {
		name   string
		size   int
		own    bool  // of this app
		expiry int64 // zero: it is of no use
	}
	var all []known
	now := r.cfg.Now()
	for _, c := range v.r.Cookies() {
		of := r.appOf(c.Name)
		if of == nil || c.Name == name {
			continue
		}
		k := known{name: c.Name, size: len(c.Name) + len(c.Value), own: of.ID == v.app.ID}
		if f, err := r.openFlow(of, c.Value); err == nil && !f.old(now) {
			k.expiry = f.Expiry
		}
		if all = append(all, k); len(all) == 2*maxRemoved {
			break // somebody plays with us, and opening is not to cost more than that
		}
	}
	slices.Reverse(all) // browsers send the oldest first
	slices.SortStableFunc(all, func(a, b known) int { return cmp.Compare(b.expiry, a.expiry) })
	kept, removed := 1, 0
	for _, k := range all {
		switch size += k.size; {
		case k.expiry != 0 && size <= maxCookieBytes && !k.own:
		case k.expiry != 0 && size <= maxCookieBytes && kept < maxFlows:
			kept++
		case removed < maxRemoved:
			removed++
			http.SetCookie(v.w, r.cookie(v.app, k.name, "", -1))
		}
	}
}

// appOf is the app that a cookie is of, by its name; nil for cookies that are not ours. No more
// is known of the app than its id.
func (r *Relay) appOf(name string) *broker.App {
	rest, ours := strings.CutPrefix(name, r.anyPrefix())
	i := strings.IndexByte(rest, '_') // no id has one
	if !ours || i < 0 || !broker.ValidAppID(rest[:i]) {
		return nil
	}
	return &broker.App{ID: rest[:i]}
}

// found returns the login of a state, if this browser began it. Two cookies of one name are
// not ours: somebody else has planted one of them.
func (r *Relay) found(v visit, state flow) *flow {
	cookies := v.r.CookiesNamed(r.cookieName(v.app, state.ID))
	if len(cookies) != 1 {
		return nil
	}
	f, err := r.openFlow(v.app, cookies[0].Value)
	if err != nil || !slices.Equal(f.ID, state.ID) {
		return nil
	}
	f.proven = true
	return f
}

// drop takes the cookie of a login away that has ended.
func (r *Relay) drop(v visit, f *flow) {
	http.SetCookie(v.w, r.cookie(v.app, r.cookieName(v.app, f.ID), "", -1))
}
