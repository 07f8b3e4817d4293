package wechat

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// openURL is where the platform's pages for logging in are.
const openURL = "https://open.weixin.qq.com"

// The scopes of the web authorization.
const (
	scopeBase  = "snsapi_base"     // who the user is to the app, without a question to her
	scopeInfo  = "snsapi_userinfo" // who she is, after a question
	scopeLogin = "snsapi_login"    // the same for web sites, by a QR code
)

// Paths of the platform's pages.
const (
	pathAuthorize = "/connect/oauth2/authorize" // in WeChat
	pathQRConnect = "/connect/qrconnect"        // in any other browser
)

// maxState is the longest state that the platform gives back [A*].
const maxState = 128

// web is the platform's [broker.WebAuthorization].
type web struct{ client client }

// Scopes implements [broker.WebAuthorization].
func (web) Scopes() []string { return []string{scopeBase, scopeInfo, scopeLogin} }

// DefaultScopes implements [broker.WebAuthorization]: those of an official account. The other
// one is of web sites, which are registered as apps of their own [A].
func (web) DefaultScopes() []string { return []string{scopeBase, scopeInfo} }

// KindOf implements [broker.WebAuthorization]. The platform answers with a list that
// commas separate, and sometimes end [A*]; the widest scope in it that is known counts.
func (w web) KindOf(scope string) broker.Kind {
	for _, known := range slices.Backward(w.Scopes()) {
		for part := range strings.SplitSeq(scope, ",") {
			if strings.TrimSpace(part) == known {
				return broker.Kind(known)
			}
		}
	}
	return ""
}

// AuthorizeURL implements [broker.WebAuthorization]. The platform compares the whole URL
// with a pattern, so that the order of the parameters matters, and the fragment must be
// there [A*].
func (w web) AuthorizeURL(r broker.AuthorizeRequest) (string, error) {
	u, err := url.Parse(pagesOf(r.App))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "":
		return "", &broker.Error{
			Code: "bad_authorize_url", Class: broker.Misconfigured,
			Message: "the app's authorize_url is not an http or https URL",
			Hint:    "set login.authorize_url to the platform's own, " + openURL + ", or leave it out",
		}
	case r.App.AppID == "":
		return "", refusalHere(codeNoAppID)
	case !slices.Contains(w.Scopes(), r.Scope):
		return "", &broker.Error{
			Code: "unknown_scope", Class: broker.Invalid,
			Message: "the platform has no such scope",
			Hint:    "ask for one of " + strings.Join(w.Scopes(), ", "),
		}
	case r.Callback == "" || r.State == "" || len(r.State) > maxState || strings.ContainsFunc(r.State, notAlphanumeric):
		return "", &broker.Error{
			Code: "bad_request", Class: broker.Misconfigured,
			Message: "a login needs a callback, and a state of letters and digits",
		}
	}
	path := pathAuthorize
	if r.Scope == scopeLogin {
		path = pathQRConnect
	}
	u = u.JoinPath(path)
	u.RawQuery = "appid=" + url.QueryEscape(r.App.AppID) + "&redirect_uri=" + url.QueryEscape(r.Callback) +
		"&response_type=code&scope=" + r.Scope + "&state=" + r.State
	u.Fragment = "wechat_redirect"
	return u.String(), nil
}

// pagesOf is where an app's users log in. An app that is at a simulated platform on this
// machine has its pages there too: they would else be sent to the real one.
func pagesOf(app *broker.App) string {
	base := openURL
	if _, host, err := broker.ParseBaseURL(app.BaseURL); err == nil && broker.LoopbackHost(host) {
		base = app.BaseURL
	}
	if app.Login != nil {
		base = cmp.Or(app.Login.AuthorizeURL, base)
	}
	return base
}

func notAlphanumeric(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
}
