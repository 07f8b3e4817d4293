package access

import (
	"context"
	"errors"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
)

// Subscription returns what the app knows of a user who follows it, by the app's own
// token: the user need not have logged in. A token that the platform rejects is replaced
// as one that the gateway saw rejected, and the call made once more.
//
// It is a call that the gateway would make too. So the rules for its path hold here as
// they do there, and both go into one count.
func (s *Service) Subscription(ctx context.Context, c broker.Caller, app, user, language string) (broker.Subscription, error) {
	a, err := s.onApp(c, broker.Users, app)
	if err != nil {
		return broker.Subscription{}, err
	}
	web, err := s.web(a)
	if err != nil {
		return broker.Subscription{}, s.refuse(err)
	}
	path := web.SubscriptionPath()
	if err := s.MayCall(ctx, c, a, broker.CallApp, path); err != nil {
		return broker.Subscription{}, err
	}
	if throttled := s.meter.Admit(a.ID, path); throttled != nil {
		return broker.Subscription{}, s.counted(c, "read_subscription", app, broker.AccessToken, 0, throttled)
	}
	t, err := s.tokens.Of(a).Token(ctx, broker.Key{App: a.ID, Kind: broker.AccessToken})
	if err != nil {
		return broker.Subscription{}, s.counted(c, "read_subscription", app, broker.AccessToken, 0, err)
	}
	sub, err := web.Subscription(ctx, a, user, t.Secret, language)
	s.metered(a, path, err)
	if errors.Is(err, broker.ErrRejected) {
		if t, err = s.Rejected(ctx, c, a, t); err != nil {
			return broker.Subscription{}, err
		}
		sub, err = web.Subscription(ctx, a, user, t.Secret, language)
		s.metered(a, path, err)
	}
	if err == nil && sub.OpenID != "" && sub.OpenID != user {
		err = broker.ErrWrongUser
	}
	if err != nil {
		err = fmt.Errorf("read a user's subscription to app %q: %w", a.ID, err)
	}
	return sub, s.counted(c, "read_subscription", app, broker.AccessToken, t.Version, err)
}

// metered counts a call of a path that the platform has answered. Where it said nothing
// that could be read, it is not known whether it was the platform that did.
func (s *Service) metered(a *broker.App, path string, err error) {
	if err == nil {
		s.meter.Passed(a.ID, path, nil)
	} else if e := broker.AsError(err); e.PlatformCode != "" {
		s.meter.Passed(a.ID, path, e)
	}
}
