package wechat

import (
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Paths that are not called from here.
const (
	pathClearQuota     = "/cgi-bin/clear_quota"
	pathClearQuotaV2   = "/cgi-bin/clear_quota/v2"
	pathClearQuotaPath = "/cgi-bin/openapi/quota/clear"
)

// Paths of users' logins.
const (
	pathUserExchange = "/sns/oauth2/access_token"
	pathUserRefresh  = "/sns/oauth2/refresh_token"
	pathUserInfo     = "/sns/userinfo"
	pathUserCheck    = "/sns/auth"
	pathLogin        = "/sns/jscode2session"
	pathSubscription = "/cgi-bin/user/info" // takes the app's token

	below = "/" // what a prefix of paths ends in

	belowSNS       = "/sns" + below               // where users' tokens are good, and apps' are not
	belowComponent = "/cgi-bin/component" + below // where a third-party platform's own token is good
)

// Hosts implements [broker.Upstream]: the nearest entry, the one for disasters, and those
// of Shanghai, Shenzhen and Hong Kong [A].
func (upstream) Hosts() []string {
	return []string{
		"api.weixin.qq.com", "api2.weixin.qq.com", "sh.api.weixin.qq.com", "sz.api.weixin.qq.com", "hk.api.weixin.qq.com",
	}
}

// Denied implements [broker.Upstream]: what spends one of the ten times a month in which
// an account's quotas can be cleared, shared by all these calls [A].
func (upstream) Denied() []string {
	return []string{
		pathClearQuota, pathClearQuotaV2, pathClearQuotaPath,
		belowComponent + "clear_quota", belowComponent + "clear_quota/v2",
	}
}

// Route implements [broker.Upstream].
//
// Everything below /sns/ is a user's or the exchange for a user's token: the app's own
// token is not attached to a path there that is not known yet (I8). Below
// /cgi-bin/component/ the token of a third-party platform is wanted, and of some its
// calls issue tokens. Nobody keeps that token here yet, and with the app's own in its
// place the platform would say that it is not good, for which a good token would be
// replaced. So these calls are not passed on.
func (upstream) Route(path string) broker.Route {
	switch path = Canonical(path); path {
	case pathClassic, pathStable, pathTicket:
		return broker.Route{Sort: broker.CallManaged}
	case pathLogin, pathUserExchange:
		return broker.Route{Sort: broker.CallExchange}
	case pathClearQuotaV2:
		return broker.Route{Sort: broker.CallExchange, Clears: true}
	case pathClearQuota, pathClearQuotaPath:
		// The last gives back one path's quota only. That all are tried again costs a
		// refusal each; that the one is not would waste what was spent on it.
		return broker.Route{Metered: true, Clears: true}
	}
	switch {
	case path == pathUserInfo, path == pathUserCheck, path == pathUserRefresh:
		return broker.Route{Sort: broker.CallUser, Nameless: true}
	case strings.HasPrefix(path, belowSNS):
		return broker.Route{Sort: broker.CallUser}
	case strings.HasPrefix(path, belowComponent):
		return broker.Route{Sort: broker.CallForeign}
	default:
		return broker.Route{Sort: broker.CallApp, Metered: true}
	}
}

// Canonical is a path as it is compared, see [platform.Canonical].
func Canonical(path string) string { return platform.Canonical(path) }

// is reports whether a request is one for a path of the platform, however it is written.
func is(requested, path string) bool { return Canonical(requested) == path }
