package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// importUsers takes over grants that were made elsewhere. What is malformed is refused as
// a whole; what becomes of each of the others is in its result.
func (a *API) importUsers(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	var req api.ImportRequest
	if err := decode(r, &req); err != nil {
		return answer{}, err
	}
	if len(req.Users) == 0 || len(req.Users) > api.MaxImport {
		return answer{}, invalid("users has %d elements: want 1 to %d", len(req.Users), api.MaxImport)
	}
	in := make([]access.Import, len(req.Users))
	for i := range req.Users {
		if why := importFault(&req.Users[i]); why != "" {
			return answer{}, invalid("users[%d]: %s", i, why)
		}
		in[i] = importFrom(&req.Users[i])
	}
	outcomes, err := a.svc.ImportUsers(ctx, c, r.PathValue("app"), in)
	if err != nil {
		return answer{}, err
	}
	out := api.ImportResult{Results: make([]api.Imported, len(outcomes))}
	for i, o := range outcomes {
		x := api.Imported{OpenID: req.Users[i].OpenID, Kind: string(o.Kind), Result: api.ImportDone}
		switch {
		case errors.Is(o.Err, broker.ErrConflict):
			x.Result = api.ImportKept
		case o.Err != nil:
			x.Result, x.Problem = api.ImportFailed, problemOf(toError(o.Err))
		}
		out.Results[i] = x
	}
	return answer{body: out}, nil
}

// importFault says what is wrong with the form of a grant; "" is nothing. It quotes
// nothing: what is in the wrong place may be a token.
func importFault(u *api.ImportedUser) string {
	for _, tok := range []string{u.AccessToken, u.RefreshToken} {
		if tok != "" && !plain(tok, broker.MaxUserToken) {
			return "a token is too long, or has characters that no token has"
		}
	}
	switch {
	case !validOpenID(u.OpenID):
		return "openid: want 1 to 128 letters, digits, - and _"
	case u.UnionID != "" && !validOpenID(u.UnionID):
		return "unionid: want 1 to 128 letters, digits, - and _"
	case !plain(u.Scope, broker.MaxOpenID):
		return "scope: want the scope that the user granted"
	case u.AccessToken != "" && u.Expiry.IsZero():
		return "expiry: want when the access_token ends"
	default:
		return ""
	}
}

func importFrom(u *api.ImportedUser) access.Import {
	return access.Import{
		OpenID: u.OpenID, UnionID: u.UnionID, Scope: u.Scope,
		Access: broker.NewSecret(u.AccessToken), Expiry: u.Expiry, Refresh: broker.NewSecret(u.RefreshToken), Deadline: u.Deadline,
		Authorized: u.Authorized,
	}
}
