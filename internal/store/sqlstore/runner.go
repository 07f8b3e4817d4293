package sqlstore

import (
	"context"
	"database/sql"
	"errors"
)

// runner runs statements: on one connection, or each on any of a pool.
type runner interface {
	// exec returns how many rows it changed, or found as they were to become.
	exec(ctx context.Context, query string, args ...any) (changed int64, err error)
	// get reads the one row of a query, or returns [sql.ErrNoRows].
	get(ctx context.Context, query string, args []any, dest ...any) error
}

// op is one write: statements that, where they are more than one, stand each for itself
// or are run together (see [writer]). It may run more than once, but takes effect at most
// once. Where it returns a refusal it has changed nothing.
type op func(ctx context.Context, r runner) error

// writer runs ops, and returns when what they wrote is durable.
type writer interface {
	// do runs an op whose statements need not be one transaction.
	do(ctx context.Context, o op) error
	// together runs an op as one transaction.
	together(ctx context.Context, o op) error
}

// refusal is an op's answer "no": a conflict, a lease that is held. Unlike other
// errors it leaves the transaction as it was.
type refusal struct{ reason error }

func (r refusal) Error() string { return r.reason.Error() }
func (r refusal) Unwrap() error { return r.reason }

// exists reports whether a query has a row.
func exists(ctx context.Context, r runner, query string, args ...any) (bool, error) {
	var one int
	err := r.get(ctx, query, args, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// insert runs an INSERT and returns how many rows it added: 0 where one of them has a
// key that is there already. The dialect's ignoreDuplicate is part of the statement.
func (s *Store) insert(ctx context.Context, r runner, query string, args ...any) (added int64, err error) {
	added, err = r.exec(ctx, query, args...)
	if err != nil && s.dialect.duplicate != nil && s.dialect.duplicate(err) {
		return 0, nil
	}
	return added, err
}
