package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
)

// oauth2Flags say how an app gets its tokens by OAuth 2.0.
type oauth2Flags struct {
	changed func(flag string) bool
	block   api.OAuth2
	extra   *[]string
	refresh *secretFlags
}

func newOAuth2Flags(cmd *cobra.Command) *oauth2Flags {
	f := cmd.Flags()
	o := &oauth2Flags{changed: f.Changed}
	f.StringVar(&o.block.TokenURL, "oauth2-token-url", "", "platform oauth2: the provider's token endpoint")
	f.StringVar(&o.block.Issuer, "oauth2-issuer", "", "platform oauth2: the provider's name, at which its token endpoint is found, instead of that")
	f.StringVar(&o.block.Auth, "oauth2-auth", "", "how the app proves itself: basic (default), body or private_key_jwt, with a private key in PEM for the secret")
	f.StringSliceVar(&o.block.Scopes, "oauth2-scope", nil, "what is asked for; several times for several")
	f.StringVar(&o.block.Audience, "oauth2-audience", "", "whom the tokens are for, as some providers want to know it")
	f.StringVar(&o.block.Resource, "oauth2-resource", "", "the same as RFC 8707 has it")
	o.extra = f.StringArray("oauth2-param", nil, "NAME=VALUE that the token request has as well; several times for several")
	f.DurationVar((*time.Duration)(&o.block.Lifetime), "oauth2-lifetime", 0, "how long tokens live of which the provider does not say it")
	f.StringVar(&o.block.KeyID, "oauth2-key-id", "", "the private key's id at the provider")
	f.StringVar(&o.block.Algorithm, "oauth2-algorithm", "", "what the private key signs by (default: the usual one for it)")
	o.refresh = newSecretFlags(cmd, "refresh-token", "the refresh token to begin with")
	cmd.MarkFlagsMutuallyExclusive("secret-stdin", "refresh-token-stdin")
	return o
}

// read returns nil where nothing is said of OAuth 2.0.
func (o *oauth2Flags) read() (*api.OAuth2, error) {
	names := []string{"token-url", "issuer", "auth", "scope", "audience", "resource", "param", "lifetime", "key-id", "algorithm"}
	if !slices.ContainsFunc(names, func(name string) bool { return o.changed("oauth2-" + name) }) {
		return nil, nil //nolint:nilnil // there is none, and nothing wrong with that
	}
	var err error
	o.block.Extra, err = named("oauth2-param", *o.extra)
	return &o.block, err
}

// refreshToken returns "" where none is given.
func (o *oauth2Flags) refreshToken(in io.Reader) (string, error) {
	list, err := o.refresh.read(in)
	switch {
	case err != nil || len(list) == 0:
		return "", err
	case len(list) > 1:
		return "", &usageError{err: errors.New("an app has one refresh token")}
	}
	return list[0], nil
}

// named reads what was given as NAME=VALUE; nil where there is nothing.
func named(flag string, pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil //nolint:nilnil // as it says
	}
	m := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if _, twice := m[name]; !ok || name == "" || twice {
			return nil, fmt.Errorf("--%s: want NAME=VALUE, and each name once", flag) // A value may be a secret.
		}
		m[name] = value
	}
	return m, nil
}
