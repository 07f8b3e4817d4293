package oauth2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// issuer gets tokens by one of the grants.
type issuer struct {
	caller *platform.Caller
	ends   *endpoints
	grant  string
}

// Issue implements [broker.Issuer].
func (i issuer) Issue(ctx context.Context, req broker.IssueRequest) (broker.Issued, error) {
	o := req.App.OAuth2
	if err := complete(req); err != nil {
		return broker.Issued{}, err
	}
	end, err := i.ends.of(ctx, o)
	if err != nil {
		return broker.Issued{}, err
	}
	form, err := i.form(req)
	if err != nil {
		return broker.Issued{}, err
	}
	call := platform.Request{Method: http.MethodPost, BaseURL: end.origin, Path: end.path, Query: end.query, Form: form}
	if err := authenticate(&call, end, req); err != nil {
		return broker.Issued{}, err
	}
	a, err := i.caller.Do(ctx, call)
	secrets := append(slices.Clone(req.App.Secrets), req.Secret, req.Refresh, broker.NewSecret(form.Get(fieldAssertion)))
	secrets = append(secrets, call.Basic.Secrets()...)
	got := i.refreshed(a, err)
	if err = refused(a, err, i.grant, secrets); err != nil {
		return got, err
	}
	return i.read(a, o, got)
}

// complete refuses requests that a provider would only refuse.
func complete(req broker.IssueRequest) error {
	switch o := req.App.OAuth2; {
	case o == nil:
		return &broker.Error{
			Code: "oauth2_missing", Class: broker.Misconfigured, Message: "the app does not say where its tokens come from",
			Hint: "give it an oauth2 block with token_url or issuer",
		}
	case req.App.AppID == "":
		return &broker.Error{
			Code: "app_id_missing", Class: broker.Misconfigured, Message: "the app has no client id",
			Hint: "set app_id to the client_id that the provider gave",
		}
	case req.Secret.IsZero():
		return &broker.Error{
			Code: "secret_missing", Class: broker.BadCredential, Message: "the app has no client secret",
			Hint: "set secret to the client_secret that the provider gave, or to the private key as PEM",
		}
	default:
		return nil
	}
}

// Fields of the form that an app's extra parameters may not set.
const (
	fieldGrant         = "grant_type"
	fieldID            = "client_id"
	fieldSecret        = "client_secret"
	fieldAssertionType = "client_assertion_type"
	fieldAssertion     = "client_assertion"
	fieldRefresh       = "refresh_token"
)

// form is what is asked for, without what proves who asks.
func (i issuer) form(req broker.IssueRequest) (url.Values, error) {
	o := req.App.OAuth2
	form := url.Values{fieldGrant: {i.grant}}
	if i.grant == RefreshToken {
		form.Set(fieldRefresh, req.Refresh.Reveal())
	}
	for name, v := range map[string]string{"scope": strings.Join(o.Scopes, " "), "audience": o.Audience, "resource": o.Resource} {
		if v != "" {
			form.Set(name, v)
		}
	}
	reserved := []string{fieldID, fieldSecret, fieldAssertionType, fieldAssertion, fieldRefresh}
	for name, v := range o.Extra {
		if form.Has(name) || slices.Contains(reserved, name) {
			return nil, &broker.Error{
				Code: "bad_parameter", Class: broker.Misconfigured, Message: fmt.Sprintf("the parameter %s of the app's oauth2.extra is one that is set here", platform.Clean(name)),
				Hint: "remove it from oauth2.extra, and use the setting that is meant for it",
			}
		}
		form.Set(name, v)
	}
	return form, nil
}

// refreshed reads the refresh token in an answer. It counts, whatever else there is, an error
// beside it as well: the one that was used may not be good any more (I5).
func (i issuer) refreshed(a platform.Answer, err error) (got broker.Issued) {
	if err == nil && i.grant == RefreshToken && a.Status < http.StatusBadRequest {
		got.Refresh = broker.NewSecret(a.Text(fieldRefresh))
	}
	return got
}

// read reads a success into what was found already.
func (i issuer) read(a platform.Answer, o *broker.OAuth2, got broker.Issued) (broker.Issued, error) {
	tok, err := a.Token("access_token")
	if err != nil {
		return got, hinted(err)
	}
	if t := a.Text("token_type"); a.Has("token_type") && !strings.EqualFold(t, "Bearer") {
		return got, &broker.Error{
			Code: "wrong_token_type", Class: broker.Misconfigured, Message: fmt.Sprintf("the provider gave a token of the type %q, and only Bearer tokens are known here", platform.Clean(t, tok)),
			Hint: "have the provider give the app Bearer tokens (RFC 6750), which are not bound to a key",
		}
	}
	lifetime, err := lifetimeOf(a, o)
	if err != nil {
		return got, err
	}
	got.Token, got.Lifetime = tok, lifetime
	return got, nil
}

// lifetimeOf reads how long a token lives. Providers should say it, and need not.
func lifetimeOf(a platform.Answer, o *broker.OAuth2) (time.Duration, error) {
	if a.Has("expires_in") {
		d, err := a.Lifetime("expires_in")
		return d, hinted(err)
	}
	if o.Lifetime <= 0 {
		return 0, &broker.Error{
			Code: "lifetime_missing", Class: broker.Misconfigured, Message: "the provider does not say how long its tokens live",
			Hint: "find it out at the provider and set it as oauth2.lifetime, such as 1h",
		}
	}
	return o.Lifetime, nil
}

// hinted says where to look, in the words of this platform.
func hinted(err error) error {
	e, ok := errors.AsType[*broker.Error](err)
	if !ok {
		return err
	}
	x := *e
	x.Hint = cmp.Or(hints(x.Code), x.Hint)
	return &x
}

func hints(code string) string {
	const where = "check oauth2.token_url (or what the issuer's metadata say), and that no proxy or login page answers in its place"
	switch code {
	case platform.CodeGarbage, platform.CodeHTTP4xx:
		return where
	case platform.CodeRedirect:
		return "set oauth2.token_url to the provider's token endpoint itself, which does not redirect"
	case platform.CodeUnreachable:
		return "check this server's DNS, firewall and proxy settings, and oauth2.token_url"
	default:
		return ""
	}
}
