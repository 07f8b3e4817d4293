package wechat

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// client makes the platform's calls. It is the [broker.Checker] of the issuers of
// access tokens.
type client struct{ caller *platform.Caller }

// get makes a call with a token.
func (c client) get(ctx context.Context, app *broker.App, path string, query url.Values, token broker.Secret) (platform.Answer, error) {
	query.Set(paramToken, token.Reveal())
	return c.ask(ctx, app, path, query, atCall, token)
}

// ask makes a call whose parameters are all in the query, and judges its answer. The
// secrets are those that are in the query.
func (c client) ask(ctx context.Context, app *broker.App, path string, query url.Values, where place, secrets ...broker.Secret) (platform.Answer, error) {
	a, err := c.caller.Call(ctx, http.MethodGet, cmp.Or(app.BaseURL, BaseURL), path, query, nil)
	if err != nil {
		return platform.Answer{}, err
	}
	return a, judge(a, where, secrets...)
}

// Check implements [broker.Checker] by asking for the platform's own addresses, which
// changes nothing. It says nothing about other calls: a token may be good and an API
// forbidden.
func (c client) Check(ctx context.Context, app *broker.App, token broker.Secret) (broker.Verdict, error) {
	a, err := c.get(ctx, app, pathDomainIP, url.Values{}, token)
	if err == nil {
		if a.List("ip_list") {
			return broker.VerdictOK, nil
		}
		return broker.VerdictUnknown, platform.Settled(platform.Garbage("one to a check that is none of the platform's"))
	}
	e := *broker.AsError(err)
	switch {
	case rejects(&e):
		return broker.VerdictRejected, nil
	case throttles(&e):
		return broker.VerdictThrottled, nil
	}
	e.Unknown = false // a check issues nothing
	return broker.VerdictUnknown, fmt.Errorf("check a token of app %q: %w", app.ID, &e)
}

// judge returns the error that an answer stands for, nil for a success. The secrets
// are blotted out of the platform's words.
func judge(a platform.Answer, where place, secrets ...broker.Secret) error {
	code, found, err := a.Integer("errcode")
	switch {
	case err != nil:
		return err
	case code != 0:
		return refusal(code, a.Text("errmsg"), where, secrets...)
	case !found:
		// Without an errcode it is a success [A], unless the status says otherwise.
		return a.StatusError()
	default:
		return nil
	}
}
