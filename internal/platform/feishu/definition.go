package feishu

import (
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// The platforms' names in configurations.
const (
	Name     = "feishu"
	LarkName = "lark"
)

// The modes: the two ways to get the token of a tenant.
const (
	Classic = "classic" // auth/v3, which also gives the token of the app itself
	OAuth   = "oauth"   // oauth/v3/token, which gives JWTs of up to 4 KB [A]
)

// Paths of the platform.
const (
	pathTenant = "/open-apis/auth/v3/tenant_access_token/internal"
	pathApp    = "/open-apis/auth/v3/app_access_token/internal"
	pathOAuth  = "/oauth/v3/token"
	pathTicket = "/open-apis/jssdk/ticket/get"
	pathBot    = "/open-apis/bot/v3/info"
)

// Platform describes Feishu. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform { return made(Definition(), c) }

// Lark describes Lark. Its calls are made by c.
func Lark(c *platform.Caller) broker.Platform { return made(LarkDefinition(), c) }

func made(def declared.Definition, c *platform.Caller) broker.Platform {
	p := declared.Must(def, c)
	p.Pages = platform.Pages{Unit: time.Millisecond} // as the SDKs sign [S]
	return p
}

// Definition describes Feishu.
func Definition() declared.Definition {
	return definition(Name, "https://open.feishu.cn", "https://accounts.feishu.cn")
}

// LarkDefinition describes Lark. That its OAuth endpoint is where Feishu's is comes from the
// SDK and from the platform's own command line [S]; that one has met apps of a tenant's own
// to which it says 20050 with HTTP 500 and which auth/v3 serves [C].
func LarkDefinition() declared.Definition {
	return definition(LarkName, "https://open.larksuite.com", "https://accounts.larksuite.com")
}

// definition is the platform at one of its places. Accounts is where its OAuth endpoints are.
func definition(name, baseURL, accounts string) declared.Definition {
	return declared.Definition{
		Name:     name,
		BaseURL:  baseURL,
		Modes:    modes(),
		Surfaces: surfaces(accounts),
		Codes:    codes(),
		Words:    words(),
		// It wants no permission [A]. An app without a bot is told so, which only good tokens
		// are [I].
		Check: &declared.Check{Method: http.MethodGet, Path: pathBot},
		Exchanges: []declared.Exchange{
			// Users' codes and refresh tokens. Of the newer path, /oauth/v3/token, this server
			// answers the grant of the app itself only.
			{Method: http.MethodPost, Path: "/open-apis/authen/v2/oauth/token", In: "json", AppID: "client_id", Secret: "client_secret", Tokens: []string{"access_token", "refresh_token"}},
		},
		Users: []string{"/open-apis/authen/v1/user_info"},
		Foreign: []string{
			// Those of apps of the app store, which are opened by a ticket that is pushed.
			"/open-apis/auth/*",
			// What else the accounts' host has is for users in their browsers and on devices.
			"/oauth/*",
			// The robots of groups, each of which has a key of its own in the path.
			"/open-apis/bot/v2/hook/*", "/open-apis/bot/hook/*",
		},
		// A user's token opens most of the paths that the tenant's does [A].
		Either: true,
		Gives: []declared.Giving{
			{Path: "/open-apis/authen/v1/access_token", Tokens: userTokens()},
			{Path: "/open-apis/authen/v1/refresh_access_token", Tokens: userTokens()},
			{Path: "/open-apis/authen/v1/oidc/access_token", Tokens: userTokens()},
			{Path: "/open-apis/authen/v1/oidc/refresh_access_token", Tokens: userTokens()},
			{Path: "/open-apis/mina/v2/tokenLoginValidate", Tokens: userTokens()},
		},
		// Logins by the older paths want the app's own token [A].
		Kinds: map[string]broker.Kind{
			"/open-apis/authen/v1/access_token":         broker.AppAccessToken,
			"/open-apis/authen/v1/refresh_access_token": broker.AppAccessToken,
			"/open-apis/authen/v1/oidc/*":               broker.AppAccessToken,
			"/open-apis/mina/v2/tokenLoginValidate":     broker.AppAccessToken,
		},
	}
}

// userTokens are the fields of older answers in which a user's tokens stand [A].
func userTokens() []string { return []string{"data.access_token", "data.refresh_token"} }

func modes() []declared.Mode {
	ok := map[string]string{"code": "0", "msg": "ok"}
	internal := func(kind broker.Kind, path, field string) declared.Token {
		return declared.Token{
			Kind: kind,
			Request: declared.Request{
				Method: http.MethodPost, Path: path,
				JSON: map[string]string{"app_id": "{app_id}", "app_secret": "{secret}"},
			},
			Answer:   declared.Answer{Token: field, Lifetime: "expire", Extra: ok}, // at the top, and not expires_in [A]
			Rotation: tokenRotation(),
			DropIn:   field,
		}
	}
	own := internal(broker.AppAccessToken, pathApp, "app_access_token")
	own.OnDemand = true // for the older logins and little else
	ticket := declared.Token{
		Kind: broker.JSAPITicket, From: broker.AccessToken,
		Request:  declared.Request{Method: http.MethodPost, Path: pathTicket, JSON: map[string]string{}},
		Answer:   declared.Answer{Token: "data.ticket", Lifetime: "data.expire_in", Extra: ok}, // [A]
		Rotation: ticketRotation(),
		DropIn:   "jssdk_ticket",
	}
	return []declared.Mode{
		{Name: Classic, Tokens: []declared.Token{
			internal(broker.AccessToken, pathTenant, "tenant_access_token"),
			own,
			ticket,
		}},
		{Name: OAuth, Tokens: []declared.Token{
			{
				Kind: broker.AccessToken,
				Request: declared.Request{
					Method: http.MethodPost, Path: pathOAuth,
					// By HTTP Basic or in the form, but never both (20070) [A].
					Form: map[string]string{"grant_type": "client_credentials", "client_id": "{app_id}", "client_secret": "{secret}"},
				},
				Answer:   declared.Answer{Token: "access_token", Lifetime: "expires_in", Extra: map[string]string{"code": "0", "token_type": "Bearer"}},
				Rotation: tokenRotation(),
				DropIn:   "oauth_token",
			},
			ticket,
		}},
	}
}

// surfaces: a token stands in the same place everywhere, but refusals look different where
// tokens are asked for.
func surfaces(accounts string) []declared.Surface {
	bearer := declared.Place{Header: "Authorization", Scheme: "Bearer"}
	errors := declared.Errors{
		Code: []string{"code"}, OK: []string{"0"}, Message: []string{"msg"}, Status: http.StatusBadRequest,
		RequestID: "X-Tt-Logid",            // [S]
		Wait:      "X-Ogw-Ratelimit-Reset", // [A]
	}
	auth := errors
	auth.Status = http.StatusOK // [P]
	oauth := errors
	oauth.Message = []string{"error_description", "msg"}
	return []declared.Surface{
		{Attach: bearer, Errors: errors},
		{Prefix: "/open-apis/", Attach: bearer, Errors: errors}, // the same, but nobody else's paths begin so
		{Prefix: "/open-apis/auth/", Attach: bearer, Errors: auth},
		{Prefix: "/open-apis/authen/v2/oauth/", Attach: bearer, Errors: oauth, Words: oauthWords()},
		{Prefix: "/oauth/", BaseURL: accounts, Attach: bearer, Errors: oauth, Words: oauthWords()},
	}
}

// tokenRotation: with half an hour or more left repeated calls give the same token, with
// less a new one, and both work on [A]. That is said of auth/v3. Of oauth/v3/token it is not
// known [U]; renewed in the last half hour a token is replaced in time whatever holds there.
func tokenRotation() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Late,
		Lifetime: 2 * time.Hour,    // at most [A]
		Window:   30 * time.Minute, // [A]
		Limits: broker.Limits{
			// The platform allows 1000 a minute and 50 a second [A], and a token needs about
			// sixteen a day. This is for storms.
			PerDay:    2000,
			Unplanned: 200,
		},
	}
}

// ticketRotation: fetching tickets often is throttled, says the documentation, and no more
// [A]. What is not known is taken as it is at WeChat, which is the careful way: the same
// ticket within its lifetime, and 7200 said whatever its age is [I].
func ticketRotation() broker.Rotation {
	return broker.Rotation{
		Family:     broker.Fixed,
		Lifetime:   2 * time.Hour, // 7200 [A]
		AgeUnknown: true,
		Limits:     broker.Limits{PerDay: 600, Unplanned: 60},
	}
}
