package grant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Imported is a grant that was made elsewhere.
type Imported struct {
	OpenID, UnionID, Scope string
	Access                 broker.Secret // zero: it is renewed when it is asked for
	Expiry                 time.Time     // of Access
	Refresh                broker.Secret // zero: there is none
	Deadline               time.Time     // of Refresh; zero: not known
	Authorized             time.Time     // zero: not known
}

// unknownDeadline is what is written down for a refresh token whose end is not known, counted
// from the login: what counts is what the platform says when it is used.
const unknownDeadline = 30 * 24 * time.Hour

// Import takes over a grant that was made elsewhere, and returns what is here then. One that is here
// already and has not ended stays, unless the imported one is known to be newer: [broker.ErrConflict].
func (k *Keeper) Import(ctx context.Context, app *broker.App, in Imported) (broker.GrantState, error) {
	g, s, err := k.imported(app, in)
	if err != nil {
		return broker.GrantState{}, err
	}
	if err := k.seal(&g, s); err != nil {
		return broker.GrantState{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	for {
		was, err := k.stored(ctx, g.Key)
		if err != nil {
			return broker.GrantState{}, err
		}
		if bytes.Equal(was.Box, g.Box) {
			return k.state(g), nil // written already: the answer was lost
		}
		if was.Version != 0 && was.Source == g.Source && was.Ended.IsZero() && !was.Authorized.Before(in.Authorized) {
			return k.state(was), fmt.Errorf("import a grant of app %q: a newer one is here: %w", app.ID, broker.ErrConflict)
		}
		g.Version = was.Version
		if s.Access != "" {
			g.Token = g.Version + 1
		}
		switch err = k.putAgain(ctx, g); {
		case err == nil:
			return k.state(g), nil
		case !errors.Is(err, broker.ErrConflict):
			return broker.GrantState{}, err
		}
	}
}

// imported is the grant as it is to be stored.
func (k *Keeper) imported(app *broker.App, in Imported) (broker.Grant, secrets, error) {
	web, err := k.web(app)
	if err != nil {
		return broker.Grant{}, secrets{}, err
	}
	kind := web.KindOf(in.Scope)
	now := k.cfg.Now()
	switch {
	case in.OpenID == "":
		return broker.Grant{}, secrets{}, invalid("the open id is missing")
	case max(len(in.OpenID), len(in.UnionID), len(in.Scope)) > broker.MaxOpenID, max(len(in.Access.Reveal()), len(in.Refresh.Reveal())) > broker.MaxUserToken:
		return broker.Grant{}, secrets{}, invalid(fmt.Sprintf("ids and scopes have at most %d bytes, tokens %d", broker.MaxOpenID, broker.MaxUserToken))
	case kind == "":
		return broker.Grant{}, secrets{}, invalid(fmt.Sprintf("the scope %.40q is none of %s", in.Scope, strings.Join(web.Scopes(), ", ")))
	case in.Access.IsZero() && in.Refresh.IsZero():
		return broker.Grant{}, secrets{}, invalid("neither an access token nor a refresh token is there")
	case in.Authorized.After(now):
		return broker.Grant{}, secrets{}, invalid("the user is said to have authorized the app in the future")
	case in.Refresh.IsZero() && !now.Before(in.Expiry):
		return broker.Grant{}, secrets{}, invalid("the access token has expired, or its expiry is missing, and no refresh token is there")
	case !in.Refresh.IsZero() && !in.Deadline.IsZero() && !now.Before(in.Deadline):
		return broker.Grant{}, secrets{}, invalid("the refresh token has expired")
	}
	g := broker.Grant{
		Key:     broker.Key{App: app.ID, Kind: kind, Subject: in.OpenID},
		UnionID: in.UnionID, Scope: in.Scope, Authorized: in.Authorized, Source: k.source(app),
	}
	s := secrets{Refresh: in.Refresh.Reveal()}
	if now.Before(in.Expiry) {
		// What is left of it is the importer's word, and no reason to hold it for fresh.
		s.Access, g.Issued, g.Expiry = in.Access.Reveal(), now, in.Expiry
	}
	switch {
	case in.Refresh.IsZero():
	case in.Deadline.IsZero():
		g.Deadline = now.Add(unknownDeadline)
		if !in.Authorized.IsZero() {
			// A day is left at any rate, because nobody knows it but the platform.
			g.Deadline = broker.Later(in.Authorized.Add(unknownDeadline), now.Add(24*time.Hour))
		}
	default:
		g.Deadline = in.Deadline
	}
	return g, s, nil
}

func invalid(message string) error {
	return &broker.Error{Code: "invalid", Class: broker.Invalid, Message: message}
}
