package sqlstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func TestPutManyStoresRecordsThatAreNotThere(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "hufu.db"), nil)
	n, err := s.PutMany(t.Context(), samples(2500))
	if n != 2500 || err != nil {
		t.Fatalf("imported %d: %v", n, err)
	}
	if n, err := s.PutMany(t.Context(), samples(0)); n != 0 || err != nil {
		t.Errorf("imported %d of none: %v", n, err)
	}
	r, err := s.Get(t.Context(), sample(2499).Key)
	if err != nil || r.Version != 1 {
		t.Errorf("the last record is at version %d: %v", r.Version, err)
	}
}

func TestPutManyStopsAtAConflictAndSaysHowMuchIsStored(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "hufu.db"), nil)
	if _, err := s.Put(t.Context(), sample(1500)); err != nil {
		t.Fatal(err)
	}
	n, err := s.PutMany(t.Context(), samples(2500))
	if !errors.Is(err, broker.ErrConflict) {
		t.Errorf("got error %v", err)
	}
	stored := 0
	for _, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		stored++
	}
	if stored != n+1 || n > 1500 {
		t.Errorf("said that %d were imported, and %d are stored with the one before", n, stored)
	}
	old := sample(9999)
	old.Version = 3
	if n, err := s.PutMany(t.Context(), slices.Values([]broker.Record{old})); n != 0 || !errors.Is(err, broker.ErrConflict) {
		t.Errorf("imported %d records that are at version 3: %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := s.PutMany(ctx, slices.Values([]broker.Record{sample(9999)})); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("imported %d records under an ended context: %v", n, err)
	}
}
