package access

import (
	"context"
	"errors"
	"sync"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/grant"
)

// importers is how many grants of one call are imported at a time. Stores that group writes
// are faster with several.
const importers = 8

// ImportUsers takes over grants that were made elsewhere, and tells of each what became of
// it: nil, [broker.ErrConflict] where one that is not older was here already, or why not. It
// needs admin on the app. Once the store is seen to be away the rest is not tried.
func (s *Service) ImportUsers(ctx context.Context, c broker.Caller, app string, in []grant.Imported) ([]broker.GrantState, []error, error) {
	a, err := s.onUsers(c, broker.Admin, app)
	if err != nil {
		return nil, nil, err
	}
	states, errs := make([]broker.GrantState, len(in)), make([]error, len(in))
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(importers, len(in)) {
		wg.Go(func() {
			for i := range next {
				if errs[i] = context.Cause(ctx); errs[i] != nil {
					continue
				}
				if states[i], errs[i] = s.grants.Import(ctx, a, in[i]); away(errs[i]) {
					stop(errs[i])
				}
			}
		})
	}
	for i := range in {
		next <- i
	}
	close(next)
	wg.Wait()
	return states, errs, s.imported(ctx, c, a, states, errs)
}

func away(err error) bool {
	return err != nil && broker.AsError(err).Code == broker.StoreAway(nil).Code
}

// imported records the grants that were imported, and counts the others.
func (s *Service) imported(ctx context.Context, c broker.Caller, a *broker.App, states []broker.GrantState, errs []error) error {
	var entries []broker.AuditEntry
	for i, err := range errs {
		if err == nil {
			e := entryOf(c, "import_user", a.ID, nil)
			e.Kind, e.Target = states[i].Key.Kind, states[i].Key.Subject
			entries = append(entries, e)
			continue
		}
		if errors.Is(err, broker.ErrConflict) {
			err = errKept
		}
		_ = s.counted(c, "import_user", a.ID, "", 0, err)
	}
	if len(entries) == 0 {
		return nil
	}
	return s.recorded(s.audit.Record(ctx, entries...))
}

// errKept is how the audit calls a grant that was here already.
var errKept = &broker.Error{Code: "kept", Class: broker.Invalid, Message: "one that is not older is here"}
