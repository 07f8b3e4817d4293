package xiaohongshu

import (
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Name is the platform's name in configurations.
const Name = "xiaohongshu"

// Mode is the one way to issue.
const Mode = "token"

// Platform describes mini programs of Xiaohongshu. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform { return declared.Must(Definition(), c) }

// Definition describes the platform. Its test environment is another platform with other
// apps: its base URL is https://miniapp-sandbox.xiaohongshu.com [S].
func Definition() declared.Definition {
	return declared.Definition{
		Name:    Name,
		BaseURL: "https://miniapp.xiaohongshu.com", // [A]
		Modes: []declared.Mode{{
			Name: Mode,
			Tokens: []declared.Token{{
				Kind: broker.AccessToken,
				Request: declared.Request{
					Method: http.MethodPost,
					Path:   "/api/rmp/token", // [A]
					JSON:   map[string]string{"appid": "{app_id}", "secret": "{secret}"},
				},
				Answer: declared.Answer{
					Token: "data.access_token", Lifetime: "data.expire_in", // so written [A]
					Extra: map[string]string{"code": "0", "success": "true", "msg": "success"}, // SDKs look at the first two [S]
				},
				Rotation: rotation(),
				DropIn:   "token",
			}},
		}},
		// Calls with a token name the app beside it, as app_id or appid [A].
		Surfaces: []declared.Surface{{
			Attach: declared.Place{Query: "access_token"}, // [A]
			Errors: declared.Errors{Code: []string{"code"}, OK: []string{"0"}, Message: []string{"msg"}},
		}},
		Codes: codes(),
		Words: words(),
		// The categories that the app has chosen, which are read and not changed [S].
		Check: &declared.Check{Method: http.MethodGet, Path: "/api/rmp/apps/category", Query: map[string]string{"app_id": "{app_id}"}},
		// A user's session is had by the app's token, not its secret: GET /api/rmp/session is a
		// call like others [A].
	}
}

// rotation: every call gives a new token, after which the one before works for 5 minutes.
// No more than two work at a time [A]; the platform's staff says the same to those who ask
// [C].
func rotation() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Eager,
		Lifetime: 2 * time.Hour,   // [A]
		Overlap:  5 * time.Minute, // [A]
		Limits: broker.Limits{
			// No quota is documented, so that it is taken to be the usual one [I].
			PerDay:    2000,
			Unplanned: 100,
		},
	}
}
