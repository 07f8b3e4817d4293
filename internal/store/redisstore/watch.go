package redisstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// look is how long Redis waits for a change before it answers that there is none.
	look = time.Second
	// late is how much longer its answer may take.
	late = 4 * time.Second
	// atOnce is how many changes are read at once.
	atOnce = 512
	// retryMost is the longest time between two attempts to reach a Redis that is away.
	retryMost = 2 * time.Second
)

// ErrMissed ends a watch whose place in the stream is gone.
var ErrMissed = errors.New("changes may have been missed: Redis has lost what it had told of last, " +
	"because it was emptied, restored or replaced by a replica that lacked it, or because too much was written meanwhile")

// watch is one that goes on.
type watch struct {
	s *Store
	// place is the id of the last change that was read. What Redis tells next follows on
	// it as long as that change is still in the stream: ids are made of the time, so that
	// another history does not have it.
	place string
	// current is when there was nothing more to be read; guarded by s.mu.
	current time.Time
}

// Watch implements [broker.Notifier]. It asks the store where the changes are now, and so
// may take as long as any call. The sequence serves one range.
func (s *Store) Watch(ctx context.Context) iter.Seq2[broker.Change, error] {
	place, err := run(ctx, s, s.scripts.place, rueidis.RedisResult.ToString, []string{s.names.changes})
	w := &watch{s: s, place: place, current: time.Now()}
	return func(yield func(broker.Change, error) bool) {
		if err == nil {
			err = w.follow(ctx, yield)
		}
		if err != nil && ctx.Err() == nil {
			yield(broker.Change{}, fmt.Errorf("watch changes: %w", err))
		}
	}
}

// Behind implements [broker.Notifier]. Of several watches it is the one that is behind
// most, and it is 0 without any.
func (s *Store) Behind() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var most time.Duration
	for w := range s.watches {
		most = max(most, time.Since(w.current)-look)
	}
	return most
}

// follow yields changes until yield or ctx ends it. It returns what else did.
func (w *watch) follow(ctx context.Context, yield func(broker.Change, error) bool) error {
	w.s.mu.Lock()
	w.s.watches[w] = struct{}{}
	w.s.mu.Unlock()
	defer func() {
		w.s.mu.Lock()
		delete(w.s.watches, w)
		w.s.mu.Unlock()
	}()
	looking, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-w.s.closing:
			cancel()
		case <-looking.Done():
		}
	}()
	for failed := 0; ; {
		changes, err := w.next(looking)
		if end := w.s.usable(ctx); end != nil {
			return end
		}
		switch {
		case errors.Is(err, ErrMissed):
			return err
		case err != nil:
			if failed++; failed == 1 {
				w.s.log.WarnContext(ctx, "Redis does not tell what other servers write, and is tried again", "error", err)
			}
			pause(looking, failed)
			continue
		case failed > 0:
			w.s.log.InfoContext(ctx, "Redis tells again what other servers write")
			failed = 0
		}
		for _, c := range changes {
			if ctx.Err() != nil || !yield(c, nil) {
				return nil
			}
		}
	}
}

// pause waits before another attempt, longer each time.
func pause(ctx context.Context, failed int) {
	d := min(100*time.Millisecond<<min(failed-1, 10), retryMost)
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// next waits for changes, for a look at most. It asks for what comes after its place, and
// then whether that place is still there: in this order, because Redis may be emptied
// while it waits.
func (w *watch) next(ctx context.Context) ([]broker.Change, error) {
	s := w.s
	ctx, cancel := context.WithTimeout(ctx, look+late)
	defer cancel()
	type answer struct{ news, place []rueidis.XRangeEntry }
	a, err := call(ctx, s, func(ctx context.Context) (a answer, err error) {
		b := s.client.B()
		// A command that blocks has a connection of its own.
		both := s.client.DoMulti(
			ctx,
			b.Xread().Count(atOnce).Block(look.Milliseconds()).Streams().Key(s.names.changes).Id(w.place).Build(),
			b.Xrange().Key(s.names.changes).Start(w.place).End(w.place).Build(),
		)
		news, err := both[0].AsXRead()
		if err != nil && !rueidis.IsRedisNil(err) {
			return a, err
		}
		a.news = news[s.names.changes]
		a.place, err = both[1].AsXRange()
		return a, err
	})
	switch {
	case err != nil:
		return nil, err
	case len(a.place) == 0:
		return nil, ErrMissed
	}
	changes := s.decodeChanges(ctx, a.news)
	if n := len(a.news); n > 0 {
		w.place = a.news[n-1].ID
	}
	if len(a.news) < atOnce {
		s.mu.Lock()
		w.current = time.Now()
		s.mu.Unlock()
	}
	return changes, nil
}

func (s *Store) decodeChanges(ctx context.Context, entries []rueidis.XRangeEntry) []broker.Change {
	changes := make([]broker.Change, 0, len(entries))
	for _, e := range entries {
		switch f := e.FieldValues; {
		case f["record"] != "":
			r, err := parseRecord(f["record"], f["value"])
			if err != nil {
				// It must not keep others from being told of. Whoever reads it is told.
				s.log.ErrorContext(ctx, "a record that has changed cannot be decoded", "error", err)
				continue
			}
			changes = append(changes, broker.Change{Record: &r})
		case f["app"] != "":
			changes = append(changes, broker.Change{App: f["app"]})
		case f["client"] != "":
			changes = append(changes, broker.Change{Client: f["client"]})
		}
		// Whatever else there may be is of a later version, and nothing for this one.
	}
	return changes
}
