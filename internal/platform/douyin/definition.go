package douyin

import (
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Name is the platform's name in configurations.
const Name = "douyin"

// The modes: the ways to issue.
const (
	Mini   = "mini"   // api/apps/v2/token, of mini programs and mini games
	Client = "client" // oauth/client_token/
	Stable = "stable" // oauth/stable_client_token/: the same while it lives
)

// Platform describes Douyin's open platform and ByteDance's mini programs. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform { return declared.Must(Definition(), c) }

// Definition describes the platform. Mini games have a host of their own since, which the
// old one stands in for [A]: an app that is one may have the base URL
// https://minigame.zijieapi.com/mgplatform.
func Definition() declared.Definition {
	return declared.Definition{
		Name:    Name,
		BaseURL: "https://open.douyin.com", // [A]
		Modes: []declared.Mode{
			{
				Name:    Mini,
				BaseURL: "https://developer.toutiao.com", // [A]
				Tokens: []declared.Token{{
					Kind: broker.AccessToken,
					Request: declared.Request{
						Method: http.MethodPost,
						Path:   "/api/apps/v2/token", // [A]
						JSON:   map[string]string{"appid": "{app_id}", "secret": "{secret}", "grant_type": "client_credential"},
					},
					Answer: declared.Answer{
						Token: "data.access_token", Lifetime: "data.expires_in",
						Extra: map[string]string{"err_no": "0", "err_tips": "success"},
					},
					Rotation: eager(),
					DropIn:   "token",
				}},
			},
			{Name: Client, Tokens: []declared.Token{clientToken("/oauth/client_token/", "client_token", eager())}},
			{Name: Stable, Tokens: []declared.Token{clientToken("/oauth/stable_client_token/", "stable_client_token", fixed())}},
		},
		Surfaces: []declared.Surface{
			{
				// The answers of newer calls, and of those of mini programs, which say err_tips.
				// Older ones say the same once or twice further inside [A].
				Attach: declared.Place{Header: "access-token"}, // [A] of open.douyin.com, [S] of api/apps/v1
				Errors: declared.Errors{
					Code: []string{"err_no", "data.error_code", "extra.error_code"}, OK: []string{"0"},
					Message:   []string{"err_msg", "err_tips", "data.description", "extra.description"},
					RequestID: "log_id",
				},
			},
			{
				Prefix: "/api/apps/",
				Attach: declared.Place{Header: "access-token"},
				Errors: declared.Errors{
					Code: []string{"err_no", "errcode", "error"}, OK: []string{"0"},
					Message:   []string{"err_tips", "err_msg", "errmsg", "message"},
					RequestID: "log_id",
				},
				Words: miniWords(),
			},
			{
				Prefix: "/oauth/",
				Attach: declared.Place{Header: "access-token"},
				Errors: declared.Errors{
					Code: []string{"data.error_code", "extra.error_code", "err_no"}, OK: []string{"0"},
					Message: []string{"data.description", "extra.description", "err_msg"},
				},
				Words: clientWords(),
			},
		},
		Codes: append(issueCodes(), callCodes()...),
		Words: words(),
		Exchanges: []declared.Exchange{
			{Method: http.MethodPost, Path: "/api/apps/v2/jscode2session", In: "json", AppID: "appid", Secret: "secret"},                            // [A]
			{Method: http.MethodGet, Path: "/api/apps/jscode2session", In: "query", AppID: "appid", Secret: "secret"},                               // [A]
			{Method: http.MethodPost, Path: "/oauth/access_token/", In: "form", AppID: "client_key", Secret: "client_secret", Tokens: userTokens()}, // [A]
		},
		// A user's token stands in the same header as the app's [A].
		Either: true,
		Gives: []declared.Giving{
			{Path: "/oauth/refresh_token/", Tokens: userTokens()},
			{Path: "/oauth/renew_refresh_token/", Tokens: userTokens()},
		},
		// A user's refresh token is renewed without a secret [A].
		Users: []string{"/oauth/refresh_token", "/oauth/renew_refresh_token", "/oauth/userinfo"},
		// These want the token of a third-party platform, or give one [A].
		Foreign: []string{"/openapi/v2/auth/tp/*", "/api/tpapp/*"},
	}
}

// userTokens are the fields in which a user's tokens stand [A].
func userTokens() []string { return []string{"data.access_token", "data.refresh_token"} }

func clientToken(path, dropIn string, r broker.Rotation) declared.Token {
	return declared.Token{
		Kind: broker.AccessToken,
		Request: declared.Request{
			Method: http.MethodPost,
			Path:   path, // [A]
			JSON:   map[string]string{"client_key": "{app_id}", "client_secret": "{secret}", "grant_type": "client_credential"},
		},
		Answer: declared.Answer{
			Token: "data.access_token", Lifetime: "data.expires_in",
			Extra: map[string]string{"data.error_code": "0", "data.description": "", "message": "success"},
		},
		Rotation: r,
		DropIn:   dropIn,
	}
}

// eager: every call gives a new token. The one before works for 5 minutes more, and only
// the newest two do [A for client_token; I for that of mini programs, which is documented
// with the 5 minutes alone].
func eager() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Eager,
		Lifetime: 2 * time.Hour,   // [A]
		Overlap:  5 * time.Minute, // [A]
		Limits: broker.Limits{
			// 500 in 5 minutes [A]; a day's quota is not documented. A token needs two dozen.
			PerDay:    2000,
			Unplanned: 100,
		},
	}
}

// fixed: within its 2 hours a token is given again [A]. There is no force, and nothing says
// that a new one comes before the old one's end.
func fixed() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Fixed,
		Lifetime: 2 * time.Hour, // [A]
		Limits:   broker.Limits{PerDay: 2000, Unplanned: 100},
	}
}
