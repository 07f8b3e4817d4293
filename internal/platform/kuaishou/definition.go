package kuaishou

import (
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Name is the platform's name in configurations.
const Name = "kuaishou"

// Mode is the one way to issue.
const Mode = "token"

// Platform describes mini programs of Kuaishou. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform { return declared.Must(Definition(), c) }

// Definition describes the platform.
func Definition() declared.Definition {
	return declared.Definition{
		Name:    Name,
		BaseURL: "https://open.kuaishou.com", // [A]
		Modes: []declared.Mode{{
			Name: Mode,
			Tokens: []declared.Token{{
				Kind: broker.AccessToken,
				Request: declared.Request{
					Method: http.MethodPost,
					Path:   "/oauth2/access_token",
					// A form [A]; some send JSON [S], and parameters of the query work too [A].
					Form: map[string]string{"app_id": "{app_id}", "app_secret": "{secret}", "grant_type": "client_credentials"},
				},
				Answer: declared.Answer{
					Token: "access_token", Lifetime: "expires_in",
					Extra: map[string]string{"result": "1", "token_type": "bearer"},
				},
				Rotation: rotation(),
				DropIn:   "token",
			}},
		}},
		// A success says 1, which everything says that is not a picture [A].
		Surfaces: []declared.Surface{{
			Attach: declared.Place{Query: "access_token"}, // [A]
			Errors: declared.Errors{Code: []string{"result"}, OK: []string{"1"}, Message: []string{"error_msg", "errorMsg"}},
		}},
		Codes: codes(),
		Words: words(),
		Exchanges: []declared.Exchange{
			{Method: http.MethodPost, Path: "/oauth2/mp/code2session", In: "form", AppID: "app_id", Secret: "app_secret"},                                                  // [A]
			{Method: http.MethodPost, Path: "/oauth2/refresh_token", In: "form", AppID: "app_id", Secret: "app_secret", Tokens: []string{"access_token", "refresh_token"}}, // [A*]
		},
		// Those of the open platform for websites and mobile apps [A*].
		Users: []string{"/openapi/user_info", "/openapi/user_phone", "/openapi/photo/*"},
		// Those of third-party platforms [A].
		Foreign: []string{"/mp/tp/*"},
	}
}

// rotation: every call gives a new token, and the ones before live on to their own end [A].
func rotation() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Independent,
		Lifetime: 48 * time.Hour, // [A]
		// No quota is documented.
		Limits: broker.Limits{PerDay: 1000, Unplanned: 100},
	}
}
