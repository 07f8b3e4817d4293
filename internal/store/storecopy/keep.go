package storecopy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// beatEvery is as often as servers tell a store that they are alive, and one that has
	// not done so within so much time is not running.
	beatEvery = 3 * time.Second
	within    = 10 * time.Second
	// leaveTimeout bounds what is done when the rest is over.
	leaveTimeout = 5 * time.Second
)

// InUseError says that servers are using a store.
type InUseError struct {
	End   string
	Names []string
}

func (e *InUseError) Error() string {
	return e.End + ": it is in use by " + strings.Join(e.Names, ", ")
}

// keep does something with a store for as long as no server uses it. It puts itself on the
// list of the servers that do, under a name that nobody else has, and so finds out about
// those that come, and about others that copy. do's context ends when there is one, and
// alone says whether there is. A store without such a list is one process' own.
func keep(ctx context.Context, e End, self string, do func(ctx context.Context, alone func(context.Context) error) error) error {
	roll, listed := e.Store.(broker.Roll)
	if !listed {
		return do(ctx, func(context.Context) error { return nil })
	}
	m := member{roll, self, e.Name}
	// Struck off in any case: a beat that failed may have been noted.
	defer m.leave(ctx)
	if err := m.beat(ctx); err != nil {
		return err
	}
	doing, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.watch(doing, stop)
	}()
	err := do(doing, m.beat)
	cause := context.Cause(doing)
	stop(nil)
	<-ended
	if err != nil && cause != nil && ctx.Err() == nil {
		return cause // what came of it says less
	}
	return err
}

// member is this process on a store's list.
type member struct {
	roll      broker.Roll
	self, end string
}

// watch beats until ctx ends. A store that does not answer is no reason to stop: what it
// is needed for will notice by itself.
func (m member) watch(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := m.beat(ctx)
		if _, used := errors.AsType[*InUseError](err); used {
			stop(err)
			return
		}
	}
}

// beat wants to be alone. Every beat is the first one, which is always noted.
func (m member) beat(ctx context.Context) error {
	alive, err := m.roll.Beat(ctx, m.self, 1, within)
	if err != nil {
		return fmt.Errorf("%s: ask who uses it: %w", m.end, err)
	}
	if others := slices.DeleteFunc(alive, func(x string) bool { return x == m.self }); len(others) > 0 {
		return &InUseError{m.end, others}
	}
	return nil
}

func (m member) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	_ = m.roll.Leave(ctx, m.self) // it drops out by itself
}
