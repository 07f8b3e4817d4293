package wechat

import "github.com/hufu-io/hufu/internal/broker"

// loginMeanings are those of users' logins.
func loginMeanings() map[int64]meaning {
	login := func(code, errmsg, says string) meaning {
		return meaning{code: code, class: broker.Invalid, errmsg: errmsg, says: says, hint: hintLogin}
	}
	return map[int64]meaning{
		codeBadCode: login("bad_login_code", "invalid code", "the login code is wrong"),
		40163:       login("login_code_used", "code been used", "the login code was used before"),
		codeNoCode:  login("login_code_missing", "missing code", "the login code is missing"),
		42003:       login("login_code_expired", "code expired", "the login code is too old"),
		40226: {
			code: "login_blocked", class: broker.Denied, errmsg: "code blocked",
			says: "the platform takes this user for a high risk", hint: "nothing to do here: the user has to sort it out with WeChat",
		},
		codeBadOpenID: {
			code: "bad_open_id", class: broker.Invalid, errmsg: "invalid openid",
			says: "this is no open id of the app's users, or not that of the token's user", hint: "a user's open id differs from app to app; compare it with the one of this app's login",
		},
		// Said by sns/userinfo [C: the platform's own forum]; the table has the code as "no openid" [A*].
		41009: {
			code: "open_id_missing", class: broker.Invalid, errmsg: "missing openid",
			says: "the user's open id is missing", hint: "send the openid beside the user's access_token; both come with the exchange of the code",
		},
		46004: { // [A*]
			code: "unknown_user", class: broker.Invalid, errmsg: "user not exist",
			says: "the platform has no such user", hint: "a user's open id differs from app to app, and is gone with the account; compare it with the one of this app's login",
		},
		codeBadRefresh: login("bad_refresh_token", "invalid refresh_token", "the refresh token is wrong"),
		codeNoRefresh:  login("refresh_token_missing", "refresh_token missing", "the refresh token is missing"),
		codeOldRefresh: login("refresh_token_expired", "refresh_token expired", "the refresh token is too old"),
		codeGrantOver: {
			code: broker.ErrGrantEnded.Code, class: broker.Denied, errmsg: "access_token and refresh_token exception",
			says: "the user has changed the password or taken the authorization back", hint: hintAgain,
		},
	}
}

// componentMeanings are those of third-party platforms. This server does not act as
// one yet, but an app id of the wrong sort gets such codes too.
func componentMeanings() map[int64]meaning {
	absent := func(code, errmsg string) meaning {
		return meaning{code: code, class: broker.Misconfigured, errmsg: errmsg, says: "the platform wants what only a third-party platform has", hint: hintComponent}
	}
	ticket := func(code, errmsg string) meaning {
		return meaning{
			code: code, class: broker.Transient, errmsg: errmsg, says: "the platform refuses the component's ticket",
			hint: "WeChat pushes a new one every ten minutes; check that its pushes arrive",
		}
	}
	return map[int64]meaning{
		40091: ticket("bad_component_ticket", "invalid component ticket"),
		61005: ticket("component_ticket_expired", "component ticket is expired"),
		61006: ticket("bad_component_ticket", "component ticket is invalid"),
		40094: {
			code: "wrong_component_credential", class: broker.BadCredential, errmsg: "invalid component credential",
			says: "the platform refuses the component's secret or token", hint: "compare the component's secret with open.weixin.qq.com",
		},
		42006: {
			code: "component_token_expired", class: broker.Transient, errmsg: "component_access_token expired",
			says: "the component's token has expired", hint: "nothing to do if it stays the only one",
		},
		41018: absent("component_app_id_missing", "missing component_appid"),
		41019: absent("component_secret_missing", "missing platform_secret"),
		41020: absent("component_ticket_missing", "missing platform_ticket"),
		41021: absent("component_token_missing", "missing component_access_token"),
		61003: {
			code: "not_authorized_by_account", class: broker.Denied, errmsg: "component is not authorized by this account",
			says: "the account has not authorized the third-party platform", hint: hintAuthorize,
		},
		61007: {
			code: "api_not_granted", class: broker.Misconfigured, errmsg: "api is unauthorized to component",
			says: "the account did not grant this call to the third-party platform", hint: hintAuthorize,
		},
		61009: {code: "bad_authorization_code", class: broker.Invalid, errmsg: "code is invalid", says: "the authorization code is wrong", hint: hintAuthorize},
		61010: {code: "authorization_code_expired", class: broker.Invalid, errmsg: "code is expired", says: "the authorization code is too old", hint: hintAuthorize},
		61011: {code: "wrong_component", class: broker.Misconfigured, errmsg: "invalid component", says: "the platform does not know the component", hint: hintComponent},
		61014: {code: "component_token_required", class: broker.Misconfigured, errmsg: "must use component token", says: "the call takes only a component's token", hint: hintComponent},
		61015: {
			code: "account_token_required", class: broker.Misconfigured, errmsg: "must use biz token",
			says: "the call takes only an account's own token", hint: "use the app of the account instead of the component",
		},
		61023: {
			code: "authorization_ended", class: broker.Denied, errmsg: "refresh_token is invalid",
			says: "the account's authorization of the third-party platform has ended", hint: hintAuthorize,
		},
		61024: {
			code: "app_is_component", class: broker.Misconfigured, errmsg: "must use api_component_token for component acct",
			says: "the app id is that of a third-party platform (component)", hint: hintComponent,
		},
		61028: {
			code: "component_unpublished", class: broker.Misconfigured, errmsg: "component is unpublished",
			says: "the third-party platform is not published", hint: "publish it at open.weixin.qq.com",
		},
	}
}
