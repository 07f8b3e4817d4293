package access

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/grant"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
)

// Config is what a [Service] is made of; Manager, Registry and Audit are required.
type Config struct {
	Manager    *renew.Manager
	Registry   *registry.Registry
	Audit      *audit.Recorder
	Registerer prometheus.Registerer
	Logger     *slog.Logger // nil: nothing is logged
	// Virtual makes and reads virtual tokens. Nil: there are none, and clients that should
	// get them get nothing.
	Virtual broker.VirtualTokens
	// Platforms are those of the apps, whose ways to log users in and to sign for pages are
	// used. None: nobody logs in.
	Platforms []broker.Platform
	// PublicURL is where browsers reach the server. Empty: no app may be given a login.
	PublicURL string
	// Grants keeps what users have granted apps. Nil: nothing is kept of users.
	Grants *grant.Keeper
	// Logins are those of browsers. Nil: there are none.
	Logins Logins
	// UserTokens tells tokens of users from the apps' own. Nil: they are not told apart.
	UserTokens UserTokens
	// Meter counts the calls that are made at platforms in clients' names, together with the
	// gateway's. Nil: one of its own.
	Meter *quota.Meter
	// MaxWaits is how many long polls and watches one client may have at a time. Zero: 1000.
	MaxWaits int
}

// Service is safe for concurrent use.
type Service struct {
	tokens   *renew.Manager
	registry *registry.Registry
	audit    *audit.Recorder
	waits    *waits
	virtual  broker.VirtualTokens
	virtuals *virtuals
	callers  callers

	platforms  map[string]broker.Platform
	denied     map[string][]string // by platform, for apps that say nothing themselves
	meter      *quota.Meter
	opening    opening
	publicURL  string
	grants     *grant.Keeper
	logins     Logins
	userTokens UserTokens

	log *slog.Logger

	reads   prometheus.Counter
	refused *prometheus.CounterVec
}

// New returns a service.
func New(cfg Config) *Service {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Virtual == nil {
		cfg.Virtual = noVirtual{}
	}
	if cfg.Logins == nil {
		cfg.Logins = noLogins{}
	}
	if cfg.UserTokens == nil {
		cfg.UserTokens = noUserTokens{}
	}
	if cfg.Meter == nil {
		cfg.Meter = quota.New(quota.Config{})
	}
	s := &Service{
		tokens: cfg.Manager, registry: cfg.Registry, audit: cfg.Audit, waits: newWaits(cfg.MaxWaits), virtual: cfg.Virtual, virtuals: newVirtuals(cfg.Virtual), log: cfg.Logger,
		platforms: map[string]broker.Platform{}, denied: map[string][]string{}, meter: cfg.Meter, opening: opening{}, publicURL: cfg.PublicURL, grants: cfg.Grants, logins: cfg.Logins, userTokens: cfg.UserTokens,
		reads: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "hufu", Name: "reads_total", Help: "Tokens handed out.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hufu", Name: "refusals_total", Help: "Requests that were refused, by the class of the refusal.",
		}, []string{"class"}),
	}
	for _, p := range cfg.Platforms {
		s.platforms[p.Name] = p
		s.opening.add(&p)
		if p.Upstream != nil {
			s.denied[p.Name] = p.Upstream.Denied()
		}
	}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(s.reads, s.refused)
	}
	return s
}

// Now is the clock on which promises end.
func (s *Service) Now() time.Time { return s.tokens.Now() }

// Held is what a client gets: a token, together with the instant for which its promise is
// to be computed.
type Held struct {
	broker.Token
	Now time.Time
	// Virtual says that the token is one that stands for the app's own.
	Virtual bool
}

// Promise is how long the token may be relied on from Now, in whole seconds.
func (h *Held) Promise() time.Duration {
	if h.Virtual {
		return virtualLifetime
	}
	return h.Token.Promise(h.Now)
}

// Read returns the token of an app, one that lasts for minTTL if that can be had. What
// stands behind a virtual one is renewed in time at any rate, so that it needs not last.
// With a token in memory it neither waits nor allocates.
func (s *Service) Read(ctx context.Context, c broker.Caller, app string, kind broker.Kind, minTTL time.Duration) (Held, error) {
	if err := s.mayHave(c, app, kind); err != nil {
		return Held{}, err
	}
	if s.getsVirtual(c.Client, app, kind) {
		minTTL = 0
	}
	if t, now, ok := s.tokens.Peek(app, kind); ok && (minTTL <= 0 || t.Promise(now) >= minTTL) {
		return s.handOut(c, t, now)
	}
	t, err := s.tokens.Lasting(ctx, broker.Key{App: app, Kind: kind}, minTTL)
	if err != nil {
		return Held{}, s.refuse(err)
	}
	return s.handOut(c, t, s.tokens.Now())
}

// ReadNow is [Service.Read] for tokens that are in memory and callers that may have
// them. It reports false, having done nothing, in every other case.
func (s *Service) ReadNow(c broker.Caller, app string, kind broker.Kind) (Held, bool) {
	if !acl.Allow(c.Client, s.rightToHave(c.Client, app, kind), app) {
		return Held{}, false
	}
	t, now, ok := s.tokens.Peek(app, kind)
	if !ok {
		return Held{}, false
	}
	h, err := s.handOut(c, t, now)
	return h, err == nil
}

// handedOut counts a token that a client got.
func (s *Service) handedOut(c broker.Caller, t broker.Token) {
	s.reads.Inc()
	s.audit.Read(c, t.Key.App, t.Key.Kind, t.Version)
}

// Wait returns the token once its version differs from seen, or as it is when ctx
// ends.
func (s *Service) Wait(ctx context.Context, c broker.Caller, app string, kind broker.Kind, seen broker.Version) (Held, error) {
	if err := s.mayHave(c, app, kind); err != nil {
		return Held{}, err
	}
	if err := s.waits.enter(c.Name(), 1); err != nil {
		return Held{}, s.refuse(err)
	}
	defer s.waits.leave(c.Name(), 1)
	k := broker.Key{App: app, Kind: kind}
	newer := s.tokens.Newer
	if s.getsVirtual(c.Client, app, kind) {
		newer = s.unchanged
	}
	t, err := newer(ctx, k, seen)
	switch {
	case err != nil:
		return Held{}, s.refuse(err)
	case !s.registry.Valid(c.Client):
		// It was revoked or changed while it waited.
		return Held{}, s.refuse(broker.ErrNotAllowed)
	}
	h, err := s.hand(c, t, s.tokens.Now())
	if err == nil && h.Version != seen {
		s.handedOut(c, t)
	}
	return h, err
}

// unchanged waits until ctx ends, or there is no token any more: a virtual one has no
// newer version, whatever becomes of the one that it stands for.
func (s *Service) unchanged(ctx context.Context, k broker.Key, seen broker.Version) (broker.Token, error) {
	t, err := s.tokens.Token(ctx, k)
	for err == nil && seen == virtualVersion && ctx.Err() == nil {
		t, err = s.tokens.Newer(ctx, k, t.Version)
	}
	return t, err
}

// Report takes a caller's word that the given version was rejected. A virtual token tells
// no versions of the real one apart, so that this one is only suspected.
func (s *Service) Report(ctx context.Context, c broker.Caller, app string, kind broker.Kind, stale broker.Version) (Held, error) {
	return s.renewed(ctx, c, broker.Renew, "report", app, kind, func(k broker.Key) (broker.Token, error) {
		if s.getsVirtual(c.Client, app, kind) {
			return s.tokens.Suspect(ctx, k)
		}
		return s.tokens.Report(ctx, k, stale)
	})
}

// ReportToken is [Service.Report] by the token's value.
func (s *Service) ReportToken(ctx context.Context, c broker.Caller, app string, kind broker.Kind, seen broker.Secret) (Held, error) {
	return s.renewed(ctx, c, broker.Renew, "report", app, kind, func(k broker.Key) (broker.Token, error) {
		if s.OfUser(seen) {
			return broker.Token{}, errUserToken // it says nothing of the app's own (I8)
		}
		if s.standsFor(seen, k) && s.getsVirtual(c.Client, app, kind) {
			return s.tokens.Suspect(ctx, k)
		}
		return s.tokens.ReportToken(ctx, k, seen)
	})
}

// Suspect is for callers who cannot say which token they saw rejected: the current
// one is checked at the platform, and renewed only if it is really dead.
func (s *Service) Suspect(ctx context.Context, c broker.Caller, app string, kind broker.Kind) (Held, error) {
	return s.renewed(ctx, c, s.rightToHave(c.Client, app, kind), "suspect", app, kind, func(k broker.Key) (broker.Token, error) {
		return s.tokens.Suspect(ctx, k)
	})
}

// Replace renews a token that leaked, although nobody saw it rejected.
func (s *Service) Replace(ctx context.Context, c broker.Caller, app string, kind broker.Kind) (Held, error) {
	return s.renewed(ctx, c, broker.Admin, "replace", app, kind, func(k broker.Key) (broker.Token, error) {
		return s.tokens.Replace(ctx, k)
	})
}

// renewed does what may renew a token, and accounts for it. What changed the token is
// recorded before it is answered; everything else is counted, as reads are.
func (s *Service) renewed(ctx context.Context, c broker.Caller, r broker.Right, action, app string, kind broker.Kind, f func(broker.Key) (broker.Token, error)) (Held, error) {
	if s.getsVirtual(c.Client, app, kind) {
		if err := s.mayHave(c, app, kind); err != nil {
			return Held{}, err
		}
	}
	if err := s.may(c, r, app); err != nil {
		return Held{}, err
	}
	k := broker.Key{App: app, Kind: kind}
	before, serr := s.tokens.State(k)
	t, err := f(k)
	e := entryOf(c, action, app, err)
	e.Kind, e.Version = kind, t.Version
	switch {
	case err == nil && (serr != nil || t.Version != before.Token.Version):
		// The token is handed out even where the audit has to wait for the store: a store
		// that fails takes no live token away (I3), and the entry is kept meanwhile.
		_ = s.audit.Record(ctx, e)
	case errors.Is(err, broker.ErrUnknownApp):
		e.App, e.Kind = "", "" // what is not there is not written down as callers call it
		s.audit.Count(e)
	case errors.Is(err, broker.ErrUnknownKind):
		e.Kind = ""
		s.audit.Count(e)
	default:
		s.audit.Count(e)
	}
	if err != nil {
		return Held{}, s.refuse(err)
	}
	s.reads.Inc()
	return s.hand(c, t, s.tokens.Now())
}

func entryOf(c broker.Caller, action, app string, err error) broker.AuditEntry {
	e := broker.AuditEntry{Client: c.Name(), Action: action, App: app, Remote: c.Remote, RequestID: c.RequestID, Result: "ok"}
	if err != nil {
		e.Result = broker.AsError(err).Code
	}
	return e
}

// Kinds lists the kinds of token of an app that are there and that the client may have.
func (s *Service) Kinds(c broker.Caller, app string) ([]broker.Kind, error) {
	if err := s.mayHave(c, app, broker.AccessToken); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(s.tokens.Held(app), func(k broker.Kind) bool {
		return !acl.Allow(c.Client, s.rightToHave(c.Client, app, k), app)
	}), nil
}
