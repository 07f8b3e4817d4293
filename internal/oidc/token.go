package oidc

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/hufu-io/hufu/internal/broker"
)

// tokenLifetime is that of access tokens and of ID tokens.
const tokenLifetime = time.Hour

// token gives a client what a code stands for.
func (p *Provider) token(ctx context.Context, v visit) {
	answer, f := p.exchange(ctx, v)
	if f != nil {
		p.refuse(ctx, v, tokenPath, f)
		return
	}
	v.w.Header().Set("Pragma", "no-cache")
	httphelper.MarshalJSON(v.w, answer)
	p.metrics.ended(tokenPath, resultOK)
}

func (p *Provider) exchange(ctx context.Context, v visit) (*oidc.AccessTokenResponse, *fault) {
	if f := parseForm(v.r); f != nil {
		return nil, f
	}
	switch v.r.Form.Get("grant_type") {
	case string(oidc.GrantTypeCode):
	case "":
		return nil, refusal(oidc.ErrInvalidRequest().WithDescription("grant_type is missing"))
	default:
		return nil, refusal(oidc.ErrUnsupportedGrantType().WithDescription("grant_type has to be authorization_code"))
	}
	req, err := op.ParseAccessTokenRequest(v.r, p.decoder)
	if err != nil {
		return nil, refusal(oidc.DefaultToServerError(err, "the request cannot be read"))
	}
	client, f := p.authenticate(v.app, req.ClientID, broker.NewSecret(req.ClientSecret))
	if f != nil {
		if client != nil {
			p.audit(v, client.Name, actionExchange, "", string(f.err.ErrorType))
		}
		return nil, f
	}
	who, err := p.take(ctx, v.app, req.Code)
	switch {
	case errors.Is(err, errBadCode):
		err = oidc.ErrInvalidGrant().WithDescription("the code is not one of this app's, was used, or is too old")
	case err != nil:
		return nil, &fault{status: http.StatusServiceUnavailable, err: oidc.ErrServerError().WithDescription("the store does not answer"), cause: err}
	default:
		err = redeemable(who, client, req)
	}
	if err != nil {
		f := refusal(oidc.DefaultToServerError(err, "the code cannot be redeemed"))
		p.audit(v, client.Name, actionExchange, who.OpenID, string(f.err.ErrorType))
		return nil, f
	}
	answer, err := p.tokens(v.app, client, who)
	if err != nil {
		return nil, &fault{status: http.StatusInternalServerError, err: oidc.ErrServerError(), cause: err}
	}
	p.audit(v, client.Name, actionExchange, who.OpenID, "ok")
	return answer, nil
}

// authenticate finds out who asks for tokens. The client is there also where it may not.
func (p *Provider) authenticate(app *broker.App, name string, key broker.Secret) (*broker.Client, *fault) {
	var c *broker.Client
	if !key.IsZero() {
		c = p.cfg.Authenticate(key.Reveal())
	}
	switch {
	case c == nil || c.Name != name:
		return nil, &fault{status: http.StatusUnauthorized, challenge: `Basic realm="hufu"`, err: oidc.ErrInvalidClient().
			WithDescription("client_id is the name of a client, and client_secret its key")}
	case !p.cfg.Allowed(c, app.ID):
		return c, refusal(oidc.ErrUnauthorizedClient().WithDescription("the client may not log users in to this app"))
	default:
		return c, nil
	}
}

// redeemable says why a login cannot be had by this request. Its code is used up already: what
// is shown by somebody who does not know all of the rest has leaked.
func redeemable(who identity, c *broker.Client, req *oidc.AccessTokenRequest) error {
	var challenge *oidc.CodeChallenge
	if who.Challenge != "" {
		challenge = &oidc.CodeChallenge{Challenge: who.Challenge, Method: oidc.CodeChallengeMethodS256}
	}
	switch {
	case who.Client != c.Name:
		return oidc.ErrInvalidGrant().WithDescription("the code is another client's")
	case who.Redirect != req.RedirectURI:
		return oidc.ErrInvalidGrant().WithDescription("redirect_uri is not the one that the code was asked for with")
	default:
		return op.AuthorizeCodeChallenge(req.CodeVerifier, challenge)
	}
}

// tokens are what a login is worth.
func (p *Provider) tokens(app *broker.App, c *broker.Client, who identity) (*oidc.AccessTokenResponse, error) {
	now := p.cfg.Now()
	access, err := p.grantAccess(app, c, who, now.Add(tokenLifetime))
	if err != nil {
		return nil, err
	}
	hash, err := oidc.ClaimHash(access, jose.RS256)
	if err != nil {
		return nil, err
	}
	id, err := p.keys().signer(now).sign(&oidc.IDTokenClaims{
		TokenClaims: oidc.TokenClaims{
			Issuer: p.issuer(app), Subject: who.subject(), Audience: oidc.Audience{who.Client},
			Expiration: oidc.FromTime(now.Add(tokenLifetime)), IssuedAt: oidc.FromTime(now),
			AuthTime: oidc.Time(who.Time), Nonce: who.Nonce,
		},
		AccessTokenHash: hash,
		Claims:          platformClaims(who.OpenID, who.UnionID, who.Snapshot),
	})
	if err != nil {
		return nil, err
	}
	return &oidc.AccessTokenResponse{
		AccessToken: access, TokenType: oidc.BearerToken, ExpiresIn: uint64(tokenLifetime / time.Second), IDToken: id, Scope: who.Scopes,
	}, nil
}

// platformClaims are what the platform calls the user.
func platformClaims(openID, unionID string, snapshot bool) map[string]any {
	claims := map[string]any{claimOpenID: openID}
	if unionID != "" {
		claims[claimUnionID] = unionID
	}
	if snapshot {
		claims[claimSnapshot] = true
	}
	return claims
}
