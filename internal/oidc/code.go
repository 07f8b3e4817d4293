package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/onetime"
)

const (
	// codeLifetime is what a browser needs to get from here to the client, and the client
	// back to here.
	codeLifetime = 2 * time.Minute
	// slack is how far the clocks of servers may be apart: the end that counts is the store's.
	slack = time.Minute
)

// codes are those of this package.
func (p *Provider) codes() onetime.Codes {
	return onetime.Codes{Store: p.cfg.OneTime, Sealer: p.cfg.Sealer, Now: p.cfg.Now, Lifetime: codeLifetime, Skew: slack}
}

// codesOf is where an app's codes are kept: below its id, so that an attempt at another app
// uses none up.
func codesOf(app *broker.App) onetime.Place {
	return onetime.Place{Name: "oidc/" + app.ID + "/", Bound: string(bound(forCode, app))}
}

// keep stores a login for the client that fetches it, and returns the code for that.
func (p *Provider) keep(ctx context.Context, app *broker.App, who identity) (string, error) {
	plain, err := encode(who)
	if err != nil {
		return "", fmt.Errorf("keep a login: %w", err)
	}
	code, err := p.codes().Make(ctx, codesOf(app), plain)
	if err != nil {
		return "", fmt.Errorf("keep a login: %w", err)
	}
	return code, nil
}

// errBadCode is for a code that was never made for the app, was used, or is too old.
var errBadCode = errors.New("no such code")

// take returns the login of a code, once.
func (p *Provider) take(ctx context.Context, app *broker.App, code string) (who identity, err error) {
	plain, err := p.codes().Take(ctx, codesOf(app), code)
	switch {
	case errors.Is(err, broker.ErrNotFound), errors.Is(err, onetime.ErrNotOpened):
		return identity{}, errBadCode
	case err != nil:
		return identity{}, fmt.Errorf("fetch a login: %w", err)
	case json.Unmarshal(plain, &who) != nil:
		return identity{}, errBadCode
	}
	return who, nil
}
