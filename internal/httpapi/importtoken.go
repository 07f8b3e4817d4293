package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/renew"
)

// maxImportedToken is longer than any platform's token, and maxImportedLife than any
// token's life.
const (
	maxImportedToken = 8 << 10
	maxImportedLife  = 10 * 365 * 24 * time.Hour
)

// importToken takes over a token that was issued elsewhere.
func (a *API) importToken(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	now := time.Now()
	var in api.TokenState
	if err := decode(r, &in); err != nil {
		return answer{}, err
	}
	app, kind := r.PathValue("app"), r.PathValue("kind")
	switch {
	case in.Kind != "" && in.Kind != kind:
		return answer{}, invalid("the body is about kind %.40q, the path about %.40q", in.Kind, kind)
	case in.Token == "":
		return answer{}, invalid("token: want the token that was issued elsewhere")
	}
	in.Kind = kind
	tokens, err := importedTokens([]api.TokenState{in}, now)
	if err != nil {
		return answer{}, err
	}
	stored, err := a.svc.ImportToken(ctx, c, app, tokens[0])
	if err != nil {
		return answer{}, err
	}
	st, err := a.svc.App(c, app)
	if err != nil {
		return answer{}, err
	}
	out := api.TokenState{Kind: kind}
	for _, t := range st.Tokens {
		if string(t.Token.Key.Kind) == kind {
			out = tokenStateOf(t)
		}
	}
	out.Result = api.ImportUnchanged
	if stored {
		out.Result = api.ImportDone
	}
	return answer{body: out}, nil
}

// importedTokens makes tokens of what a caller sent, or says what is wrong with them. What
// has no token is how the server tells of one, and is passed over. No error quotes a token.
func importedTokens(in []api.TokenState, now time.Time) ([]renew.Imported, error) {
	var out []renew.Imported
	for i, t := range in {
		if t.Token == "" {
			continue
		}
		kind := broker.Kind(t.Kind)
		left := time.Duration(min(t.ExpiresIn, int64(maxImportedLife/time.Second))) * time.Second
		if t.ExpiresIn == 0 && !t.Expiry.IsZero() {
			left = t.Expiry.Sub(now)
		}
		switch {
		case kind == "" || len(kind) > broker.MaxPlatformID:
			return nil, invalid("tokens[%d]: kind is missing or too long", i)
		case slices.ContainsFunc(out, func(other renew.Imported) bool { return other.Kind == kind }):
			return nil, invalid("tokens[%d]: there are two of kind %.40q", i, kind)
		case !plain(t.Token, maxImportedToken):
			return nil, invalid("tokens[%d]: the token is too long, or has characters that no token has", i)
		case t.ExpiresIn != 0 && !t.Expiry.IsZero():
			return nil, invalid("tokens[%d]: expires_in and expiry are both there: want one of them", i)
		case t.ExpiresIn == 0 && t.Expiry.IsZero():
			return nil, invalid("tokens[%d]: want expires_in, the seconds that the token still lives, or expiry", i)
		case left <= 0:
			return nil, invalid("tokens[%d]: the token has expired", i)
		}
		out = append(out, renew.Imported{Kind: kind, Token: broker.NewSecret(t.Token), Left: left, Replace: t.Replace})
	}
	return out, nil
}
