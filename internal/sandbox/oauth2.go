package sandbox

import (
	"net/http"
	"time"
)

// oauth2Name is the platform that is no company's: a provider as the RFCs describe it.
const oauth2Name = "oauth2"

// The grants, which are its modes.
const (
	oauth2Credentials Mode = "client_credentials"
	oauth2Refresh     Mode = "refresh_token"
)

// Its paths, below its name.
const (
	oauth2TokenPath = "/token"
	oauth2Metadata  = "/.well-known/oauth-authorization-server"
	openIDMetadata  = "/.well-known/openid-configuration"
)

// oauth2 is an authorization server (RFC 6749) and a resource server (RFC 6750). A token
// lives to its own expiry. A refresh token is used up by its use, and one that comes again
// ends all that descend from the same authorization (RFC 9700, section 4.14).
func oauth2() scheme {
	door := door{
		at: spot{inHeader, "Authorization"}, prefix: "Bearer ",
		says: codes{missing: oauth2NoToken, bad: "invalid_token", expired: "invalid_token"}.of,
	}
	ok := func(who map[string]any) any { return map[string]any{"client": who} }
	value := func(token) string { return randomText(48) }
	independent := family{manner: mannerIndependent, lifetime: time.Hour}
	return scheme{
		name: oauth2Name, title: words{"OAuth 2.0", "OAuth 2.0"},
		modes: []mode{
			{name: oauth2Credentials, family: independent, value: value},
			{name: oauth2Refresh, family: independent, value: value},
		},
		ids: []string{"client_id"},
		routes: map[string]route{
			oauth2TokenPath: {
				method: http.MethodPost, secrets: []spot{{inBasic, basicSecret}, {inForm, "client_secret"}}, serve: serveOAuth2,
			},
			oauth2Metadata:    {method: http.MethodGet, serve: oauth2Describe},
			openIDMetadata:    {method: http.MethodGet, serve: oauth2Describe},
			"/v1/me":          door.asks(ok),
			"/v1/customers":   door.takes(ok),
			"/v1/customers/*": door.asks(ok),
		},
		refusal: oauth2Refusal,
		nowhere: notFound,
		busy:    "temporarily_unavailable", notObject: "invalid_request",
	}
}

// oauth2NoToken stands for a call without a token, to which no code is said (RFC 6750,
// section 3.1).
const oauth2NoToken = "no_token"

func oauth2Refusal(c *call, code string) answer {
	status := http.StatusBadRequest
	switch code {
	case "invalid_client", "invalid_token", oauth2NoToken:
		status = http.StatusUnauthorized
	case "insufficient_scope":
		status = http.StatusForbidden
	case "temporarily_unavailable":
		status = http.StatusServiceUnavailable
	case "server_error":
		status = http.StatusInternalServerError
	case "slow_down":
		status = http.StatusTooManyRequests
	}
	said := map[string]any{"error": code, "error_description": oauth2Words(code)}
	challenge := `Bearer realm="sandbox", error="` + code + `"`
	switch {
	case code == oauth2NoToken:
		said, challenge = map[string]any{}, `Bearer realm="sandbox"`
	case c.local == oauth2TokenPath:
		challenge = `Basic realm="sandbox"`
	}
	a := reply(status, said)
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		a.header.Set("WWW-Authenticate", challenge)
	}
	return a
}

func oauth2Words(code string) string {
	switch code {
	case "invalid_client":
		return "Client authentication failed."
	case "invalid_grant":
		return "The refresh token is invalid, expired, revoked, or was issued to another client."
	case "invalid_request":
		return "The request is malformed."
	case "unsupported_grant_type":
		return "The grant type is not supported."
	case "invalid_token":
		return "The access token expired or is not valid."
	default:
		return "The request was refused."
	}
}

// oauth2Describe is the metadata (RFC 8414), which OpenID Connect has at another place.
func oauth2Describe(_ *Platform, c *call) answer {
	issuer := c.base + "/" + oauth2Name
	return reply(http.StatusOK, map[string]any{
		"issuer": issuer, "token_endpoint": issuer + oauth2TokenPath,
		"grant_types_supported":                            []Mode{oauth2Credentials, oauth2Refresh},
		"token_endpoint_auth_methods_supported":            []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"},
	})
}
