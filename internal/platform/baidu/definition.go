package baidu

import (
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Name is the platform's name in configurations.
const Name = "baidu"

// Mode is the one way to issue.
const Mode = "token"

// Platform describes Baidu's AI services. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform { return declared.Must(Definition(), c) }

// Definition describes the platform.
func Definition() declared.Definition {
	return declared.Definition{
		Name:    Name,
		BaseURL: "https://aip.baidubce.com", // [A]
		Modes: []declared.Mode{{
			Name: Mode,
			Tokens: []declared.Token{{
				Kind: broker.AccessToken,
				Request: declared.Request{
					Method: http.MethodPost,
					Path:   "/oauth/2.0/token", // [A]
					Query:  map[string]string{"grant_type": "client_credentials", "client_id": "{app_id}", "client_secret": "{secret}"},
				},
				Answer: declared.Answer{
					Token: "access_token", Lifetime: "expires_in",
					// The platform's own SDKs refuse a token without this scope, or take it for one of
					// another sort, and look at nothing else [S].
					Extra: map[string]string{"scope": "public brain_all_scope"},
				},
				Rotation: rotation(),
				DropIn:   "token",
			}},
		}},
		Surfaces: []declared.Surface{
			{
				Attach: declared.Place{Query: "access_token"}, // [A]
				// log_id stands in every answer [A].
				Errors: declared.Errors{Code: []string{"error_code"}, OK: []string{"0"}, Message: []string{"error_msg"}, RequestID: "log_id"},
			},
			{
				Prefix: "/oauth/",
				Attach: declared.Place{Query: "access_token"},
				Errors: declared.Errors{
					Code: []string{"error"}, Message: []string{"error_description"},
					Status: http.StatusUnauthorized, // [P] for invalid_client
				},
				Words: issueWords(),
			},
		},
		Codes: codes(),
		Words: words(),
	}
}

// rotation: every call gives a new token. The ones before are not touched and can still be
// used: so say the pages of one service of it [A*], and the documentation recommends to ask
// for one at every start as one of two ways [A].
func rotation() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Independent,
		Lifetime: 30 * 24 * time.Hour, // [A]
		// No quota is documented.
		Limits: broker.Limits{PerDay: 1000, Unplanned: 100},
	}
}
