package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/internal/sandbox"
)

func newSandbox() *cobra.Command {
	var cfg sandbox.Config
	var address string
	var apps []string
	cmd := &cobra.Command{
		Use: "sandbox", Short: "Run the simulated platforms alone",
		Long: "Run the simulated platforms, for whoever develops against them offline. The first line on\n" +
			"standard output is the base URL of WeChat; its page /_sandbox/ shows and steers them all, and\n" +
			"below /connect/ are the pages on which users log in, who are made up. The other platforms are\n" +
			"below their names: the base URL of WeCom ends in /wecom. There are:\n" +
			strings.Join(sandbox.Platforms(), ", ") + ".\n\n" +
			"Without --app there is one demo app, of WeChat. Apps of one corp of WeCom are told apart by\n" +
			"their agent: wecom:ww0123456789abcdef:1000002=SECRET. Secrets given here can be seen by every\n" +
			"user of the machine: make some up, and never use real ones.",
		Args: args(cobra.NoArgs),
	}
	f := cmd.Flags()
	f.StringVar(&address, "listen", "127.0.0.1:8090", "where to listen; port 0 picks a free one")
	f.StringArrayVar(&apps, "app", nil, "an app that exists, as ID=SECRET of WeChat, or PLATFORM:ID=SECRET; may be given several times")
	f.DurationVar(&cfg.Lifetime, "lifetime", 0, "how long a token lives, an app's or a user's (default as on the platform: 2h on most)")
	f.DurationVar(&cfg.Overlap, "overlap", 5*time.Minute, "how long the token before the newest one lives on, where it does")
	f.DurationVar(&cfg.CodeLifetime, "code-lifetime", 5*time.Minute, "how long the code of a user's login can be exchanged")
	f.BoolVar(&cfg.RotateRefresh, "rotate-refresh", false, "use up a user's refresh token with its first use, as WeChat does not but other platforms do")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if cfg.Apps, err = sandboxApps(apps); err != nil {
			return usageOf(cmd, err)
		}
		if cfg.Lifetime < 0 || cmd.Flags().Changed("lifetime") && cfg.Lifetime == 0 || cfg.CodeLifetime <= 0 || cfg.Overlap < 0 {
			return usageOf(cmd, errors.New("--lifetime, --code-lifetime and --overlap cannot be negative, nor a lifetime zero"))
		}
		if cfg.Overlap == 0 {
			cfg.Overlap = -1 // Zero means the default there.
		}
		p, err := startPlatform(cmd.Context(), address, cfg)
		if err != nil {
			return err
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s\n", p.url)
		for _, a := range cfg.Apps {
			fmt.Fprintf(&b, "app %s with secret %s\n", appName(a), a.Secret)
		}
		fmt.Fprintf(&b, "look at %s/_sandbox/\n", p.url)
		if _, err := fmt.Fprint(cmd.OutOrStdout(), b.String()); err != nil {
			return errors.Join(err, p.close())
		}
		select {
		case err := <-p.ended:
			return fmt.Errorf("serve at %s: %w", address, err)
		case <-cmd.Context().Done():
			return p.close()
		}
	}
	return cmd
}

// sandboxApps reads ID=SECRET and PLATFORM:ID=SECRET. Without any it makes one up.
func sandboxApps(list []string) ([]sandbox.App, error) {
	if len(list) == 0 {
		return []sandbox.App{demoApp()}, nil
	}
	var apps []sandbox.App
	for i, s := range list {
		id, secret, ok := strings.Cut(s, "=")
		a := sandbox.App{Secret: secret}
		if platform, rest, named := strings.Cut(id, ":"); named {
			if there := append([]string{"wechat"}, sandbox.Platforms()...); !slices.Contains(there, platform) {
				return nil, fmt.Errorf("the app number %d is of a platform that there is not; there are: %s", i+1, strings.Join(there, ", "))
			}
			a.Platform, id = platform, rest
		}
		if !ok || id == "" || secret == "" {
			return nil, fmt.Errorf("the app number %d is not of the form ID=SECRET or PLATFORM:ID=SECRET", i+1)
		}
		a.ID = id
		corp, agent, two := strings.Cut(id, ":")
		switch {
		case two && a.Platform == "wecom":
			a.ID, a.Agent = corp, agent
		case two && a.Platform != "oauth2": // A client_id may have a colon in it.
			return nil, fmt.Errorf("the app number %d names an agent, which only apps of wecom have", i+1)
		}
		apps = append(apps, a)
	}
	return apps, nil
}

// appName is an app as --app names it.
func appName(a sandbox.App) string {
	name := a.ID
	if a.Agent != "" {
		name += ":" + a.Agent
	}
	if a.Platform != "" {
		name = a.Platform + ":" + name
	}
	return name
}

// demoApp makes up an app that looks like one of WeChat's.
func demoApp() sandbox.App {
	return sandbox.App{ID: "wx" + randomHex(8), Secret: randomHex(16)}
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // Never fails, see crypto/rand.
	return hex.EncodeToString(b)
}

// simulated is a simulated platform that listens.
type simulated struct {
	url   string
	srv   *http.Server
	ended chan error
}

// startPlatform runs the simulated platforms at an address.
func startPlatform(ctx context.Context, address string, cfg sandbox.Config) (*simulated, error) {
	l, err := listenOr(ctx, address, "--listen, such as 127.0.0.1:18090 (port 0 picks a free one)")
	if err != nil {
		return nil, err
	}
	// Answers may take for ever: that is one of the faults it simulates.
	p := &simulated{
		url: baseURL(l.Addr()), ended: make(chan error, 1),
		srv: &http.Server{Handler: sandbox.New(cfg).Handler(), ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout},
	}
	go func() { p.ended <- p.srv.Serve(l) }()
	return p, nil
}

// close ends it at once: what hangs there hangs on purpose.
func (p *simulated) close() error {
	if err := p.srv.Close(); err != nil {
		return fmt.Errorf("stop the simulated platforms: %w", err)
	}
	return nil
}
