package oidc

import (
	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The claims that the standards do not know.
const (
	claimOpenID   = "openid"
	claimUnionID  = "unionid"
	claimSnapshot = "snapshot_user"
)

// discovery says what there is, and nothing that there is not.
func (p *Provider) discovery(v visit) {
	at := p.issuer(v.app)
	v.w.Header().Set("Cache-Control", "public, max-age=300")
	op.Discover(v.w, &oidc.DiscoveryConfiguration{
		Issuer:                            at,
		AuthorizationEndpoint:             at + authorizePath,
		TokenEndpoint:                     at + tokenPath,
		UserinfoEndpoint:                  at + userinfoPath,
		JwksURI:                           at + keysPath,
		ScopesSupported:                   []string{oidc.ScopeOpenID, oidc.ScopeProfile},
		ResponseTypesSupported:            []string{string(oidc.ResponseTypeCode)},
		ResponseModesSupported:            []string{string(oidc.ResponseModeQuery)},
		GrantTypesSupported:               []oidc.GrantType{oidc.GrantTypeCode},
		SubjectTypesSupported:             []string{"public"},
		IDTokenSigningAlgValuesSupported:  []string{string(jose.RS256)},
		TokenEndpointAuthMethodsSupported: []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost},
		ClaimsSupported: []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash",
			"name", "nickname", "picture", "gender", claimOpenID, claimUnionID, claimSnapshot,
		},
		CodeChallengeMethodsSupported: []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
	})
	p.metrics.ended(discoveryPath, resultOK)
}

// publicKeys may be kept for an hour: a new key is there for longer before it signs.
func (p *Provider) publicKeys(v visit) {
	v.w.Header().Set("Cache-Control", "public, max-age=3600")
	op.Keys(v.w, v.r, p.keys().published(p.cfg.Now()))
	p.metrics.ended(keysPath, resultOK)
}
