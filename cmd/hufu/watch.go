package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

// A watch that was broken off is taken up again after a while, which doubles until it
// is this long.
const (
	firstPause = time.Second
	maxPause   = 30 * time.Second
)

func newTokenWatch() *cobra.Command {
	cmd := &cobra.Command{
		Use: "watch APP [KIND]", Short: "Print a token, and every new one, until interrupted",
		Long: "Print a token, and every new one, until interrupted. Where the connection ends the\n" +
			"server is asked again.",
		Args: args(cobra.RangeArgs(1, 2)),
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := dial()
		if err != nil {
			return err
		}
		app, kind := appAndKind(args)
		w := watch{
			client: c, app: app, kind: kind,
			show: func(t api.Token) error {
				return out.print(cmd, t, func(tab *table) { tab.row(t.Expiry.Format(time.RFC3339), t.Token) })
			},
			note: func(err error, pause time.Duration) {
				cmd.PrintErrf("%v; trying again in %s\n", err, pause)
			},
		}
		return w.run(cmd.Context())
	}
	return cmd
}

// watch shows a token whenever it changes.
type watch struct {
	client    *client.Client
	app, kind string
	show      func(api.Token) error
	note      func(err error, pause time.Duration)
	seen      int64 // the version that was shown last
}

// run watches until ctx ends, which is no error. What fails from the beginning is not
// tried again: the address or the key is wrong more often than the server is away.
func (w *watch) run(ctx context.Context) error {
	begun, pause := false, firstPause
	for {
		heard, err := w.once(ctx)
		if heard {
			begun, pause = true, firstPause
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // It was interrupted, which is how it is meant to end.
		case !begun || !passing(err):
			return err
		}
		w.note(err, pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// once watches until the stream ends, and reports whether it brought anything.
func (w *watch) once(ctx context.Context) (heard bool, err error) {
	for t, err := range w.client.Watch(ctx, w.app) {
		if err != nil {
			return heard, err
		}
		heard = true
		if t.Kind != w.kind || t.Version == w.seen {
			continue
		}
		if err := w.show(t); err != nil {
			return heard, localError{err}
		}
		w.seen = t.Version
	}
	return heard, nil
}

// localError is one of our own side, which asking the server again does not mend.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

// passing reports whether it may help to ask again: the server or the way to it fails,
// and nothing is wrong with what it is asked.
func passing(err error) bool {
	if _, ours := errors.AsType[localError](err); ours {
		return false
	}
	p, ok := errors.AsType[*api.Problem](err)
	return !ok || p.Class == api.ClassTransient || p.Class == api.ClassThrottled
}
