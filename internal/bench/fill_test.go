package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

// writers is how many write at a time where a store is filled.
const writers = 64

// fillFolder fills an embedded store in dir and ends with nothing open.
func fillFolder(ctx context.Context, dir string, n int) error {
	store, err := sqlstore.Open(ctx, sqlstore.Config{Path: filepath.Join(dir, "hufu.db")})
	if err != nil {
		return err
	}
	defer store.Close()
	_, err = fill(ctx, store, filepath.Join(dir, "keyset.json"), n)
	return err
}

// fill stores n apps with a token each, as an earlier run of the server would have left
// them, sealed with a new keyset.
func fill(ctx context.Context, store broker.Store, keyset string, n int) (*seal.Keyring, error) {
	keys, err := seal.Start(keyset, nil)
	if err != nil {
		return nil, err
	}
	proof, err := keys.Proof()
	if err != nil {
		return nil, err
	}
	if err := store.PutSetting(ctx, "keyset_proof", proof); err != nil {
		return nil, err
	}
	// The registry seals and stores an app as the API would; the keeper only completes.
	r := registry.New(registry.Config{Apps: store.Apps(), Clients: store.Clients(), Sealer: keys, Keeper: completer{}, Logger: slog.New(slog.DiscardHandler)})
	err = together(ctx, n, func(ctx context.Context, i int) error {
		d, err := r.Seal(benchApp(i))
		if err == nil {
			_, err = store.Apps().Put(ctx, d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return keys, putRecords(ctx, store.(broker.Movable), keys, n)
}

func putRecords(ctx context.Context, store broker.Movable, keys *seal.Keyring, n int) error {
	now := time.Now()
	_, err := store.Tables().Records.Import(ctx, func(yield func(broker.Record, error) bool) {
		for i := range n {
			if r, err := storedRecord(keys, i, n, now); !yield(r, err) || err != nil {
				return
			}
		}
	})
	return err
}

// storedRecord is the ith of n records, which are due spread over the hour, as renewals
// are after a while.
func storedRecord(keys *seal.Keyring, i, n int, now time.Time) (broker.Record, error) {
	a := benchApp(i)
	k := broker.Key{App: a.ID, Kind: broker.AccessToken}
	box, err := keys.Seal(fmt.Appendf(nil, "83_%0*d", tokenLength-3, i), []byte(k.String()))
	if err != nil {
		return broker.Record{}, err
	}
	due := now.Add(time.Hour + time.Duration(i)*time.Hour/time.Duration(n))
	return broker.Record{
		Key: k, Due: due, Source: a.Source(),
		Current: broker.SealedToken{Version: 1, Box: box, Issued: now, Expiry: now.Add(3 * time.Hour), Until: due.Add(4 * time.Minute)},
	}, nil
}

// together calls f for 0 to n-1, as many at a time as there are writers.
func together(ctx context.Context, n int, f func(context.Context, int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	next := make(chan int, writers)
	g.Go(func() error {
		defer close(next)
		for i := range n {
			select {
			case next <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range writers {
		g.Go(func() error {
			for i := range next {
				if err := f(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// completer stands for the manager where only definitions are made.
type completer struct{ registry.Keeper }
