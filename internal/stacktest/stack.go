package stacktest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/audit"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/grant"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// What every stack has: the app [App] with the id [AppID] at the platform, and three
// clients. The platform knows [OtherID] too, with the same secret, for another app.
const (
	App     = "shop"
	AppID   = "wx0123456789abcdef"
	OtherID = "wxfedcba9876543210"
	Secret  = "0123456789abcdef0123456789abcdef"
	// BaseURL is where an app's platform is; only the sandbox answers there.
	BaseURL = "http://sandbox"
	// PublicURL is where browsers reach the server.
	PublicURL = "https://hufu.test"

	// OrdersKey is of the client orders, which may read and renew App and all apps api-*.
	OrdersKey = "orders" + keyTail
	// ReaderKey is of the client reader, which may read App.
	ReaderKey = "reader" + keyTail
	// AdminKey is of the client admin, which may do everything.
	AdminKey = "admin" + keyTail

	keyTail = "-key-0123456789abcdef0123456789"
)

// Key is the key that a test's client of that name usually has.
func Key(name string) string { return name + keyTail }

// Config is what a stack is made of. The zero value is a server with one app of
// WeChat's usual mode.
type Config struct {
	Mode     string         // of App
	Policy   broker.Policy  // of App
	Sandbox  sandbox.Config // gets AppID and OtherID in addition
	Rand     func() float64 // nil: that of package renew
	MaxWaits int            // of one client; zero: that of package access
	// Users are those of the platform. Nil: those of the sandbox.
	Users *Users
	// Logins are those of browsers. Nil: there are none.
	Logins     access.Logins
	UserTokens access.UserTokens
	Virtual    broker.VirtualTokens
	Meter      *quota.Meter      // of calls in clients' names; nil: one that nobody sees
	Platforms  []broker.Platform // in addition to WeChat
	Apps       []*broker.App     // in addition to App
	Clients    []*broker.Client
}

// Stack is a server that runs until its test ends.
type Stack struct {
	Sandbox  *sandbox.Sandbox
	Store    *memstore.Store
	Manager  *renew.Manager
	Registry *registry.Registry
	Recorder *audit.Recorder
	Grants   *grant.Keeper
	Service  *access.Service
	Metrics  *prometheus.Registry
	Logger   *slog.Logger // writes to Log, whatever the level
	Log      *Log

	tb testing.TB
}

// New starts a stack. Its first tokens are on their way when it returns: a reader
// waits for them, and so does [Stack.Settle].
func New(tb testing.TB, c Config) *Stack {
	tb.Helper()
	c.Sandbox.Apps = append(c.Sandbox.Apps, sandbox.App{ID: AppID, Secret: Secret}, sandbox.App{ID: OtherID, Secret: Secret})
	s := &Stack{
		Sandbox: sandbox.New(c.Sandbox), Store: memstore.New(memstore.Config{}),
		Metrics: prometheus.NewRegistry(), Log: &Log{}, tb: tb,
	}
	table := append([]broker.Platform{wechat.Platform(platform.NewCaller(s.Sandbox.Transport()))}, c.Platforms...)
	if c.Users != nil {
		c.Users.Live = s.Sandbox.Live
		c.Users.amend(&table[0])
	}
	s.Logger = slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	s.Manager, err = renew.New(renew.Config{
		Store: s.Store, Leaser: s.Store, Sealer: plainSealer{}, Holder: "test", Rand: c.Rand,
		Logger: s.Logger, Registerer: s.Metrics,
		Platforms: table,
	})
	if err != nil {
		tb.Fatal(err)
	}
	s.Grants, err = grant.New(grant.Config{
		Store: s.Store.Grants(), Sealer: plainSealer{}, Platforms: table, Holder: "test", Rand: c.Rand, Logger: s.Logger, Registerer: s.Metrics,
	})
	if err != nil {
		tb.Fatal(err)
	}
	s.Registry = registry.New(registry.Config{
		Apps: s.Store.Apps(), Clients: s.Store.Clients(), Sealer: plainSealer{}, Keeper: s.Manager, Logger: s.Logger,
	})
	s.Recorder = audit.New(audit.Config{Log: s.Store.Audit(), Logger: s.Logger, Registerer: s.Metrics})
	s.Service = access.New(access.Config{
		Manager: s.Manager, Registry: s.Registry, Audit: s.Recorder, Virtual: c.Virtual, MaxWaits: c.MaxWaits, Logger: s.Logger, Registerer: s.Metrics,
		Platforms: table, PublicURL: PublicURL, Grants: s.Grants, Logins: c.Logins, UserTokens: c.UserTokens, Meter: c.Meter,
	})
	s.run(c)
	return s
}

// run starts what New has put together, until the test ends.
func (s *Stack) run(c Config) {
	s.tb.Helper()
	app := NewApp(App, AppID)
	app.Mode, app.Policy = c.Mode, &c.Policy
	c.Apps = append(c.Apps, app)
	c.Clients = append(c.Clients,
		Client("orders", OrdersKey, broker.Read|broker.Renew, App, "api-*"),
		Client("reader", ReaderKey, broker.Read, App),
		Client("admin", AdminKey, broker.Admin, "*"))
	// The test's own context ends before its cleanup, in which the manager still stores.
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.tb.Context()))
	var wg sync.WaitGroup
	s.tb.Cleanup(func() {
		if err := errors.Join(s.Grants.Close(ctx), s.Manager.Close(ctx)); err != nil {
			s.tb.Error(err)
		}
		cancel()
		wg.Wait()
	})
	if err := s.Registry.Load(ctx, c.Apps, c.Clients); err != nil {
		s.tb.Fatal(err)
	}
	if err := s.Manager.Start(ctx); err != nil {
		s.tb.Fatal(err)
	}
	wg.Go(func() { s.Recorder.Run(ctx) })
}

// NewApp returns an app of the sandbox, as a configuration file defines it.
func NewApp(id, appID string) *broker.App {
	return &broker.App{
		ID: id, Platform: wechat.Name, AppID: appID, BaseURL: BaseURL,
		Secrets: []broker.Secret{broker.NewSecret(Secret)}, Origin: broker.FromFile,
	}
}

// Client returns a client, as a configuration file defines it. Its key may be
// [Key] of its name.
func Client(name, key string, rights broker.Right, apps ...string) *broker.Client {
	return &broker.Client{
		Name: name, Key: registry.HashKey(key), Apps: apps, Rights: broker.Rights(rights),
		Handout: broker.HandoutReal, Origin: broker.FromFile,
	}
}

// Settle waits until planned work has been done. It is for bubbles: outside of one,
// ask for what is to be there.
func (*Stack) Settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

// Issues counts the tokens that the platform has issued to App.
func (s *Stack) Issues() int { return len(s.Sandbox.Issues(AppID)) }

// Checks counts the calls that were made at the platform with a live token of App,
// such as those that callers' suspicions cost.
func (s *Stack) Checks() int { return s.Sandbox.Counts(AppID).Calls }

// Entries returns the audit's entries, newest first. Reads are among them a second
// after they were made.
func (s *Stack) Entries() []broker.AuditEntry {
	s.tb.Helper()
	es, err := s.Store.Audit().Query(context.WithoutCancel(s.tb.Context()), broker.AuditFilter{})
	if err != nil {
		s.tb.Fatal(err)
	}
	return es
}
