package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/obs"
)

// configFile is what is read where no file is named.
const configFile = "hufu.yaml"

// stopTimeout bounds how long requests and renewals in flight are waited for.
const stopTimeout = 15 * time.Second

func newServe(left *leftovers) *cobra.Command {
	var file string
	var demo bool
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the server",
		Long: "Run the server. Without --config it reads ./" + configFile + " where there is one, and else uses\n" +
			"the built-in defaults.\n\n" +
			"With --sandbox it also runs the simulated platforms, registers demo apps and a demo\n" +
			"client, and prints curl lines to paste into another terminal. It then keeps its data in\n" +
			"a temporary folder that is deleted at the end, whatever data_dir says, and refuses to\n" +
			"run beside apps that point at a real platform.",
		Args: args(cobra.NoArgs),
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration file")
	cmd.Flags().BoolVar(&demo, "sandbox", false, "run the simulated platforms too, with demo apps")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if demo {
			return serveDemo(cmd.Context(), cmd, file, left)
		}
		cfg, err := loadConfig(file, config.Options{Platforms: platforms()})
		if err != nil {
			return err
		}
		return serve(cmd.Context(), cmd, cfg, serving{
			listen: func(ctx context.Context) (net.Listener, error) { return listen(ctx, cfg.Listen) },
			ready:  func(context.Context, *server, string) error { return nil },
		})
	}
	return cmd
}

// loadConfig reads the named file, or the one that is there, or the defaults. Faults
// are usage errors.
func loadConfig(path string, opt config.Options) (*config.Config, error) {
	if path == "" {
		if _, err := os.Lstat(configFile); errors.Is(err, fs.ErrNotExist) {
			return config.Default(), nil
		}
		path = configFile
	}
	opt.Reserved = map[string]string{adminName: "the client that the admin key in data_dir belongs to"}
	if opt.Sandbox {
		opt.Reserved[demoClient] = "the demo client of --sandbox"
		opt.Reserved[demoVirtual] = "a demo client of --sandbox"
	}
	opt.CheckStore = checkStore
	cfg, err := config.Load(path, opt)
	if err != nil {
		return nil, &usageError{err: err, plain: true}
	}
	return cfg, nil
}

// serving is what differs between a server and the demo.
type serving struct {
	// admit says why an app must not be added at run time. Nil: every one may.
	admit  func(*broker.App) error
	listen func(context.Context) (net.Listener, error)
	// ready is called once the server can answer, with its URL.
	ready func(ctx context.Context, s *server, url string) error
}

// serve runs a server until ctx ends.
func serve(ctx context.Context, cmd *cobra.Command, cfg *config.Config, how serving) error {
	log := obs.NewLogger(cmd.ErrOrStderr(), cfg.Log.Level, string(cfg.Log.Format))
	if err := obs.NoCoreDumps(); err != nil {
		log.WarnContext(ctx, "core dumps could not be forbidden", "error", err)
	}
	s, err := newServer(ctx, cfg, log, how.admit)
	if err != nil {
		return err
	}
	err = s.run(ctx, cmd, how)
	// What follows has to happen although ctx has ended.
	err = errors.Join(err, s.close(context.WithoutCancel(ctx)))
	if err == nil {
		log.InfoContext(ctx, "stopped")
	}
	return err
}

// run listens, starts to renew and answers requests until ctx ends.
func (s *server) run(ctx context.Context, cmd *cobra.Command, how serving) error {
	// The port is taken before the first renewal: a server that cannot listen, and is
	// started again and again, is not to issue a token each time.
	l, err := how.listen(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // Serve has closed it already unless start fails.
	files, err := openFiles()
	if err != nil {
		return err
	}
	most, wanted := connectionLimit(s.cfg.Limits.MaxConnections, files), s.cfg.Limits.MaxConnections
	if most < wanted {
		s.log.WarnContext(ctx, "limits.max_connections is lowered to three quarters of the files that the process may open; raise that limit (ulimit -n)", "wanted", wanted, "max_connections", most, "files", files)
	}
	limited := limitListener(l, most, s.log)
	if err := s.start(ctx); err != nil {
		return err
	}
	srv := newHTTPServer(s.api, s.cfg.Limits.MaxHeaderBytes, s.log)
	srv.ConnState = limited.track
	srv.RegisterOnShutdown(s.api.Stop)
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Serve(limited) }()
	url := baseURL(l.Addr())
	cmd.PrintErrln("listening on " + url)
	s.log.InfoContext(ctx, "serving", "version", thisBuild().Version, "listen", l.Addr().String(), "data_dir", s.cfg.DataDir, "config", s.cfg.File,
		"max_connections", cap(limited.slots))
	if err := how.ready(ctx, s, url); err != nil {
		return errors.Join(err, srv.Close())
	}
	select {
	case err := <-stopped:
		return fmt.Errorf("serve at %s: %w", url, err)
	case <-ctx.Done():
	}
	s.log.InfoContext(ctx, "stopping", "at_most", stopTimeout)
	shutdown(ctx, srv, s.log)
	return nil
}

// shutdown finishes what is in flight, within a bounded time.
func shutdown(ctx context.Context, srv *http.Server, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		log.WarnContext(ctx, "requests were cut off because they took too long to finish", "error", err)
		_ = srv.Close() // Its only errors are those of listeners that are closed already.
	}
}

// listen takes a port.
func listen(ctx context.Context, address string) (net.Listener, error) {
	return listenOr(ctx, address, "listen in the configuration file, such as 127.0.0.1:18080 (port 0 picks a free one), and HUFU_ADDR for the operator commands")
}

// listenOr says how to listen elsewhere where somebody else listens there.
func listenOr(ctx context.Context, address, elsewhere string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: something else listens there; stop it, or listen on another port: %s", address, elsewhere)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s: %w; ports below 1024 need a privilege, so listen on another one and put a proxy before it", address, err)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// baseURL is where a listener can be reached from this machine.
func baseURL(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return "http://" + a.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(tcp.Port))
}
