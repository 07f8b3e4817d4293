package dingtalk

import (
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Name is the platform's name in configurations.
const Name = "dingtalk"

// BaseURL and LegacyURL are where the newer and the older calls go.
const (
	BaseURL   = "https://api.dingtalk.com"
	LegacyURL = "https://oapi.dingtalk.com"
)

// The modes: the ways to get the token of an internal app. It opens calls of both
// generations, whichever way it was got [A*].
const (
	V1      = "v1"      // v1.0/oauth2/accessToken, which DingTalk recommends
	Legacy  = "legacy"  // gettoken
	Unified = "unified" // v1.0/oauth2/{corpId}/token, which names the corp
)

// CorpID is the parameter that [Unified] needs.
const CorpID = "corp_id"

// Platform describes DingTalk. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform {
	p := declared.Must(Definition(), c)
	p.Pages = pages{}
	return p
}

// Definition describes the platform.
func Definition() declared.Definition {
	return declared.Definition{
		Name:    Name,
		BaseURL: BaseURL,
		Params: []broker.Param{{
			Name: CorpID,
			Help: "the corp's CorpId, which mode unified needs: on the first page of open-dev.dingtalk.com, beside the corp's name",
		}},
		// An app belongs to one corp, and its token is the same whichever way it is got [A*].
		OneToken: true,
		Modes:    modes(),
		Surfaces: surfaces(),
		Codes:    codes(),
		Words:    legacyWords(),
		// Which departments the app may see. It takes no parameter and changes nothing; an app
		// without the permission for it is told so, which only good tokens are [I].
		Check: &declared.Check{Method: http.MethodGet, Path: "/auth/scopes"},
		Exchanges: []declared.Exchange{
			{Method: http.MethodPost, Path: "/v1.0/oauth2/userAccessToken", In: "json", AppID: "clientId", Secret: "clientSecret", Tokens: []string{"accessToken", "refreshToken"}},
		},
		Users: []string{"/v1.0/contact/users/me"},
		// Some of the newer paths are opened by either token [A*].
		Either: true,
		Foreign: []string{
			// Third-party apps, which are issued by a ticket that DingTalk pushes, and the
			// console's single sign-on, which has a secret of its own [A*].
			"/service/*", "/sns/*", "/sso/*",
			"/v1.0/oauth2/suiteAccessToken", "/v1.0/oauth2/corpAccessToken", "/v1.0/oauth2/ssoAccessToken", "/v1.0/oauth2/ssoUserInfo",
			// The robots of groups, each of which has a token of its own in the query [P].
			"/robot/send*",
		},
	}
}

func modes() []declared.Mode {
	ticket := declared.Token{
		Kind: broker.JSAPITicket, From: broker.AccessToken,
		Request:  declared.Request{Method: http.MethodPost, Path: "/v1.0/oauth2/jsapiTickets", JSON: map[string]string{}},
		Answer:   declared.Answer{Token: "jsapiTicket", Lifetime: "expireIn"}, // [S]
		Rotation: ticketRotation(),
		DropIn:   "v1_jsapi_tickets",
	}
	ok := map[string]string{"errcode": "0", "errmsg": "ok"}
	return []declared.Mode{
		{Name: V1, Tokens: []declared.Token{
			{
				Kind: broker.AccessToken,
				// A form gets Missingbody [C].
				Request:  declared.Request{Method: http.MethodPost, Path: "/v1.0/oauth2/accessToken", JSON: map[string]string{"appKey": "{app_id}", "appSecret": "{secret}"}},
				Answer:   declared.Answer{Token: "accessToken", Lifetime: "expireIn"}, // not expiresIn [A*]
				Rotation: tokenRotation(),
				DropIn:   "v1_access_token",
			},
			ticket,
		}},
		{Name: Legacy, Tokens: []declared.Token{
			{
				Kind: broker.AccessToken,
				// In the query: a body is not read [P].
				Request:  declared.Request{Method: http.MethodGet, Path: "/gettoken", Query: map[string]string{"appkey": "{app_id}", "appsecret": "{secret}"}},
				Answer:   declared.Answer{Token: "access_token", Lifetime: "expires_in", Extra: ok},
				Rotation: tokenRotation(),
				DropIn:   "gettoken",
			},
			{
				Kind: broker.JSAPITicket, From: broker.AccessToken,
				Request:  declared.Request{Method: http.MethodGet, Path: "/get_jsapi_ticket"},
				Answer:   declared.Answer{Token: "ticket", Lifetime: "expires_in", Extra: ok},
				Rotation: ticketRotation(),
				DropIn:   "get_jsapi_ticket",
			},
		}},
		{Name: Unified, Tokens: []declared.Token{
			{
				Kind: broker.AccessToken,
				Request: declared.Request{
					Method: http.MethodPost, Path: "/v1.0/oauth2/{param." + CorpID + "}/token",
					JSON: map[string]string{"client_id": "{app_id}", "client_secret": "{secret}", "grant_type": "client_credentials"},
				},
				Answer:   declared.Answer{Token: "access_token", Lifetime: "expires_in"},
				Rotation: tokenRotation(),
				DropIn:   "corp_token",
			},
			ticket,
		}},
	}
}

// surfaces: the newer calls take a header and nothing else, the older ones a parameter [P].
func surfaces() []declared.Surface {
	newer := declared.Surface{
		BaseURL: BaseURL,
		Attach:  declared.Place{Header: "X-Acs-Dingtalk-Access-Token"},
		Errors: declared.Errors{
			Code: []string{"code"}, ByStatus: true, Message: []string{"message"},
			Status: http.StatusBadRequest, RequestID: "requestid",
		},
		Words: words(),
	}
	older := declared.Surface{
		BaseURL: LegacyURL,
		Attach:  declared.Place{Query: "access_token"},
		Errors: declared.Errors{
			// Whose address calls too often is answered by something in front of the platform,
			// with punish and without an errcode [A*].
			Code: []string{"errcode", "punish"}, OK: []string{"0"}, Message: []string{"errmsg"},
			// What is wrong with a token stands there, beside errcode 88 [P].
			Detail:    []string{"sub_code"},
			RequestID: "request_id",
		},
	}
	v1, v2, topapi := newer, newer, older
	v1.Prefix, v2.Prefix = "/v1.0/", "/v2.0/"
	topapi.Prefix = "/topapi/" // the same as the other older ones, but nobody else's paths begin so
	return []declared.Surface{older, topapi, v1, v2}
}

// tokenRotation: within its lifetime repeated calls give the same token and renew it [A*].
func tokenRotation() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Sliding,
		Lifetime: 2 * time.Hour, // 7200 [A*]
		Limits: broker.Limits{
			// How many are too many is not said, only that frequent calls are throttled [A*]. A
			// token needs about two dozen a day.
			PerDay:    1000,
			Unplanned: 200,
		},
	}
}

// ticketRotation: asked again, the platform gives the same ticket for two hours more, but for
// no longer than a day after it was made [A]. How old one is it does not say, so that the
// careful way is that of tickets of unknown age: to ask often enough to see the change, since
// nobody reports a ticket that is dead. Fetching them often is throttled [A*].
func ticketRotation() broker.Rotation {
	return broker.Rotation{
		Family:     broker.Fixed,
		Lifetime:   2 * time.Hour, // 7200 [A*]
		AgeUnknown: true,
		Limits:     broker.Limits{PerDay: 600, Unplanned: 60},
	}
}
