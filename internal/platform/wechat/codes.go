package wechat

import (
	"maps"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Hints that several codes share.
const (
	hintWhitelist = "add {ip} to the IP whitelist (IP白名单): " + whereSettings
	hintConfirm   = "the app's administrator has got a message from WeChat and has to confirm {ip}; better, set the IP whitelist (IP白名单), which ends these questions: " + whereSettings
	// whereSettings is where the two sorts of accounts find their app id, secret and whitelist.
	whereSettings = "设置与开发 → 基本配置 (Settings → Basic configuration) of an official account, 开发管理 → 开发设置 (Development → Development settings) of a mini program"
	hintBaseURL   = "check that the app's base_url is https://api.weixin.qq.com and that nothing on the way changes the request"
	hintPunished  = "see the account's messages at mp.weixin.qq.com for the reason and the way to appeal"
	hintReject    = "nothing to do if it stays the only one; else another server uses the same secret and issues tokens: find it, or give it a key of this server"
	hintComponent = "this call is one of third-party platforms (component); this app is to be an official account or a mini program, with its own app id and secret"
	hintLogin     = "let the user log in again; a login code works once and for minutes"
	hintAgain     = "let the user authorize again"
	hintAuthorize = "let the account's administrator authorize the third-party platform again"
	hintQuota     = "it ends at midnight in Beijing. See who spends it: other servers with the same secret, or clients that report tokens as rejected. POST /cgi-bin/clear_quota/v2 with the app secret ends it now, ten times a month at most"
)

// meanings says what the platform's codes mean. It is never written to. The codes and
// their words are those of the platform's global table [S, A*], the classes ours.
var meanings = merge(generalMeanings(), addressMeanings(), loginMeanings(), componentMeanings())

func merge(parts ...map[int64]meaning) map[int64]meaning {
	all := map[int64]meaning{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

// generalMeanings are those of calls with an app secret or its token.
func generalMeanings() map[int64]meaning {
	rejected := func(errmsg string) meaning {
		e := broker.ErrRejected
		return meaning{code: e.Code, class: e.Class, errmsg: errmsg, says: e.Message, hint: hintReject}
	}
	return map[int64]meaning{
		codeSystem: {
			code: "system_busy", class: broker.Transient, errmsg: "system error",
			says: "the platform has a fault of its own", hint: "nothing to do if it passes: the call is repeated",
		},

		codeBadToken:     rejected("invalid credential, access_token is invalid or not latest"),
		codeInvalidToken: rejected("invalid access_token"),
		codeExpired:      rejected("access_token expired"),
		codeNoToken: {
			code: "token_missing", class: broker.Misconfigured, errmsg: "access_token missing",
			says: "the access token did not reach the platform", hint: hintBaseURL,
		},

		40002: {
			code: "wrong_grant_type", class: broker.Misconfigured, errmsg: "invalid grant_type",
			says: "the platform does not know the grant type", hint: hintBaseURL,
		},
		codeBadAppID: {
			code: "wrong_app_id", class: broker.Misconfigured, errmsg: "invalid appid",
			says: "the platform does not know the app id", hint: "compare the app's app_id with that at mp.weixin.qq.com: " + whereSettings,
		},
		codeNoAppID: {
			code: "app_id_missing", class: broker.Misconfigured, errmsg: "appid missing",
			says: "the app has no app id, or it did not reach the platform", hint: "set the app's app_id; if it is set: " + hintBaseURL,
		},
		codeBadSecret: {
			code: "wrong_secret", class: broker.BadCredential, errmsg: "invalid appsecret",
			says: "the platform refuses the app secret", hint: "if the secret (AppSecret) was reset, put the new one into the app; it belongs to exactly one app_id. It is reset under " + whereSettings,
		},
		codeNoSecret: {
			code: "secret_missing", class: broker.Misconfigured, errmsg: "appsecret missing",
			says: "the app has no secret, or it did not reach the platform", hint: "set the app's secret; if it is set: " + hintBaseURL,
		},
		40243: {
			code: "secret_frozen", class: broker.BadCredential, errmsg: "secret frozen",
			says: "the app secret is frozen", hint: "unfreeze it (AppSecret → 解冻): " + whereSettings,
		},
		50002: {
			code: "account_limited", class: broker.Denied, errmsg: "user limited",
			says: "the platform limits the account", hint: hintPunished,
		},
		50004: {
			code: "token_forbidden", class: broker.Denied, errmsg: "user not allow to use accesstoken, maybe for punishment",
			says: "the account may not use access tokens, maybe as a punishment", hint: hintPunished,
		},
		50007: {
			code: "account_frozen", class: broker.Denied, errmsg: "account frozen",
			says: "the account is frozen", hint: hintPunished,
		},

		codeDayQuota: {
			code: "daily_quota", class: broker.Throttled, errmsg: "reach max api daily quota limit", reset: broker.ResetDay,
			says: "the app's daily quota of this call is used up", hint: hintQuota,
		},
		codeMinuteQuota: {
			code: "minute_quota", class: broker.Throttled, errmsg: "api minute-quota reach limit, must slower, retry next minute", reset: broker.ResetMinute,
			says: "the app's quota of this call for this minute is used up", hint: "it ends with the minute. If it comes again, find what else calls the platform for this app",
		},
		48006: {
			// The counter is one of months; once a day is often enough to look.
			code: "clear_quota_spent", class: broker.Throttled, errmsg: "forbid to clear quota because of reaching the limit", reset: broker.ResetDay,
			says: "the quotas of this account were cleared ten times this month", hint: "wait: the daily quota ends at midnight in Beijing, this one with the month",
		},

		codeUnauthorized: {
			code: "api_not_authorized", class: broker.Misconfigured, errmsg: "api unauthorized",
			says: "the account has no right to this call", hint: "see which rights it has: 设置与开发 → 接口权限 (Settings → API permissions); most need a verified account",
		},
		48004: {
			code: "api_forbidden", class: broker.Denied, errmsg: "api forbidden for irregularities",
			says: "the platform forbids this call to the account", hint: hintPunished,
		},
		50001: {
			code: "user_not_authorized", class: broker.Denied, errmsg: "api unauthorized or user unauthorized",
			says: "the user or the account did not authorize this call", hint: "ask the user for the scope that the call needs",
		},

		codeBadPath: {code: "wrong_path", class: broker.Misconfigured, errmsg: "invalid url", says: "the platform has no such call", hint: hintBaseURL},
		40222: {
			code: "wrong_domain", class: broker.Misconfigured, errmsg: "invalid request idc domain",
			says: "the app may not be used at this host of the platform", hint: hintBaseURL,
		},
		43001:         {code: "wrong_method", class: broker.Misconfigured, errmsg: "require GET method", says: "the call came with a wrong method", hint: hintBaseURL},
		43002:         {code: "wrong_method", class: broker.Misconfigured, errmsg: "require POST method", says: "the call came with a wrong method", hint: hintBaseURL},
		43003:         {code: "https_required", class: broker.Misconfigured, errmsg: "require https", says: "the call did not come by https", hint: hintBaseURL},
		44002:         {code: "empty_body", class: broker.Misconfigured, errmsg: "empty post data", says: "the call came without its body", hint: hintBaseURL},
		codeBadFormat: {code: "bad_format", class: broker.Misconfigured, errmsg: "data format error", says: "the platform could not read the call's body", hint: hintBaseURL},

		76001: {code: "rid_not_found", class: broker.NotFound, errmsg: "rid not found", says: "the platform has no such rid", hint: "a rid is kept for 7 days"},
		76002: {code: "bad_rid", class: broker.Invalid, errmsg: "invalid rid", says: "this is no rid", hint: "copy it from the end of the platform's message"},
		76003: {code: "foreign_rid", class: broker.Invalid, errmsg: "rid or cgi_path does not belong to this account", says: "the rid or path is not this account's", hint: "ask with the app that made the call; a path begins with / and has no host"},
		76021: {code: "unknown_path", class: broker.Invalid, errmsg: "cgi_path not found", says: "the platform has no such path", hint: "a path begins with / and has no host"},
		76022: {code: "foreign_path", class: broker.Invalid, errmsg: "token does not match this cgi_path", says: "the path is not one of this account's", hint: "ask with the app that makes the call; paths of /sns/ have no quota"},
		87009: {code: "bad_signature", class: broker.Invalid, errmsg: "invalid signature", says: "the signature is wrong", hint: "sign with the session key of this user's last login"},
	}
}

// Our codes for refused addresses.
const (
	codeNotListed    = "ip_not_whitelisted"
	codeNotConfirmed = "ip_unconfirmed"
	codeIPRefused    = "ip_refused"
	codeIPNotAllowed = "ip_not_allowed"
)

// addressMeanings are those about where a call comes from.
func addressMeanings() map[int64]meaning {
	blocked := func(errmsg string) meaning {
		return meaning{code: codeNotListed, class: broker.Misconfigured, errmsg: errmsg, says: "this server's address is not on the app's whitelist", hint: hintWhitelist}
	}
	pending := func(errmsg string) meaning {
		return meaning{code: codeNotConfirmed, class: broker.Misconfigured, errmsg: errmsg, says: "this server's address waits to be confirmed by the app's administrator", hint: hintConfirm, retry: time.Minute}
	}
	return map[int64]meaning{
		40164: blocked("invalid ip, not in whitelist"),
		45035: blocked("access clientip is not registered, not in ip-white-list"),
		61004: blocked("access clientip is not registered"),
		40090: {
			code: codeIPNotAllowed, class: broker.Misconfigured, errmsg: "invalid request source (bad client ip)",
			says: "the platform does not take calls from this server's address", hint: hintWhitelist,
		},
		40187: {
			code: codeIPNotAllowed, class: broker.Misconfigured, errmsg: "invalid ip",
			says: "the platform does not take calls from this server's address", hint: hintWhitelist,
		},
		40095: {
			code: "caller_not_allowed", class: broker.Misconfigured, errmsg: "bad source of caller",
			says: "the platform does not take this call from this sort of caller", hint: "third-party platforms and cloud hosting have calls of their own; use the app's own id and secret here",
		},
		// While an address waits, every call may send the administrator another message, so
		// it is asked at most once a minute [I].
		89501: pending("a confirmation of this ip is pending"),
		89502: pending("waiting for the administrator's confirmation"),
		89503: pending("this ip needs to be confirmed by the administrator"),
		89504: pending("waiting for the administrator's confirmation"),
		89505: pending("waiting for the administrator's confirmation"),
		89506: {
			code: codeIPRefused, class: broker.Misconfigured, errmsg: "this ip has been refused by the administrator, retry after 24 hours",
			says: "the app's administrator has refused this server's address more than once, for 24 hours", hint: hintWhitelist,
		},
		89507: {
			code: codeIPRefused, class: broker.Misconfigured, errmsg: "this ip has been refused by the administrator, retry after 1 hour",
			says: "the app's administrator has refused this server's address, for an hour", hint: hintWhitelist,
		},
	}
}
