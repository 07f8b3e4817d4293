package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/obs"
	"github.com/hufu-io/hufu/internal/store/storecopy"
)

// copyStore copies one store to another. What is worth knowing meanwhile goes to stderr.
func copyStore(ctx context.Context, stderr io.Writer, from, to place, noAudit bool) (report copyReport, err error) {
	log := obs.NewLogger(stderr, slog.LevelWarn, string(config.LogText))
	source, err := from.open(ctx, log)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if to.store.Engine == config.Embedded {
		if err := makeFolder(to.dir); err != nil {
			return report, fmt.Errorf("%s: %w", to.name, err)
		}
	}
	target, err := openEngine(ctx, to.store, to.dir, log)
	if err != nil {
		return report, fmt.Errorf("%s: %w", to.name, err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	res, err := storecopy.Copy(ctx, storecopy.End{Store: source, Name: from.name}, storecopy.End{Store: target, Name: to.name}, storecopy.Options{
		Self: "store-copy-" + holder(), NoAudit: noAudit,
		Progress: newProgress(func(line string) { _, _ = fmt.Fprintln(stderr, line) }).tell,
	})
	if err != nil {
		return report, explainCopy(err, res, from, to)
	}
	n := res.Counts
	report = copyReport{From: from.name, To: to.name, Records: n.Records, Apps: n.Apps, Clients: n.Clients, Settings: n.Settings, Grants: n.Grants, Leases: n.Doubts}
	if !noAudit {
		report.Audit = &n.Audit
	}
	return report, nil
}

// open opens a store that is there: opening an embedded one would make it.
func (p place) open(ctx context.Context, log *slog.Logger) (broker.Movable, error) {
	if p.store.Engine == config.Embedded {
		path := filepath.Join(p.dir, storeFile)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: there is no store, because there is no file %s", p.name, path)
		}
		if err := checkFolder(p.dir); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	s, err := openEngine(ctx, p.store, p.dir, log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return s, nil
}

// explainCopy says what is where after a copy that broke off, and what to do about it.
func explainCopy(err error, res storecopy.Result, from, to place) error {
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("interrupted: %w", err)
	}
	switch _, used := errors.AsType[*storecopy.InUseError](err); {
	case res.Begun:
		n := res.Counts
		return fmt.Errorf("%w. %s is as it was. %s holds what was copied until then (%s, %s, %s, %s, %s, %s or a little more), and no server starts on it; before the next try %s",
			err, from.name, to.name, count(n.Records, "record"), count(n.Apps, "app"), count(n.Clients, "client"),
			count(n.Settings, "setting"), count(n.Grants, "grant"), entries(n.Audit), to.emptied())
	case used:
		return fmt.Errorf("%w; stop every server of both stores first (one that was killed is forgotten after 10 seconds)", err)
	case errors.Is(err, broker.ErrNotEmpty), errors.Is(err, storecopy.ErrUnfinished):
		return fmt.Errorf("%w; nothing was changed. Copy to an empty store; to empty one whose content is of no use, %s", err, to.emptied())
	case errors.Is(err, storecopy.ErrNothing):
		return fmt.Errorf("%w, no server has ever used it; is that the right one?", err)
	default:
		return fmt.Errorf("%w; nothing was copied", err)
	}
}

func entries(n int) string {
	if n == 1 {
		return "1 entry of the audit"
	}
	return fmt.Sprintf("%d entries of the audit", n)
}
