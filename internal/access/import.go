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

// Import is a grant that was made elsewhere.
type Import = grant.Imported

// ImportOutcome is what became of an [Import].
type ImportOutcome struct {
	Kind broker.Kind // of the grant that is here now; "" where there is none
	// Err is [broker.ErrConflict] where one that is not older was here already and stays.
	Err error
}

// ImportUsers takes over grants that were made elsewhere, and tells what became of each,
// in the same order. It needs admin on the app. Once the store is seen to be away, or the
// caller has gone, the rest is not tried.
func (s *Service) ImportUsers(ctx context.Context, c broker.Caller, app string, in []Import) ([]ImportOutcome, error) {
	a, err := s.onUsers(c, broker.Admin, app)
	if err != nil {
		return nil, err
	}
	out := make([]ImportOutcome, len(in))
	going, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(importers, len(in)) {
		wg.Go(func() {
			for i := range next {
				out[i] = s.importUser(going, a, in[i])
				if err := out[i].Err; errors.Is(err, broker.ErrStoreAway) {
					stop(err)
				}
			}
		})
	}
	for i := range in {
		next <- i
	}
	close(next)
	wg.Wait()
	return out, s.imported(ctx, c, a, in, out)
}

func (s *Service) importUser(ctx context.Context, a *broker.App, in Import) ImportOutcome {
	if err := context.Cause(ctx); err != nil {
		return ImportOutcome{Err: err}
	}
	if s.Owns(in.Access) || s.Owns(in.Refresh) {
		return ImportOutcome{Err: errAppTokenImported} // it would be handed out as the user's (I8)
	}
	// What has begun is finished, so that it is known what became of it.
	st, err := s.grants.Import(context.WithoutCancel(ctx), a, in)
	return ImportOutcome{Kind: st.Key.Kind, Err: err}
}

// imported records the grants that were imported, and counts the others.
func (s *Service) imported(ctx context.Context, c broker.Caller, a *broker.App, in []Import, out []ImportOutcome) error {
	var entries []broker.AuditEntry
	for i, o := range out {
		e := entryOf(c, "import_user", a.ID, o.Err)
		switch {
		case o.Err == nil:
			e.Kind, e.Target = o.Kind, in[i].OpenID
			entries = append(entries, e)
			continue
		case errors.Is(o.Err, broker.ErrConflict):
			e.Result = "kept"
		}
		s.audit.Count(e)
	}
	if len(entries) == 0 {
		return nil
	}
	return s.recorded(s.audit.Record(ctx, entries...))
}
