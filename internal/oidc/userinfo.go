package oidc

import (
	"context"
	"errors"
	"net/http"

	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/hufu-io/hufu/internal/broker"
)

// userinfo tells a client who has logged in, and where it was asked for, what the user
// shows of herself.
func (p *Provider) userinfo(ctx context.Context, v visit) {
	info, f := p.whoIs(ctx, v)
	if f != nil {
		p.refuse(ctx, v, userinfoPath, f)
		return
	}
	httphelper.MarshalJSON(v.w, info)
	p.metrics.ended(userinfoPath, resultOK)
}

func (p *Provider) whoIs(ctx context.Context, v visit) (*oidc.UserInfo, *fault) {
	if f := parseForm(v.r); f != nil {
		return nil, f
	}
	shown, err := op.ParseUserinfoRequest(v.r, p.decoder)
	tok := broker.NewSecret(shown)
	if err != nil || tok.IsZero() {
		return nil, &fault{status: http.StatusUnauthorized, challenge: `Bearer realm="hufu"`, err: oidc.ErrInvalidRequest().WithDescription("there is no access token")}
	}
	a, ok := p.admit(v.app, tok)
	if !ok {
		return nil, &fault{status: http.StatusUnauthorized, challenge: `Bearer realm="hufu", error="invalid_token"`, err: &oidc.Error{
			ErrorType: "invalid_token", Description: "the access token is not one of this app's, is too old, or its client has lost its key or its right",
		}}
	}
	info := &oidc.UserInfo{Subject: subject(a.OpenID, a.UnionID), Claims: platformClaims(a.OpenID, a.UnionID, a.Snapshot)}
	if !wantsProfile(a.Scopes) {
		return info, nil
	}
	profile, err := p.cfg.Profile(ctx, v.app, a.OpenID)
	if err == nil && profile.OpenID != "" && profile.OpenID != a.OpenID {
		err = broker.ErrWrongUser // I8
	}
	switch {
	case errors.Is(err, broker.ErrScopeLacking), errors.Is(err, broker.ErrNoGrant), errors.Is(err, broker.ErrGrantEnded):
		// The user does not show more, or not any more.
		p.audit(v, a.Client, actionProfile, a.OpenID, broker.AsError(err).Code)
		return info, nil
	case err != nil:
		// An answer without what was asked for would be kept by the client as the truth.
		p.audit(v, a.Client, actionProfile, a.OpenID, broker.AsError(err).Code)
		return nil, &fault{status: http.StatusServiceUnavailable, cause: err, err: &oidc.Error{
			ErrorType: "temporarily_unavailable", Description: "the user's profile cannot be had just now",
		}}
	}
	p.audit(v, a.Client, actionProfile, a.OpenID, "ok")
	show(info, profile)
	return info, nil
}

// show adds what the user shows of herself.
func show(info *oidc.UserInfo, profile broker.Profile) {
	info.Name, info.Nickname, info.Picture = profile.Nickname, profile.Nickname, profile.Portrait
	switch profile.Sex {
	case 1:
		info.Gender = "male"
	case 2:
		info.Gender = "female"
	}
	if profile.UnionID != "" {
		info.AppendClaims(claimUnionID, profile.UnionID)
	}
}
