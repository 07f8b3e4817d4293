package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/login"
	"github.com/hufu-io/hufu/internal/oidc"
)

// logins are the ways in which users log in to apps in their browsers.
type logins struct {
	relay *login.Relay
	oidc  *oidc.Provider
}

// openLogins makes the relay for logins and its OpenID Connect face. Where the server has
// no public URL there are none.
func (s *server) openLogins(ctx context.Context, reg prometheus.Registerer) (l logins, err error) {
	if s.cfg.PublicURL == "" {
		return logins{}, nil
	}
	sealer, err := login.OpenSealer(ctx, s.store, s.keyring)
	if err != nil {
		return logins{}, err
	}
	l.relay, err = login.New(login.Config{
		PublicURL: s.cfg.PublicURL, Sealer: sealer, OneTime: s.store.OneTime(), Platforms: s.table,
		App: s.app, Exchange: s.grants.Exchange, Now: s.manager.Now, Logger: s.log, Registerer: reg, Audit: s.loggedIn,
	})
	if err != nil {
		return logins{}, err
	}
	l.oidc, err = oidc.New(ctx, oidc.Config{
		PublicURL: s.cfg.PublicURL, Sealer: s.keyring, OneTime: s.store.OneTime(), Settings: s.store, Relay: l.relay,
		App: s.app, Client: func(name string) *broker.Client { return s.registry.Client(name) },
		Authenticate: func(key string) *broker.Client { return s.service.Authenticate(key) },
		Allowed:      func(c *broker.Client, app string) bool { return acl.Allow(c, broker.Users, app) },
		Profile:      s.profile, Audit: s.clientDid,
		Now: s.manager.Now, Logger: s.log, Registerer: reg,
	})
	if err != nil {
		return logins{}, err
	}
	l.relay.Continue(l.oidc)
	return l, nil
}

// app finds an app when it is asked for: the registry is made after those who ask.
func (s *server) app(id string) *broker.App { return s.registry.App(id) }

func (s *server) profile(ctx context.Context, a *broker.App, user string) (broker.Profile, error) {
	p, _, err := s.grants.Profile(ctx, a, user, "")
	return p, err
}

// clientDid records what a client did by OpenID Connect.
func (s *server) clientDid(r *http.Request, e broker.AuditEntry) {
	e.Remote = r.RemoteAddr
	if e.Action == "read_profile" {
		// It comes with each visit of a user: it is counted, and not whose it was.
		e.Target = ""
		s.recorder.Count(e)
		return
	}
	s.did(e)
}

// did records what was done. What came to nothing is counted: strangers and misconfigured
// clients can bring it about as often as they like, and are not to fill the audit.
func (s *server) did(e broker.AuditEntry) {
	if e.Result == "ok" {
		s.recorder.Later(e)
		return
	}
	s.recorder.Count(e)
}

// loggedIn records a login that came to an exchange.
func (s *server) loggedIn(r *http.Request, app, requestID string, u broker.User, err error) {
	e := broker.AuditEntry{
		Action: "login", App: app, Kind: u.Key.Kind, Target: u.Key.Subject, Remote: r.RemoteAddr, RequestID: requestID, Result: "ok",
	}
	if err != nil {
		e.Result = broker.AsError(err).Code
	}
	s.did(e)
}

// One-time values that have run out are removed so many at a time, this often.
const (
	sweepEvery = time.Minute
	sweepBatch = 1000
)

// sweep removes what has run out of codes and of notes that a login was used.
func (s *server) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for {
			n, err := s.store.OneTime().Sweep(ctx, sweepBatch)
			if err != nil && !errors.Is(err, context.Canceled) {
				s.log.DebugContext(ctx, "one-time values were not swept", "error", err)
			}
			if err != nil || n < sweepBatch {
				break
			}
		}
	}
}
