package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	demoClassic = "demo-classic"
	demoStable  = "demo-stable"
	demoClient  = "demo"
	demoVirtual = "demo-virtual"
	anyPort     = "127.0.0.1:0"
	// demoPatience is how long the demo waits for its first tokens.
	demoPatience = 5 * time.Second
)

// demo is a server beside simulated platforms, with something to look at.
type demo struct {
	out      io.Writer
	cfg      *config.Config
	platform *simulated
	classic  sandbox.App
	stable   sandbox.App
	// key is of the client that gets real tokens, virtualKey of the one that gets virtual ones.
	key, virtualKey broker.Secret
}

// serveDemo runs a server with the simulated platforms. It leaves nothing behind: its
// data lie in a folder of their own that is removed in the end.
func serveDemo(ctx context.Context, cmd *cobra.Command, file string, left *leftovers) (err error) {
	cfg, err := loadConfig(file, config.Options{Platforms: platforms(), Sandbox: true})
	if err != nil {
		return err
	}
	dir, err := left.folder("hufu-sandbox-")
	if err != nil {
		return fmt.Errorf("make a folder for the sandbox's data: %w", err)
	}
	defer func() { err = errors.Join(err, left.remove()) }()
	d := &demo{out: cmd.OutOrStdout(), classic: demoApp(), stable: demoApp(), key: registry.NewKey(), virtualKey: registry.NewKey()}
	if d.platform, err = startPlatform(ctx, anyPort, sandbox.Config{Apps: []sandbox.App{d.classic, d.stable}}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.platform.close()) }()
	// The port is taken before there is a configuration: browsers that log in come back to it.
	l, err := demoListener(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // It is closed already, unless the server did not start.
	if d.cfg, err = d.configuration(cfg, dir, baseURL(l.Addr())); err != nil {
		return err
	}
	return serve(ctx, cmd, d.cfg, serving{
		admit:  onlyLoopback,
		listen: func(context.Context) (net.Listener, error) { return l, nil },
		ready:  d.ready,
	})
}

// onlyLoopback keeps apps that point at a real platform out of the demo, and those that
// would send browsers there.
func onlyLoopback(a *broker.App) error {
	refused := &broker.Error{
		Code: api.CodeInvalid, Class: broker.Invalid, Message: fmt.Sprintf("app %q points at a real platform, and this server runs the simulated ones", a.ID),
		Hint: "give it a base_url of this machine, or start the server without --sandbox",
	}
	switch o := a.OAuth2; {
	case !loopback(a.BaseURL) && (o == nil || a.BaseURL != ""):
		return refused
	case o != nil && !loopback(before(cmp.Or(o.TokenURL, o.Issuer), "?")):
		refused.Hint = "give its oauth2 a token_url or an issuer of this machine, or start the server without --sandbox"
		return refused
	case a.Login != nil && !loopback(a.Login.AuthorizeURL):
		refused.Hint = "give its login an authorize_url of this machine, or start the server without --sandbox"
		return refused
	default:
		return nil
	}
}

func before(s, sep string) string {
	s, _, _ = strings.Cut(s, sep)
	return s
}

func loopback(base string) bool {
	_, host, err := broker.ParseBaseURL(base)
	return err == nil && broker.LoopbackHost(host)
}

// configuration adds the demo's apps and clients to a configuration.
func (d *demo) configuration(cfg *config.Config, dir, url string) (*config.Config, error) {
	full := *cfg
	full.PublicURL = cmp.Or(cfg.PublicURL, url)
	full.DataDir, full.KeysetFile, full.AdminKeyFile = dir, filepath.Join(dir, "keyset.json"), filepath.Join(dir, "admin.key")
	full.Store = config.Store{Engine: config.Embedded}
	app := func(id, mode string, a sandbox.App) *broker.App {
		return &broker.App{
			ID: id, Platform: wechat.Name, AppID: a.ID, Secrets: []broker.Secret{broker.NewSecret(a.Secret)},
			Mode: mode, BaseURL: d.platform.url, Origin: broker.FromFile,
		}
	}
	for _, a := range cfg.Apps {
		if a.ID == demoClassic || a.ID == demoStable {
			return nil, &usageError{err: fmt.Errorf("%s: the app id %q is that of a demo app; start without --sandbox, or use another id", cfg.File, a.ID)}
		}
	}
	stable := app(demoStable, wechat.Stable, d.stable)
	stable.Login = &broker.Login{Redirects: []string{d.landing(), "http://127.0.0.1:9000/"}, AuthorizeURL: d.platform.url}
	stable.PageHosts = []string{"www.example.com"}
	full.Apps = append([]*broker.App{app(demoClassic, wechat.Classic, d.classic), stable}, cfg.Apps...)
	client := func(name string, key broker.Secret, rights broker.Right, handout broker.Handout) *broker.Client {
		return &broker.Client{
			Name: name, Key: registry.HashKey(key.Reveal()), Apps: []string{"demo-*"}, Rights: broker.Rights(rights),
			Handout: handout, Origin: broker.FromFile,
		}
	}
	full.Clients = append([]*broker.Client{
		client(demoClient, d.key, broker.Read|broker.Renew|broker.Call|broker.Users, broker.HandoutReal),
		client(demoVirtual, d.virtualKey, broker.Renew|broker.Call, broker.HandoutVirtual),
	}, cfg.Clients...)
	return &full, nil
}

// demoListener takes the configured port or, where nobody configured it and it is taken, any.
func demoListener(ctx context.Context, cfg *config.Config) (net.Listener, error) {
	l, err := listen(ctx, cfg.Listen)
	if err != nil && cfg.File == "" {
		return listen(ctx, anyPort)
	}
	return l, err
}

// landing is the page that stands in for that of a business.
func (d *demo) landing() string { return d.platform.url + "/_sandbox/landed" }

// ready prints the lines.
func (d *demo) ready(ctx context.Context, s *server, url string) error {
	s.awaitTokens(ctx, demoClassic, demoStable)
	_, err := fmt.Fprint(d.out, d.lines(url))
	return err
}

// awaitTokens waits until the apps have their first tokens, so that what the demo
// prints is true when it is read.
func (s *server) awaitTokens(ctx context.Context, apps ...string) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	for _, a := range apps {
		// What goes wrong is in the log, and the lines are worth having nevertheless.
		_, _ = s.manager.Token(ctx, broker.Key{App: a, Kind: broker.AccessToken})
	}
}

// programName is how this program was called.
func programName() string {
	if len(os.Args) > 0 && os.Args[0] != "" {
		return os.Args[0]
	}
	return "hufu"
}
