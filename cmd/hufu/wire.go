package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/dropin"
	"github.com/hufu-io/hufu/internal/fleet"
	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/grant"
	"github.com/hufu-io/hufu/internal/httpapi"
	"github.com/hufu-io/hufu/internal/obs"
	"github.com/hufu-io/hufu/internal/oidc"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platformtable"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/storecopy"
	"github.com/hufu-io/hufu/internal/virtual"
)

// renewalsTimeout bounds how long renewals in flight are waited for at the end.
const renewalsTimeout = 5 * time.Second

// keyTransport takes the operator's key to a server. It is the one for platforms, since
// it takes plain http through no proxy.
func keyTransport() http.RoundTripper { return platform.NewTransport() }

// server is everything that serve runs, put together.
type server struct {
	cfg   *config.Config
	log   *slog.Logger
	admit func(*broker.App) error // see [serving]
	table []broker.Platform

	store    broker.Store
	name     string         // of this process, among those that share the store
	members  *fleet.Members // nil: the store is this process's alone
	keyring  *seal.Keyring
	behind   keysetFault
	virtual  *virtual.Codec
	manager  *renew.Manager
	grants   *grant.Keeper
	registry *registry.Registry
	recorder *audit.Recorder
	sinks    *sinkFeed
	service  *access.Service
	gateway  *gateway.Gateway
	openID   *oidc.Provider // nil: there are no logins
	api      *httpapi.API

	// working ends when the server has stopped, long after it was told to.
	working  context.Context //nolint:containedctx // It is the server's own life, and no call's.
	stopWork func()
	work     sync.WaitGroup
}

// newServer puts a server together: it opens the store, checks the keyset and registers
// apps and clients. Nothing runs yet. What it opened is closed again if it fails.
func newServer(ctx context.Context, cfg *config.Config, log *slog.Logger, admit func(*broker.App) error) (_ *server, err error) {
	s := &server{cfg: cfg, log: log, admit: admit, name: holder()}
	if s.table, err = platformtable.With(platform.NewCaller(nil), cfg.Platforms); err != nil {
		return nil, err
	}
	if s.store, err = openStore(ctx, cfg, log); err != nil {
		return nil, err
	}
	s.working, s.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			s.stopWork()
			err = errors.Join(err, s.store.Close())
		}
	}()
	if err = storecopy.Check(ctx, s.store); err != nil {
		return nil, fmt.Errorf("open the store: %w; empty it and run hufu store copy again, or let store name the one that was to be copied", err)
	}
	if s.keyring, err = openKeyset(ctx, cfg.KeysetFile, s.store); err != nil {
		return nil, err
	}
	if s.virtual, err = virtual.Open(ctx, s.store, s.keyring); err != nil {
		return nil, err
	}
	admin, err := adminClient(ctx, cfg.AdminKeyFile, log)
	if err != nil {
		return nil, err
	}
	if err := s.assemble(ctx); err != nil {
		return nil, err
	}
	// Before anything is read, so that nothing is missed that others change meanwhile.
	s.manager.Listen(s.working) //nolint:contextcheck // It goes on when the start has ended.
	if err := s.registry.Load(ctx, cfg.Apps, append([]*broker.Client{admin}, cfg.Clients...)); err != nil {
		return nil, fmt.Errorf("load apps and clients: %w", err)
	}
	return s, nil
}

// assemble makes the parts that live above the store.
func (s *server) assemble(ctx context.Context) error {
	b := thisBuild()
	reg := obs.NewRegistry(obs.Build{Version: b.Version, Revision: b.Commit, Go: b.Go})
	s.recorder = audit.New(audit.Config{Log: s.store.Audit(), Logger: s.log, Registerer: reg, Retain: s.cfg.Audit.Keep})
	var err error
	tokens := renew.Config{
		Store: s.store, Leaser: s.store, Sealer: s.keyring, Platforms: s.table,
		Holder: s.name, Logger: s.log, Registerer: reg, Renewed: s.renewed, Now: localClock(),
		Defined: func(c broker.Change) { s.registry.Heard(c) },
	}
	if err = s.share(&tokens, reg); err != nil {
		return err
	}
	if s.manager, err = renew.New(tokens); err != nil {
		return err
	}
	s.grants, err = grant.New(grant.Config{
		Store: s.store.Grants(), Sealer: s.keyring, Platforms: s.table, Holder: s.name, Now: s.manager.Now, Logger: s.log, Registerer: reg,
	})
	if err != nil {
		return err
	}
	meter := quota.New(quota.Config{Registerer: reg, Now: s.manager.Now})
	s.registry = registry.New(registry.Config{
		Apps: s.store.Apps(), Clients: s.store.Clients(), Sealer: s.keyring, Keeper: keeper{s.manager, meter}, Logger: s.log,
		Admit: s.admit,
	})
	if s.sinks, err = newSinkFeed(s.manager, s.table, s.log, reg); err != nil {
		return err
	}
	users := gateway.NewUsers()
	logins, err := s.openLogins(ctx, reg)
	if err != nil {
		return err
	}
	may := access.Config{
		Manager: s.manager, Registry: s.registry, Audit: s.recorder, Virtual: s.virtual, Registerer: reg, Logger: s.log,
		Platforms: s.table, PublicURL: s.cfg.PublicURL, Grants: s.grants, UserTokens: users, Meter: meter,
	}
	if logins.relay != nil {
		may.Logins = logins.relay
	}
	s.service = access.New(may)
	s.gateway, err = gateway.New(gateway.Config{
		Service: s.service, Platforms: s.table, Transport: gateway.Tune(platform.NewTransport()), Meter: meter, Users: users, Logger: s.log, Registerer: reg,
	})
	if err != nil {
		return err
	}
	native, err := dropin.New(dropin.Config{
		Service: s.service, Forward: s.gateway, Platforms: s.table, Logger: s.log, Registerer: reg, MaxBody: s.cfg.Limits.MaxBodyBytes,
	})
	if err != nil {
		return err
	}
	rotation := &keyRotation{
		path: s.cfg.KeysetFile, keyring: s.keyring, store: s.store, manager: s.manager, grants: s.grants, registry: s.registry, log: s.log,
		name: s.name, shared: s.members != nil,
	}
	api := httpapi.Config{
		Service: s.service, Logger: s.log, Gateway: s.gateway, DropIn: native, Registerer: reg,
		Quotas:     access.NewQuotas(s.service, meter),
		Doctor:     access.NewDoctor(access.DoctorConfig{Service: s.service, Records: s.store, Platforms: s.table, Meter: meter}),
		RotateKeys: rotation.rotate, Keyset: s.behind.Load, MaxBody: s.cfg.Limits.MaxBodyBytes,
	}
	if logins.relay != nil {
		api.Login, api.OpenID = logins.relay, logins.oidc
		s.openID = logins.oidc
	}
	if s.cfg.Metrics {
		api.Metrics = obs.MetricsHandler(reg)
	}
	s.api, err = httpapi.New(api)
	return err
}

// renewed records a renewal that nobody asked for by name: the server's own, and those
// that reports caused, whose callers have entries of their own.
func (s *server) renewed(ev renew.Event) {
	e := broker.AuditEntry{Action: "renew", App: ev.Key.App, Kind: ev.Key.Kind, Version: ev.Version, Result: "ok"}
	if ev.Err != nil {
		e.Result = broker.AsError(ev.Err).Code
	}
	if ev.Foreign {
		f := e
		f.Action = "foreign_rotation"
		s.recorder.Later(f)
	}
	s.recorder.Later(e)
}

// start loads the tokens and begins to renew. What it starts goes on until close.
func (s *server) start(ctx context.Context) error {
	if err := s.join(ctx); err != nil {
		return err
	}
	ctx = s.working //nolint:contextcheck // What runs from here on goes on when ctx ends.
	s.work.Go(func() { s.registry.Follow(ctx) })
	s.work.Go(func() { s.followKeyset(ctx) })
	s.work.Go(func() { s.recorder.Run(ctx) })
	s.work.Go(func() { s.sweep(ctx) })
	if s.openID != nil {
		s.work.Go(func() { s.openID.Follow(ctx) })
	}
	s.work.Go(func() { s.grants.KeepPruning(ctx, s.cfg.Users.Keep) })
	s.work.Go(func() { s.sinks.run(ctx) })
	if err := s.manager.Start(ctx); err != nil {
		return fmt.Errorf("load tokens: %w", err)
	}
	s.sinks.start(ctx, s.cfg.Apps)
	return nil
}

// close ends renewals, with their leases released, writes out what waits to be written,
// and closes the store.
func (s *server) close(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, renewalsTimeout)
	defer cancel()
	if err := s.gateway.Close(wait); err != nil {
		s.log.WarnContext(ctx, "renewals for calls were cut off because they took too long to finish", "error", err)
	}
	if err := s.grants.Close(wait); err != nil {
		s.log.WarnContext(ctx, "refreshes of users' tokens were cut off because they took too long to finish", "error", err)
	}
	if err := s.manager.Close(wait); err != nil {
		s.log.WarnContext(ctx, "renewals were cut off because they took too long to finish", "error", err)
	}
	// The last renewals may have brought tokens that sinks do not have yet.
	s.sinks.stop()
	s.stopWork()
	s.work.Wait()
	if err := s.store.Close(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}

// holder names this process in leases: readable, and never the same twice.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:12])
}
