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
		t.Cleanup(func() { s.Close() })
		handle := func() broker.Store { return s.Handle() }
		return storetest.Fixture{
			Store: s, Handle: handle, Advance: clock.Advance,
			Reopen: func() broker.Store { s.Close(); return s.Handle() },
		}
	}})
}
