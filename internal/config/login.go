package config

import (
	"net/url"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// publicURL returns where browsers reach the server, without a slash at its end; "" where
// that is not said. It is the beginning of addresses that are registered elsewhere, so that
// it is one host and nothing more.
func (v value) publicURL() string {
	s, ok := v.text()
	if !ok {
		return ""
	}
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		v.fault("is not an absolute http or https URL; write one such as https://hufu.example.com")
	case u.User != nil:
		v.fault("contains a user or password; remove it")
	case u.Path != "" || strings.ContainsAny(s, "?#"):
		v.fault("has a path, a query or a fragment; write scheme, host and port only, such as https://hufu.example.com")
	case strings.HasSuffix(u.Host, ":"):
		v.fault("has no port after its colon; write one, or remove the colon")
	default:
		public := u.Scheme + "://" + strings.ToLower(u.Host)
		if err := broker.CheckRedirect(public); err != nil {
			v.fault("%s", err)
			return ""
		}
		return public
	}
	return ""
}

// login reads how users log in to an app, nil where they do not. The bounds are those of
// the API.
func (l *appList) login(v value, platform *broker.Platform) *broker.Login {
	if !v.present() {
		return nil
	}
	o := v.object()
	if o == nil {
		return nil
	}
	var web broker.WebAuthorization
	if platform != nil {
		if web = platform.Web; web == nil {
			v.fault("is not possible: users do not log in to apps of the platform %s; remove it", platform.Name)
		}
	}
	if l.unreachable {
		v.fault("needs public_url at the top of the file, which says where browsers reach this server, such as https://hufu.example.com")
	}
	login := &broker.Login{Redirects: redirects(o), Scopes: scopes(o.field("scopes"), web)}
	if at := o.field("authorize_url"); at.present() {
		base, host, ok := at.baseURL()
		if login.AuthorizeURL = base; ok && l.d.opt.Sandbox && !broker.LoopbackHost(host) {
			at.fault(sandboxRefused)
		}
	}
	o.done()
	return login
}

func redirects(o *object) []string {
	v := o.field("redirect_uris")
	items, ok := v.list()
	const todo = "list the URLs that browsers may be sent back to, such as https://www.example.com/login/"
	switch {
	case !v.present():
		o.missing("redirect_uris", todo)
	case ok && len(items) == 0:
		v.fault("is empty; " + todo)
	case len(items) > broker.MaxRedirects:
		v.fault("has %d URLs; write at most %d: one allows all that lie below it", len(items), broker.MaxRedirects)
		return nil
	}
	return texts(items, broker.CheckRedirect)
}

// scopes are put into the platform's order, the narrowest first.
func scopes(v value, web broker.WebAuthorization) []string {
	items, ok := v.list()
	if ok && len(items) == 0 {
		v.fault("is empty; list at least one scope, or remove it for the platform's usual ones")
	}
	if web == nil {
		return nil // that there are none is told already
	}
	var list []string
	for _, item := range items {
		s := item.choice("", web.Scopes()...)
		if slices.Contains(list, s) && s != "" {
			item.fault("is there twice; keep one")
		}
		list = append(list, s)
	}
	return broker.NarrowestFirst(web, list)
}

// pageHosts reads the hosts whose pages may use an app's JS-SDK.
func pageHosts(v value, platform *broker.Platform) []string {
	items, _ := v.list()
	switch {
	case len(items) == 0:
		return nil
	case len(items) > broker.MaxPageHosts:
		v.fault("has %d hosts; write at most %d, with *. for all below a host", len(items), broker.MaxPageHosts)
		return nil
	case platform != nil && platform.Pages == nil:
		v.fault("has no meaning: the platform %s has no JS-SDK; remove it", platform.Name)
	}
	return texts(items, broker.CheckPageHost)
}

// texts reads a list of texts that pass a check, none of which is there twice.
func texts(items []value, check func(string) error) []string {
	var list []string
	for _, item := range items {
		s, ok := item.text()
		if !ok {
			continue
		}
		switch err := check(s); {
		case err != nil:
			item.fault("%s: %s", item.shown(), err)
		case slices.Contains(list, s):
			item.fault("is there twice; keep one")
		default:
			list = append(list, s)
		}
	}
	return list
}
