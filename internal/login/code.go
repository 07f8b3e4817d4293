package login

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/onetime"
)

// codeLifetime is how long a business has to redeem a code.
const codeLifetime = 2 * time.Minute

// ErrBadCode is the error of a code that is not good, or is not redeemed as it has to be.
var ErrBadCode = &broker.Error{
	Code: "bad_code", Class: broker.Invalid, Message: "the code is unknown, was used before, or is older than two minutes",
	Hint: "a code is redeemed once, right after the browser came back with it, for the app that the user logged in to; have the user log in again",
}

// ErrNoRedirect is the error of a code that is shown without the address that it was made for, where
// that may be another site's: whoever runs one of an app's sites has codes of those who log in there,
// and could take one of them to another site in his own browser. A code challenge does not help: he
// has it from the login that he has begun there.
var ErrNoRedirect = &broker.Error{
	Code: "invalid", Class: broker.Invalid, Message: "redirect_uri is missing: users log in to this app from several sites, and a code of one is no login at another",
	Hint: "send the redirect_uri that your site began the login with",
}

func badCode(message string) error {
	e := *ErrBadCode
	e.Message = message + "; the code is used up"
	return &e
}

// identity is what a code of ours stands for, as it is stored: sealed.
type identity struct {
	Kind      broker.Kind `json:"kind"`
	OpenID    string      `json:"openid"`
	UnionID   string      `json:"unionid,omitempty"`
	Scope     string      `json:"scope"`
	Snapshot  bool        `json:"snapshot,omitempty"`
	Redirect  string      `json:"redirect"`
	Challenge string      `json:"challenge,omitempty"`
	// Source is the registration that the user logged in to: the app may be given
	// another one before the code is redeemed (I8).
	Source string `json:"source"`
}

func usedName(f *flow) string { return "login/" + hex.EncodeToString(f.ID) }

// passedName is that of the platform's code which was sent on. It does not name the app: two may be one
// registration.
func passedName(code broker.Secret) string { return "passed/" + onetime.Digest(code.Reveal()) }

// codes are those of this package.
func (r *Relay) codes() onetime.Codes {
	return onetime.Codes{Store: r.cfg.OneTime, Sealer: r.cfg.Sealer, Now: r.cfg.Now, Lifetime: codeLifetime, Skew: skew}
}

// codesOf is where an app's codes are kept. Their names do not have the app in them, so that
// an attempt at another one uses a code up.
func codesOf(app *broker.App) onetime.Place {
	return onetime.Place{Name: "code/", Bound: "login/" + app.ID + "/code"}
}

// addCode makes a code for a user who has logged in. After an error it is not known to be
// stored, and is told to nobody.
func (r *Relay) addCode(ctx context.Context, app *broker.App, f *flow, u broker.User) (broker.Secret, error) {
	plain, err := json.Marshal(identity{
		Kind: u.Key.Kind, OpenID: u.Key.Subject, UnionID: u.UnionID, Scope: u.Scope, Snapshot: u.Snapshot,
		Redirect: string(f.Redirect), Challenge: f.Challenge, Source: app.Source(),
	})
	if err != nil {
		return broker.Secret{}, fmt.Errorf("encode who logged in: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	code, err := r.codes().Make(ctx, codesOf(app), plain)
	return broker.NewSecret(code), err //nolint:wrapcheck // it says what it was doing
}

// Redeem exchanges our own code for who logged in. It works once, on whichever server, and a
// code that is shown with a wrong verifier or redirect URI is used up all the same. The
// verifier is that of the login's code challenge, and empty if it had none; an empty
// redirectURI is not compared, and is [ErrNoRedirect] where the app has several sites. Errors
// are *[broker.Error].
func (r *Relay) Redeem(ctx context.Context, app *broker.App, code, verifier, redirectURI string) (broker.User, error) {
	if app == nil || app.Login == nil {
		return broker.User{}, broker.ErrNoLogin
	}
	if redirectURI == "" && app.Login.Sites() > 1 {
		return broker.User{}, ErrNoRedirect
	}
	plain, err := r.codes().Take(ctx, codesOf(app), code)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		return broker.User{}, ErrBadCode
	case errors.Is(err, onetime.ErrNotOpened):
		r.cfg.Logger.WarnContext(ctx, "a code of a login was shown that does not open for this app", "app", app.ID, "error", err)
		return broker.User{}, badCode("the code is not one of this app")
	case err != nil:
		return broker.User{}, broker.StoreAway(fmt.Errorf("redeem a code: %w", err))
	}
	var id identity
	if err := json.Unmarshal(plain, &id); err != nil {
		return broker.User{}, broker.AsError(fmt.Errorf("decode who logged in: %w", err))
	}
	if err := id.check(app, verifier, redirectURI); err != nil {
		return broker.User{}, err
	}
	return broker.User{
		Key:     broker.Key{App: app.ID, Kind: id.Kind, Subject: id.OpenID},
		UnionID: id.UnionID, Scope: id.Scope, Snapshot: id.Snapshot,
	}, nil
}

// check says whether the code may be redeemed like this.
func (id *identity) check(app *broker.App, verifier, redirectURI string) error {
	switch {
	case id.Source != app.Source():
		return badCode("the app has become another one at its platform since the user logged in")
	case redirectURI != "" && redirectURI != id.Redirect:
		return badCode("redirect_uri is not the one that the login began with")
	case id.Challenge == "" && verifier != "":
		// Somebody may have taken the challenge out of the login's address.
		return badCode("the login began without a code_challenge, and there is a code_verifier")
	case id.Challenge != "" && subtle.ConstantTimeCompare([]byte(challengeOf(verifier)), []byte(id.Challenge)) != 1:
		return badCode("code_verifier is not that of the login's code_challenge")
	}
	return nil
}
