package qq

import (
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Name is the platform's name in configurations.
const Name = "qq"

// Mode is the one way to issue.
const Mode = "token"

// Platform describes QQ: its mini programs and mini games. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform { return declared.Must(Definition(), c) }

// Definition describes the platform.
func Definition() declared.Definition {
	return declared.Definition{
		Name:    Name,
		BaseURL: "https://api.q.qq.com", // [A]
		Modes: []declared.Mode{{
			Name: Mode,
			Tokens: []declared.Token{{
				Kind: broker.AccessToken,
				Request: declared.Request{
					Method: http.MethodGet,
					Path:   "/api/getToken", // [A]
					Query:  map[string]string{"grant_type": "client_credential", "appid": "{app_id}", "secret": "{secret}"},
				},
				Answer:   declared.Answer{Token: "access_token", Lifetime: "expires_in"},
				Rotation: rotation(),
				DropIn:   "token",
			}},
		}},
		// Some calls, such as those that check contents, write errCode and errMsg [S].
		Surfaces: []declared.Surface{{
			Attach: declared.Place{Query: "access_token"},
			Errors: declared.Errors{Code: []string{"errcode", "errCode"}, OK: []string{"0"}, Message: []string{"errmsg", "errMsg"}},
		}},
		Codes: codes(),
		Words: words(),
		Exchanges: []declared.Exchange{
			{Method: http.MethodGet, Path: "/sns/jscode2session", In: "query", AppID: "appid", Secret: "secret"}, // [A]
		},
		// What else there may be below is not known. On WeChat all of it belongs to users, so
		// the app's token is not attached there (I8).
		Users: []string{"/sns/*"},
	}
}

// rotation: every call gives a new token, which ends the one before. For 5 minutes both
// work [A].
func rotation() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Eager,
		Lifetime: 2 * time.Hour,   // at most 7200 [A]
		Overlap:  5 * time.Minute, // [A]; that only the newest two live is [I]
		Limits: broker.Limits{
			// No quota is documented, so that it is taken to be WeChat's [I].
			PerDay:    2000,
			Unplanned: 100,
		},
	}
}
