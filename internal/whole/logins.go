package whole

import (
	"context"
	"fmt"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/login"
	"github.com/hufu-io/hufu/internal/oidc"
)

// openLogins makes the relay and its OpenID Connect face. The registry and the service are
// there once somebody asks.
func (s *Server) openLogins(ctx context.Context) (*login.Relay, *oidc.Provider, error) {
	app := func(id string) *broker.App { return s.registry.App(id) }
	sealer, err := login.OpenSealer(ctx, s.store, s.cfg.Keys.Sealer)
	if err != nil {
		return nil, nil, fmt.Errorf("open the key of logins: %w", err)
	}
	relay, err := login.New(login.Config{
		PublicURL: PublicURL, Sealer: sealer, OneTime: s.store.OneTime(), Platforms: s.table, App: app,
		Exchange: s.grants.Exchange, Now: s.manager.Now, Logger: s.cfg.Logger,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make the relay: %w", err)
	}
	openID, err := oidc.New(ctx, oidc.Config{
		PublicURL: PublicURL, Sealer: s.cfg.Keys.Sealer, OneTime: s.store.OneTime(), Settings: s.store, Relay: relay, App: app,
		Client:       func(name string) *broker.Client { return s.registry.Client(name) },
		Authenticate: func(key string) *broker.Client { return s.service.Authenticate(key) },
		Allowed:      func(c *broker.Client, app string) bool { return acl.Allow(c, broker.Users, app) },
		Profile: func(ctx context.Context, a *broker.App, user string) (broker.Profile, error) {
			p, _, err := s.grants.Profile(ctx, a, user, "")
			return p, err
		},
		Now: s.manager.Now, Logger: s.cfg.Logger,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make the OpenID Connect face: %w", err)
	}
	relay.Continue(openID)
	return relay, openID, nil
}
