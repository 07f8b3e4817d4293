package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// queryTimeout bounds one query: what takes longer reads more than anybody looks at.
	queryTimeout = 5 * time.Second
	// maxQueries is how many queries run at once. The others are refused and not kept
	// waiting, for they are all for people, who can ask again.
	maxQueries = 2
)

// Query reads the audit, newest first. It is [broker.ErrNotReady] where it is busy or
// takes too long.
func (r *Recorder) Query(ctx context.Context, f broker.AuditFilter) ([]broker.AuditEntry, error) {
	select {
	case r.queries <- struct{}{}:
		defer func() { <-r.queries }()
	default:
		return nil, &broker.Error{
			Code: broker.ErrNotReady.Code, Class: broker.Transient, RetryAfter: time.Second,
			Message: fmt.Sprintf("%d queries of the audit are running already", maxQueries),
			Hint:    "ask again in a moment",
		}
	}
	limited, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	es, err := r.cfg.Log.Query(limited, f)
	switch {
	case err == nil:
		return es, nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return nil, &broker.Error{
			Code: broker.ErrNotReady.Code, Class: broker.Transient, RetryAfter: queryTimeout, Err: err,
			Message: fmt.Sprintf("the query of the audit took longer than %v", queryTimeout),
			Hint:    "ask for less: name an app, a client or an action, or a later from",
		}
	default:
		return nil, fmt.Errorf("read the audit: %w", err)
	}
}
