package whole

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/dropin"
	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/grant"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
	"github.com/hufu-io/hufu/internal/platformtable"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/store/memstore"
	"github.com/hufu-io/hufu/internal/virtual"
)

// PublicURL is where browsers reach the server.
const PublicURL = "https://hufu.test"

// Config is what a [Server] is made of. All is required that does not say otherwise.
type Config struct {
	// Holder names this server among those over one store.
	Holder string
	Store  *memstore.Store
	Keys   *Keys
	// Platforms answers for all hosts of platforms.
	Platforms http.RoundTripper
	// Described are platforms beside those that are built in; none need be.
	Described []declared.Definition
	Apps      []*broker.App
	Clients   []*broker.Client
	Logger    *slog.Logger // nil: nothing is logged
}

// Server is a server at work.
type Server struct {
	http.Handler

	cfg      Config
	table    []broker.Platform
	store    *memstore.Store
	manager  *renew.Manager
	grants   *grant.Keeper
	registry *registry.Registry
	recorder *audit.Recorder
	service  *access.Service
	gateway  *gateway.Gateway

	stop func()
	work sync.WaitGroup
}

// New starts a server. Its first tokens are on their way when it returns.
func New(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	table, err := platformtable.With(platform.NewCaller(cfg.Platforms), cfg.Described)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, store: cfg.Store.Handle(), table: table}
	// The test's own context ends before its cleanup, in which renewals are still stored.
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.start(ctx); err != nil {
		s.stop()
		return nil, errors.Join(err, s.store.Close())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	if err := s.cfg.Keys.put(ctx, s.store); err != nil {
		return err
	}
	if err := s.assemble(ctx); err != nil {
		return err
	}
	s.manager.Listen(ctx)
	if err := s.registry.Load(ctx, s.cfg.Apps, s.cfg.Clients); err != nil {
		return fmt.Errorf("load apps and clients: %w", err)
	}
	s.work.Go(func() { s.registry.Follow(ctx) })
	s.work.Go(func() { s.recorder.Run(ctx) })
	if err := s.manager.Start(ctx); err != nil {
		return fmt.Errorf("load tokens: %w", err)
	}
	return nil
}

// assemble makes the parts in the order of cmd/hufu.
func (s *Server) assemble(ctx context.Context) error {
	log, sealer := s.cfg.Logger, s.cfg.Keys.Sealer
	codec, err := virtual.Open(ctx, s.store, sealer)
	if err != nil {
		return fmt.Errorf("open the key of virtual tokens: %w", err)
	}
	s.recorder = audit.New(audit.Config{Log: s.store.Audit(), Logger: log})
	s.manager, err = renew.New(renew.Config{
		Store: s.store, Leaser: s.store, Sealer: sealer, Platforms: s.table, Holder: s.cfg.Holder, Logger: log,
		Notifier: s.store, Defined: func(c broker.Change) { s.registry.Heard(c) },
	})
	if err != nil {
		return fmt.Errorf("make the manager of tokens: %w", err)
	}
	s.grants, err = grant.New(grant.Config{
		Store: s.store.Grants(), Sealer: sealer, Platforms: s.table, Holder: s.cfg.Holder, Now: s.manager.Now, Logger: log,
	})
	if err != nil {
		return fmt.Errorf("make the keeper of grants: %w", err)
	}
	meter := quota.New(quota.Config{Now: s.manager.Now})
	s.registry = registry.New(registry.Config{Apps: s.store.Apps(), Clients: s.store.Clients(), Sealer: sealer, Keeper: s.manager, Logger: log})
	users := gateway.NewUsers()
	relay, openID, err := s.openLogins(ctx)
	if err != nil {
		return err
	}
	s.service = access.New(access.Config{
		Manager: s.manager, Registry: s.registry, Audit: s.recorder, Virtual: codec, Logger: log,
		Platforms: s.table, PublicURL: PublicURL, Grants: s.grants, Logins: relay, UserTokens: users,
	})
	s.gateway, err = gateway.New(gateway.Config{
		Service: s.service, Platforms: s.table, Transport: s.cfg.Platforms, Meter: meter, Users: users, Logger: log,
	})
	if err != nil {
		return fmt.Errorf("make the gateway: %w", err)
	}
	native, err := dropin.New(dropin.Config{
		Service: s.service, Forward: s.gateway, Logger: log, Platforms: s.table,
	})
	if err != nil {
		return fmt.Errorf("make the drop-in paths: %w", err)
	}
	s.Handler, err = httpapi.New(httpapi.Config{
		Service: s.service, Logger: log, Gateway: s.gateway, DropIn: native, Login: relay, OpenID: openID,
		Quotas: access.NewQuotas(s.service, meter),
	})
	if err != nil {
		return fmt.Errorf("make the API: %w", err)
	}
	return nil
}

// Close ends the server as its process would end in good order. The store stays.
func (s *Server) Close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	err := errors.Join(s.gateway.Close(ctx), s.grants.Close(ctx), s.manager.Close(ctx))
	s.stop()
	s.work.Wait()
	return errors.Join(err, s.store.Close())
}
