package oauth2

import (
	"cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Name is the platform's name in configurations.
const Name = "oauth2"

// The modes are the grants of RFC 6749.
const (
	ClientCredentials = "client_credentials" // section 4.4
	RefreshToken      = broker.RefreshMode   // section 6
)

// Platform describes providers of OAuth 2.0. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform {
	ends := newEndpoints(c)
	return broker.Platform{
		Name:       Name,
		OAuth2:     true,
		Modes:      []string{ClientCredentials, RefreshToken},
		Upstream:   upstream{},
		TokenPaths: tokenPaths(),
		Canonical:  platform.Canonical,
		Kinds: func(mode string) map[broker.Kind]broker.Source {
			rot := rotation()
			grant := cmp.Or(mode, ClientCredentials)
			switch grant {
			case ClientCredentials:
			case RefreshToken:
				rot.UsesRefresh = true
			default:
				return nil
			}
			return map[broker.Kind]broker.Source{
				broker.AccessToken: {Rotation: rot, Issuer: issuer{caller: c, ends: ends, grant: grant}},
			}
		},
	}
}

// rotation: RFC 6749 does not say what becomes of the token before, and providers let it
// live. Whether a refresh token is used up it does not say either, so that each counts as
// used up (RFC 9700, section 4.14).
func rotation() broker.Rotation {
	return broker.Rotation{
		Family: broker.Independent, // of a lifetime that providers say themselves
		// Providers rarely say their limits. This is for storms: a token of five minutes takes
		// some 600 a day.
		Limits: broker.Limits{PerDay: 3000, Unplanned: 200},
	}
}
