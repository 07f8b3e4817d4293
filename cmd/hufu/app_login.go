package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
)

// loginFlags say how users log in to an app.
type loginFlags struct {
	redirects, scopes *[]string
	authorizeURL      *string
}

func newLoginFlags(cmd *cobra.Command) loginFlags {
	f := cmd.Flags()
	return loginFlags{
		redirects:    f.StringArray("redirect-uri", nil, "a URL that browsers may be sent back to after a login, and everything below it; several times for several"),
		scopes:       f.StringSlice("scope", nil, "what logins may ask for (default: the platform's usual ones); wechat: snsapi_base, snsapi_userinfo, snsapi_login"),
		authorizeURL: f.String("authorize-url", "", "where the platform's pages for logging in are (default: its own)"),
	}
}

// read returns nil where there is no login.
func (l loginFlags) read() (*api.Login, error) {
	if len(*l.redirects) > 0 {
		return &api.Login{RedirectURIs: *l.redirects, Scopes: *l.scopes, AuthorizeURL: *l.authorizeURL}, nil
	}
	if len(*l.scopes) > 0 || *l.authorizeURL != "" {
		return nil, errors.New("--redirect-uri is missing: name where browsers may be sent back to")
	}
	return nil, nil //nolint:nilnil // there is none, and nothing wrong with that
}
