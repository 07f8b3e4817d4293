package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
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
		Long: "Run the simulated platforms, for whoever develops against WeChat offline. The first line\n" +
			"on standard output is their base URL; its page /_sandbox/ shows and steers them, and below\n" +
			"/connect/ are the pages on which users log in, who are made up.\n\n" +
			"Without --app there is one demo app. Secrets given here can be seen by every user of the\n" +
			"machine: make some up, and never use real ones.",
		Args: args(cobra.NoArgs),
	}
	f := cmd.Flags()
	f.StringVar(&address, "listen", "127.0.0.1:8090", "where to listen; port 0 picks a free one")
	f.StringArrayVar(&apps, "app", nil, "an app that exists, as ID=SECRET; may be given several times")
	f.DurationVar(&cfg.Lifetime, "lifetime", 2*time.Hour, "how long a token lives, an app's or a user's")
	f.DurationVar(&cfg.Overlap, "overlap", 5*time.Minute, "how long the token before the newest one lives on")
	f.DurationVar(&cfg.CodeLifetime, "code-lifetime", 5*time.Minute, "how long the code of a user's login can be exchanged")
	f.BoolVar(&cfg.RotateRefresh, "rotate-refresh", false, "use up a user's refresh token with its first use, as WeChat does not but other platforms do")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if cfg.Apps, err = sandboxApps(apps); err != nil {
			return usageOf(cmd, err)
		}
		if cfg.Lifetime <= 0 || cfg.CodeLifetime <= 0 || cfg.Overlap < 0 {
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
			fmt.Fprintf(&b, "app %s with secret %s\n", a.ID, a.Secret)
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

// sandboxApps reads ID=SECRET. Without any it makes one up.
func sandboxApps(list []string) ([]sandbox.App, error) {
	if len(list) == 0 {
		return []sandbox.App{demoApp()}, nil
	}
	var apps []sandbox.App
	for i, s := range list {
		id, secret, ok := strings.Cut(s, "=")
		if !ok || id == "" || secret == "" {
			return nil, fmt.Errorf("the app number %d is not of the form ID=SECRET", i+1)
		}
		apps = append(apps, sandbox.App{ID: id, Secret: secret})
	}
	return apps, nil
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
	l, err := listen(ctx, address)
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
