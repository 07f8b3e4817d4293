package wechat

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// The singular is right, unlike in RFC 6749 [A].
const grantType = "client_credential"

// classicIssuer issues by cgi-bin/token.
type classicIssuer struct{ client }

// Issue implements [broker.Issuer].
func (i classicIssuer) Issue(ctx context.Context, req broker.IssueRequest) (broker.Issued, error) {
	if err := complete(req); err != nil {
		return broker.Issued{}, err
	}
	a, err := i.caller.Call(ctx, http.MethodGet, cmp.Or(req.App.BaseURL, BaseURL), pathClassic, url.Values{
		"grant_type": {grantType},
		"appid":      {req.App.AppID},
		"secret":     {req.Secret.Reveal()},
	}, nil)
	if err != nil {
		return broker.Issued{}, err
	}
	return accessToken(a, req)
}

// stableIssuer issues by stable_token.
type stableIssuer struct{ client }

// Issue implements [broker.Issuer]. While the token has more than 5 minutes left, the
// platform gives the same one again [A*].
func (i stableIssuer) Issue(ctx context.Context, req broker.IssueRequest) (broker.Issued, error) {
	return i.ask(ctx, req, false)
}

// Force implements [broker.Forcer]. Within 30 s of the last force the platform gives
// the current token instead of a new one [A*].
func (i stableIssuer) Force(ctx context.Context, req broker.IssueRequest) (broker.Issued, error) {
	return i.ask(ctx, req, true)
}

// stableRequest is the body of stable_token, which takes nothing in the query [A].
type stableRequest struct {
	GrantType    string `json:"grant_type"`
	AppID        string `json:"appid"`
	Secret       string `json:"secret"`
	ForceRefresh bool   `json:"force_refresh"`
}

func (i stableIssuer) ask(ctx context.Context, req broker.IssueRequest, force bool) (broker.Issued, error) {
	if err := complete(req); err != nil {
		return broker.Issued{}, err
	}
	a, err := i.caller.Call(ctx, http.MethodPost, cmp.Or(req.App.BaseURL, BaseURL), pathStable, nil, stableRequest{
		GrantType:    grantType,
		AppID:        req.App.AppID,
		Secret:       req.Secret.Reveal(),
		ForceRefresh: force,
	})
	if err != nil {
		return broker.Issued{}, err
	}
	return accessToken(a, req)
}

// complete refuses requests that the platform would only refuse.
func complete(req broker.IssueRequest) error {
	switch {
	case req.App.AppID == "":
		return refusalHere(codeNoAppID)
	case req.Secret.IsZero():
		return refusalHere(codeNoSecret)
	default:
		return nil
	}
}

// accessToken reads the answer of both token endpoints.
func accessToken(a platform.Answer, req broker.IssueRequest) (broker.Issued, error) {
	if err := judge(a, atToken, append(slices.Clone(req.App.Secrets), req.Secret)...); err != nil {
		return broker.Issued{}, err
	}
	return issued(a, "access_token")
}

// issued reads a token or ticket and its lifetime.
func issued(a platform.Answer, name string) (broker.Issued, error) {
	token, err := a.Token(name)
	if err != nil {
		return broker.Issued{}, err
	}
	lifetime, err := a.Lifetime("expires_in")
	if err != nil {
		return broker.Issued{}, err
	}
	return broker.Issued{Token: token, Lifetime: lifetime}, nil
}
