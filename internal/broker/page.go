package broker

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what may be said of an app's pages.
const (
	MaxPageHosts = 100
	// MaxPage is the longest URL of a page that is signed.
	MaxPage = 2048
)

// ParamAgentID is the parameter of an app that names the agent of a corp whose pages an
// [AgentConfigTicket] signs.
const ParamAgentID = "agent_id"

// ErrNoAgent is of apps that do not say which agent of their corp they are.
var ErrNoAgent = &Error{
	Code: "agent_id_missing", Class: Invalid, Message: "the app does not say which agent of its corp it is, and pages are signed for one",
	Hint: "set agent_id in the app's params",
}

// ErrPageNotAllowed is of pages that may not use an app's JS-SDK.
var ErrPageNotAllowed = &Error{
	Code: "page_not_allowed", Class: Invalid, Message: "the page's host is none of those whose pages may use the app's JS-SDK",
	Hint: "add the host to the app's page_hosts",
}

// CheckPageHost says what is wrong with a host as one of [App.PageHosts].
func CheckPageHost(s string) error {
	host := strings.TrimPrefix(s, "*.")
	u, err := url.Parse("https://" + host + "/")
	switch {
	case err != nil, host == "", len(s) > 255, u.Host != host, u.Hostname() == "",
		strings.ContainsFunc(host, func(c rune) bool { return c <= ' ' || c > '~' || c == '*' || c == '%' || c == '\\' }):
		return errors.New("it is not a host such as www.example.com, www.example.com:8443 or *.example.com, without https:// and without a path")
	case strings.ToLower(host) != host:
		return errors.New("it is not written in small letters")
	case strings.HasSuffix(host, ":") || !validPort(u.Port()):
		return errors.New("it has no port from 1 to 65535")
	case strings.HasPrefix(u.Hostname(), ".") || strings.HasSuffix(u.Hostname(), "."):
		return errors.New("it begins or ends with a dot")
	}
	return nil
}

// Page reads the URL of a page that wants to use the app's JS-SDK, and returns it as it is
// signed: without its fragment, and otherwise as it was written. The page has to be on one
// of the app's hosts; else who may have something signed could have it done for anybody's
// pages.
func (a *App) Page(s string) (string, error) {
	page, _, _ := strings.Cut(s, "#")
	u, err := url.Parse(page)
	if err != nil || len(page) > MaxPage || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "" || u.User != nil ||
		strings.ContainsFunc(page, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '\\' }) {
		return "", &Error{
			Code: "invalid", Class: Invalid, Message: "the page is not an absolute http or https URL of at most " + strconv.Itoa(MaxPage) + " bytes, without a user and without white space",
			Hint: "send encodeURIComponent(location.href.split('#')[0])",
		}
	}
	if !slices.ContainsFunc(a.PageHosts, func(allowed string) bool { return hosts(allowed, u) }) {
		return "", ErrPageNotAllowed
	}
	return page, nil
}

// hosts reports whether a URL is on an allowed host. A port that the scheme has anyway may
// be written or not, on either side.
func hosts(allowed string, u *url.URL) bool {
	usual := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	withPort := func(host, port string) string {
		if port == "" {
			port = usual
		}
		return host + ":" + port
	}
	host, below := strings.CutPrefix(allowed, "*.")
	a, err := url.Parse(u.Scheme + "://" + host)
	if err != nil {
		return false
	}
	asked, want := withPort(strings.ToLower(u.Hostname()), u.Port()), withPort(a.Hostname(), a.Port())
	if below {
		return strings.HasSuffix(asked, "."+want)
	}
	return asked == want
}
