package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
)

// PutApp adds an app or replaces the one with its id. Tokens that it has from elsewhere are
// stored before anybody knows of the app.
func (s *Service) PutApp(ctx context.Context, c broker.Caller, a *broker.App, tokens ...renew.Imported) (created bool, err error) {
	if err := s.may(c, broker.Admin, a.ID); err != nil {
		return false, err
	}
	var stored []bool
	if err = s.mayLogIn(c, a); err == nil {
		err = s.fits(a)
	}
	if err == nil {
		created, err = s.registry.PutAppIf(ctx, s.ordered(a), func(full *broker.App) error {
			// Once more, for what is kept of the app that it replaces.
			if err := s.fits(full); err != nil {
				return err
			}
			return s.mayPut(c, a, full)
		}, func(next *broker.App, put func() error) (err error) {
			if len(tokens) == 0 {
				return put()
			}
			stored, err = s.takeOver(ctx, next, tokens, put)
			return err
		})
	}
	err = namingTwin(c, err)
	entries := append(importEntries(c, a.ID, tokens, stored), entryOf(c, "put_app", a.ID, err))
	return created, s.allChanged(ctx, err, entries...)
}

// errFit ends a put before anything was done.
var errFit = errors.New("nothing speaks against it")

// CheckApp says what [Service.PutApp] would have against an app now, and changes nothing.
func (s *Service) CheckApp(ctx context.Context, c broker.Caller, a *broker.App) error {
	if err := s.may(c, broker.Admin, a.ID); err != nil {
		return err
	}
	if err := s.mayLogIn(c, a); err != nil {
		return err
	}
	if err := s.fits(a); err != nil {
		return err
	}
	_, err := s.registry.PutAppIf(ctx, s.ordered(a), func(full *broker.App) error {
		if err := s.fits(full); err != nil {
			return err
		}
		return s.mayPut(c, a, full)
	}, func(*broker.App, func() error) error { return errFit })
	if errors.Is(err, errFit) {
		return nil
	}
	return namingTwin(c, err)
}

// namingTwin names the app that is the same registration to those who manage that one too.
func namingTwin(c broker.Caller, err error) error {
	twin, ok := errors.AsType[*registry.TwinError](err)
	if !ok || !acl.Allow(c.Client, broker.Admin, twin.App) {
		return err
	}
	e := *registry.ErrTwice
	e.Message = strings.Replace(e.Message, "another app", fmt.Sprintf("the app %q", twin.App), 1)
	return &e
}

// fits says what is wrong with what an app has for its platform. The rules are those of the
// configuration.
func (s *Service) fits(a *broker.App) error {
	p, known := s.platforms[a.Platform]
	if !known {
		return nil
	}
	faults := p.CheckSettings(a)
	if len(faults) == 0 {
		return nil
	}
	wrong := make([]string, len(faults))
	for i, f := range faults {
		wrong[i] = f.String()
	}
	return invalidf("app %q: %s", "", a.ID, strings.Join(wrong, "; "))
}

// mayPut says why a client that may manage an app must not make it like this: full is
// the app as it was asked for, completed.
func (s *Service) mayPut(c broker.Caller, asked, full *broker.App) error {
	if acl.Allow(c.Client, broker.Admin, "") {
		return nil
	}
	reach := func() error { return s.mayReach(asked, full) }
	if full.OAuth2 != nil {
		reach = func() error { return s.mayAskAt(full) }
	}
	if err := reach(); err != nil {
		return err
	}
	return s.mayName(c, full)
}

// mayReach refuses hosts that are not the platform's own: secrets and tokens would be
// sent there from inside this network, and what is answered would be shown.
func (s *Service) mayReach(asked, full *broker.App) error {
	usual := *asked
	usual.BaseURL = ""
	d, err := s.tokens.Complete(&usual)
	if err != nil {
		return err
	}
	if s.tokens.Entry(full) != s.tokens.Entry(d) {
		return &broker.Error{
			Code: broker.ErrNotAllowed.Code, Class: broker.Denied,
			Message: "only a client with admin on every app may set a base_url that is not the platform's own",
			Hint:    "leave base_url out, or ask an administrator of the server",
		}
	}
	return nil
}

// mayAskAt is mayReach for apps that say themselves where their tokens are got and where
// their calls go. One that is there keeps both.
func (s *Service) mayAskAt(full *broker.App) error {
	o, old := full.OAuth2, s.registry.App(full.ID)
	if old != nil && old.OAuth2 != nil && old.OAuth2.TokenURL == o.TokenURL && old.OAuth2.Issuer == o.Issuer && old.BaseURL == full.BaseURL {
		return nil
	}
	return &broker.Error{
		Code: broker.ErrNotAllowed.Code, Class: broker.Denied,
		Message: "only a client with admin on every app may set where an app's tokens are got by OAuth 2.0, and where its calls go",
		Hint:    "ask an administrator of the server to add the app; its other settings may be changed afterwards",
	}
}

// mayName refuses a platform's app id that apps of others have: clients that may read
// both could not say any more which one they mean on the platform's own paths. An app
// that has it already keeps it.
func (s *Service) mayName(c broker.Caller, full *broker.App) error {
	if old := s.registry.App(full.ID); old != nil && old.Platform == full.Platform && old.AppID == full.AppID {
		return nil
	}
	var few [4]*broker.App
	for _, other := range s.registry.ByPlatformID(few[:0], full.Platform, full.AppID) {
		if other.ID != full.ID && !acl.Allow(c.Client, broker.Admin, other.ID) {
			return &broker.Error{
				Code: "conflict", Class: broker.Invalid,
				Message: "the app_id is that of an app which the client may not manage",
				Hint:    "ask an administrator of the server for the right to read that app, or to manage it",
			}
		}
	}
	return nil
}

// mayLogIn says why users must not log in to an app like this, nor its pages be signed for:
// asked is what was asked for.
func (s *Service) mayLogIn(c broker.Caller, asked *broker.App) error {
	p := s.platforms[asked.Platform]
	switch {
	case p.Name == "": // which is told when the app is completed
		return nil
	case len(asked.PageHosts) > 0 && p.Pages == nil:
		return invalid("the platform has no JS-SDK, so that page_hosts has no meaning", "leave page_hosts out")
	case asked.Login == nil:
		return nil
	case p.Web == nil:
		return invalid("users do not log in to apps of this platform", "leave login out")
	case s.publicURL == "":
		return invalid("the server does not know where browsers reach it, so that no app has a login", "set public_url in the configuration, and restart the server")
	case asked.Login.AuthorizeURL != "" && !acl.Allow(c.Client, broker.Admin, ""):
		// Browsers would be sent there from this server's own address.
		return &broker.Error{
			Code: broker.ErrNotAllowed.Code, Class: broker.Denied, Message: "only a client with admin on every app may set authorize_url",
			Hint: "leave authorize_url out, or ask an administrator of the server",
		}
	}
	known := p.Web.Scopes()
	for _, scope := range asked.Login.Scopes {
		if !slices.Contains(known, scope) {
			return invalidf("none of the platform's scopes is called %.40q", "there are "+list(known), scope)
		}
	}
	return nil
}

// ordered is an app with the scopes of its login in the platform's order.
func (s *Service) ordered(a *broker.App) *broker.App {
	web := s.platforms[a.Platform].Web
	if a.Login == nil || web == nil {
		return a
	}
	next, login := *a, *a.Login
	login.Scopes = broker.NarrowestFirst(web, login.Scopes)
	next.Login = &login
	return &next
}
