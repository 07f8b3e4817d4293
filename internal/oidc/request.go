package oidc

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/hufu-io/hufu/internal/broker"
)

// request is what a client wants, while the browser is away at the platform. It is kept
// nowhere: the relay carries it, sealed.
type request struct {
	Client    string   `json:"c"`
	Redirect  string   `json:"r"`
	State     string   `json:"s,omitempty"`
	Nonce     string   `json:"n,omitempty"`
	Challenge string   `json:"p,omitempty"` // of PKCE, always S256
	Scopes    []string `json:"o"`
	Hint      string   `json:"h,omitempty"` // who is expected to log in, by an older ID token
}

// maxRef is what the relay carries.
const maxRef = 2048

var _ op.ErrAuthRequest = request{}

// GetRedirectURI implements [op.ErrAuthRequest].
func (q request) GetRedirectURI() string { return q.Redirect }

// GetResponseType implements [op.ErrAuthRequest].
func (q request) GetResponseType() oidc.ResponseType { return oidc.ResponseTypeCode }

// GetState implements [op.ErrAuthRequest].
func (q request) GetState() string { return q.State }

// check says what is wrong with a request whose client and redirect URI are right, so that
// the client can be told.
func (p *Provider) check(ctx context.Context, v visit, a *oidc.AuthRequest) (request, *oidc.Error) {
	q := request{Client: a.ClientID, Redirect: a.RedirectURI, State: a.State, Nonce: a.Nonce, Challenge: a.CodeChallenge}
	if _, err := op.ValidateAuthReqPrompt(a.Prompt, a.MaxAge); err != nil {
		return q, oidc.DefaultToServerError(err, "prompt")
	}
	switch {
	case a.RequestParam != "":
		return q, oidc.ErrRequestNotSupported()
	case v.r.Form.Get("request_uri") != "":
		return q, &oidc.Error{ErrorType: "request_uri_not_supported"}
	case a.ResponseType == "":
		return q, oidc.ErrInvalidRequest().WithDescription("response_type is missing")
	case a.ResponseType != oidc.ResponseTypeCode:
		return q, &oidc.Error{ErrorType: "unsupported_response_type", Description: "response_type has to be code"}
	case a.ResponseMode != "" && a.ResponseMode != oidc.ResponseModeQuery:
		return q, oidc.ErrInvalidRequest().WithDescription("response_mode has to be query")
	case !slices.Contains(a.Scopes, oidc.ScopeOpenID):
		return q, oidc.ErrInvalidScope().WithDescription("scope has to have openid in it")
	case a.CodeChallenge == "" && a.CodeChallengeMethod != "":
		return q, oidc.ErrInvalidRequest().WithDescription("code_challenge is missing")
	case a.CodeChallenge != "" && a.CodeChallengeMethod != oidc.CodeChallengeMethodS256:
		return q, oidc.ErrInvalidRequest().WithDescription("code_challenge_method has to be S256")
	case a.CodeChallenge != "" && !isDigest(a.CodeChallenge):
		return q, oidc.ErrInvalidRequest().WithDescription("code_challenge is not what S256 gives")
	case slices.Contains(a.Prompt, oidc.PromptNone):
		return q, oidc.ErrLoginRequired().WithDescription("users always log in at the platform")
	}
	for _, s := range []string{oidc.ScopeOpenID, oidc.ScopeProfile} {
		if slices.Contains(a.Scopes, s) {
			q.Scopes = append(q.Scopes, s)
		}
	}
	var err error
	if q.Hint, err = op.ValidateAuthReqIDTokenHint(ctx, a.IDTokenHint, op.NewIDTokenHintVerifier(p.issuer(v.app), p.keys())); err != nil {
		return q, oidc.ErrLoginRequired().WithDescription("id_token_hint is not an ID token of this issuer")
	}
	return q, nil
}

// scope is what the platform is asked for: the widest of the app's scopes, whatever the
// client asks for. Some platforms say who a user is for all of a company's apps with the wider
// scopes only, and a subject must not depend on what was asked for this time.
func (p *Provider) scope(app *broker.App) string {
	scopes := p.cfg.Relay.Scopes(app)
	return scopes[len(scopes)-1]
}

// isDigest reports whether s can be a SHA-256 in base64url.
func isDigest(s string) bool {
	b, err := encoding.DecodeString(s)
	return err == nil && len(b) == 32 && len(s) == 43
}

// repeated reports whether a parameter is there more than once, so that nobody knows which one
// counts; the library does not mind the case of names. RFC 8707 allows it of one that is not
// read here.
func repeated(form url.Values) bool {
	known := make(map[string]bool, len(form))
	for name, values := range form {
		name = strings.ToLower(strings.ToUpper(name)) // "ſ" is a small letter that is written as S
		if (len(values) > 1 || known[name]) && name != "resource" {
			return true
		}
		known[name] = true
	}
	return false
}
