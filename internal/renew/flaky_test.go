package renew_test

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

var (
	errStoreGone = errors.New("the store is gone")
	errPutLost   = errors.New("the connection broke after the write")
)

// flakyStore stands between a replica and its store and spoils single writes.
type flakyStore struct {
	*memstore.Store

	mu     sync.Mutex
	before func(broker.Record) error // an error means that the write is not made
	after  func(broker.Record) error // an error is told in the place of the success
}

// flaky makes a fleet's replicas use flaky stores, which are put into the given slice
// in the order of the replicas.
func flaky(stores *[]*flakyStore) func(*memstore.Store) storage {
	return func(s *memstore.Store) storage {
		f := &flakyStore{Store: s}
		*stores = append(*stores, f)
		return f
	}
}

// Put implements [broker.TokenStore].
func (s *flakyStore) Put(ctx context.Context, r broker.Record) (broker.Version, error) {
	s.mu.Lock()
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil {
		if err := before(r); err != nil {
			return 0, err
		}
	}
	v, err := s.Store.Put(ctx, r)
	if err == nil && after != nil {
		err = after(r)
	}
	return v, err
}

// spoil sets what happens before and after writes; nil means nothing.
func (s *flakyStore) spoil(before, after func(broker.Record) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// times returns a hook that fails the first n writes with err.
func times(n int, err error) func(broker.Record) error {
	var mu sync.Mutex
	return func(broker.Record) error {
		mu.Lock()
		defer mu.Unlock()
		if n--; n >= 0 {
			return err
		}
		return nil
	}
}

// deaf is a store that tells nobody of changes.
type deaf struct{ *memstore.Store }

// Watch implements [broker.Notifier].
func (deaf) Watch(ctx context.Context) iter.Seq2[broker.Change, error] {
	return func(func(broker.Change, error) bool) { <-ctx.Done() }
}
