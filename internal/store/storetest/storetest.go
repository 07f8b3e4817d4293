// Package storetest is the contract of [broker.Store] as a test suite. Every store
// runs it: [Run] from a test of a few lines, with a [Harness] that says how to open
// the store. A store that passes can take the place of any other.
package storetest

import (
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Harness says how the suite gets at stores.
type Harness struct {
	// Open returns a new, empty store, which it closes when t ends. Required. It is
	// called by parallel tests.
	Open func(t *testing.T) Fixture
	// TTL is how long the suite takes leases for that are to run out. Zero means a minute,
	// which suits a clock that is set by hand. Where Fixture.Advance has to wait, it
	// should be short.
	TTL time.Duration
	// Skip leaves out parts of the suite.
	Skip Skip
}

// Fixture is one store and what can be done to it from outside.
type Fixture struct {
	Store broker.Store
	// Handle returns another handle on the same data, as another replica has it: the
	// same one where a store is for one process only. It is closed when the test
	// ends. Required.
	Handle func() broker.Store
	// Reopen closes Store and returns a new handle on the same data, as after a
	// restart. Required, unless Skip.Reopen is set.
	Reopen func() broker.Store
	// Advance returns when the store's clock is d ahead of what it was, or more.
	// Required.
	Advance func(d time.Duration)
}

// Skip names the parts of the suite that are left out. Each holds the reason, which
// the test prints; an empty one leaves nothing out.
type Skip struct {
	// Reopen is for stores that do not outlast the process.
	Reopen string
	// Fleet is for stores that one process owns: they need neither tell other servers of
	// changes nor keep a list of them.
	Fleet string
	// LeaseMachine leaves out the state machine on leases, which advances the clock
	// thousands of times.
	LeaseMachine string
}

// suite is a harness with its defaults filled in.
type suite struct{ Harness }

// Run tests the store that h opens against the contract.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.TTL == 0 {
		h.TTL = time.Minute
	}
	s := suite{h}
	for _, g := range []struct {
		name  string
		tests []test
	}{
		{"Records", s.records()},
		{"Keys", s.keys()},
		{"Concurrency", s.concurrency()},
		{"Contexts", s.contexts()},
		{"Leases", s.leases()},
		{"Definitions", s.definitions()},
		{"Audit", s.audit()},
		{"Settings", s.settings()},
		{"Grants", s.grants()},
		{"OneTime", s.oneTime()},
		{"Tables", s.tables()},
		{"Feed", s.feed()},
		{"Roll", s.roll()},
		{"Machine", s.machines()},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for _, test := range g.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					test.run(t)
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(*testing.T)
}

// reopened closes a store and opens it again, or skips the test.
func (s suite) reopened(t *testing.T, f Fixture) broker.Store {
	t.Helper()
	if s.Skip.Reopen != "" {
		t.Skip(s.Skip.Reopen)
	}
	return f.Reopen()
}
