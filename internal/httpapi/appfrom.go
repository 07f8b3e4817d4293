package httpapi

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
)

// maxSecret is longer than any platform's secret.
const maxSecret = 512

// patternFault says what is wrong with patterns of paths; "" is nothing.
func patternFault(patterns []string) string {
	if len(patterns) > broker.MaxPathPatterns {
		return fmt.Sprintf("%d of them: want at most %d", len(patterns), broker.MaxPathPatterns)
	}
	for _, p := range patterns {
		if !broker.ValidPathPattern(p) {
			return fmt.Sprintf("%.80q is not a path: want one that starts with /, without ? and what follows it, and with * for anything", p)
		}
	}
	return ""
}

// appFrom makes an app of what a caller sent, or says what is wrong with it.
func appFrom(id string, in *api.App) (*broker.App, error) {
	if !broker.ValidAppID(id) {
		return nil, invalid("the app's id %.80q: want 1 to %d of a-z, 0-9 and -", id, broker.MaxAppID)
	}
	if in.Platform == "" || in.AppID == "" {
		return nil, invalid("app %q: platform and app_id are required", id)
	}
	if !broker.ValidPlatformID(in.AppID) {
		return nil, invalid("app %q: app_id %.40q: want at most %d printable ASCII characters without spaces", id, in.AppID, broker.MaxPlatformID)
	}
	a := &broker.App{ID: id, Platform: in.Platform, AppID: in.AppID, Mode: in.Mode, BaseURL: in.BaseURL}
	if len(in.Secret) > broker.MaxSecrets {
		return nil, invalid("app %q: %d secrets: want at most %d", id, len(in.Secret), broker.MaxSecrets)
	}
	for _, s := range in.Secret {
		most := maxSecret
		if strings.HasPrefix(s, "-----BEGIN ") {
			most = broker.MaxSecret // a private key
		}
		if s == "" || len(s) > most {
			return nil, invalid("app %q: a secret of %d bytes: want 1 to %d", id, len(s), most)
		}
		if around := broker.Wrapped(s); around != "" {
			return nil, invalid("app %q: a secret begins or ends with %s, which is part of none", id, around)
		}
		a.Secrets = append(a.Secrets, broker.NewSecret(s))
	}
	a.Params, a.OAuth2, a.Refresh = in.Params, oauth2From(in.OAuth2), broker.NewSecret(in.RefreshToken)
	p := broker.Policy{
		Overlap: time.Duration(in.Overlap), Every: time.Duration(in.Renew.Every), Ahead: time.Duration(in.Renew.Ahead),
		InitialDelay: time.Duration(in.Renew.InitialDelay),
	}
	if err := p.Check(); err != nil {
		return nil, invalid("app %q: %s", id, err)
	}
	if p != (broker.Policy{}) {
		a.Policy = &p
	}
	if in.Deny != nil {
		if why := patternFault(*in.Deny); why != "" {
			return nil, invalid("app %q: deny: %s", id, why)
		}
		a.Deny = append([]string{}, *in.Deny...) // empty is not absent
	}
	var err error
	if a.Login, err = loginFrom(id, in.Login); err != nil {
		return nil, err
	}
	if a.PageHosts = in.PageHosts; len(a.PageHosts) > broker.MaxPageHosts {
		return nil, invalid("app %q: %d page_hosts: want at most %d", id, len(a.PageHosts), broker.MaxPageHosts)
	}
	if err := each(a.PageHosts, broker.CheckPageHost); err != nil {
		return nil, invalid("app %q: page_hosts: %s", id, err)
	}
	if len(in.Sinks) > 0 {
		// A path from the network would let whoever holds an admin key write files here, and
		// a URL would have tokens sent anywhere.
		return nil, invalid("app %q: sinks write files on this machine or to other servers and are set in the configuration file only", id)
	}
	return a, nil
}

// oauth2From is how an app gets its tokens by OAuth 2.0. What is wrong with it, its platform
// says.
func oauth2From(in *api.OAuth2) *broker.OAuth2 {
	if in == nil {
		return nil
	}
	return &broker.OAuth2{
		TokenURL: in.TokenURL, Issuer: in.Issuer, Auth: broker.ClientAuth(in.Auth), Scopes: in.Scopes, Audience: in.Audience, Resource: in.Resource,
		Extra: in.Extra, Lifetime: time.Duration(in.Lifetime), KeyID: in.KeyID, Algorithm: in.Algorithm,
	}
}

func oauth2Of(o *broker.OAuth2) *api.OAuth2 {
	if o == nil {
		return nil
	}
	return &api.OAuth2{
		TokenURL: o.TokenURL, Issuer: o.Issuer, Auth: string(o.Auth), Scopes: o.Scopes, Audience: o.Audience, Resource: o.Resource,
		Extra: o.Extra, Lifetime: api.Duration(o.Lifetime), KeyID: o.KeyID, Algorithm: o.Algorithm,
	}
}

// loginFrom makes a login of what a caller sent, or says what is wrong with it. Which
// scopes there are, the platform knows.
func loginFrom(id string, in *api.Login) (*broker.Login, error) {
	switch {
	case in == nil:
		return nil, nil //nolint:nilnil // there is no login, and nothing wrong with that
	case len(in.RedirectURIs) == 0 || len(in.RedirectURIs) > broker.MaxRedirects:
		return nil, invalid("app %q: %d redirect_uris: want 1 to %d", id, len(in.RedirectURIs), broker.MaxRedirects)
	}
	if err := each(in.RedirectURIs, broker.CheckRedirect); err != nil {
		return nil, invalid("app %q: redirect_uris: %s", id, err)
	}
	if err := each(in.Scopes, func(string) error { return nil }); err != nil {
		return nil, invalid("app %q: scopes: %s", id, err)
	}
	l := &broker.Login{Redirects: in.RedirectURIs, Scopes: in.Scopes}
	if in.AuthorizeURL != "" {
		var err error
		if l.AuthorizeURL, _, err = broker.ParseBaseURL(in.AuthorizeURL); err != nil {
			return nil, invalid("app %q: authorize_url %s", id, err)
		}
	}
	return l, nil
}

// each says which text of a list does not pass a check, or is there twice.
func each(texts []string, check func(string) error) error {
	for i, s := range texts {
		if err := check(s); err != nil {
			return fmt.Errorf("%.80q: %w", s, err)
		}
		if slices.Contains(texts[:i], s) {
			return fmt.Errorf("%.80q is there twice", s)
		}
	}
	return nil
}
