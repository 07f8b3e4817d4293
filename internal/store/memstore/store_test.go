package memstore_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/memstore"
	"github.com/hufu-io/hufu/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{Open: func(t *testing.T) storetest.Fixture {
		clock := storetest.NewClock()
		s := memstore.New(memstore.Config{Now: clock.Now})
		shut := func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		t.Cleanup(shut)
		return storetest.Fixture{
			Store: s, Advance: clock.Advance,
			Handle: func() broker.Store { return s.Handle() },
			Reopen: func() broker.Store { shut(); return s.Handle() },
		}
	}})
}
