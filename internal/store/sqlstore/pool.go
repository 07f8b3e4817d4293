package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// maxTries is how often an op is run that the database undoes for the sake of others.
const maxTries = 6

// pool writes to a database server. An op that is one statement commits by itself, so that
// nothing is locked while a server waits for the network, and no two can wait for each
// other.
type pool struct {
	db *sql.DB
	d  *dialect
	// leave gives up the connections to a server that does not take writes any more.
	leave func()
}

func (p *pool) exec(ctx context.Context, query string, args ...any) (int64, error) {
	r, err := p.db.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (p *pool) get(ctx context.Context, query string, args []any, dest ...any) error {
	return p.db.QueryRowContext(ctx, query, args...).Scan(dest...)
}

func (p *pool) do(ctx context.Context, o op) error {
	return p.repeat(ctx, func() error { return o(ctx, p) })
}

func (p *pool) together(ctx context.Context, o op) error {
	return p.repeat(ctx, func() error { return p.transact(ctx, o) })
}

// repeat does what may be undone for the sake of others until it is not.
func (p *pool) repeat(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		no, refused := errors.AsType[refusal](err)
		switch {
		case err == nil:
			return nil
		case refused:
			return no.reason
		case endOf(ctx, err) != nil:
			if end := endOf(ctx, err); !errors.Is(err, end) {
				return fmt.Errorf("%w: %w", end, err)
			}
			return err
		case p.d.readOnly(err):
			p.leave()
		case !p.d.undone(err):
			return err
		}
		if try == maxTries {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(rand.N(time.Duration(try) * 10 * time.Millisecond)):
		}
	}
}

// transact runs an op in a transaction. The statements that begin and end it are run as
// such, because those of database/sql are not all bounded by ctx.
func (p *pool) transact(ctx context.Context, o op) (err error) {
	c, err := p.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			giveUp(ctx, c)
		}
		_ = c.Close() // it goes back to the pool, or has gone
	}()
	if _, err := c.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := o(ctx, single{c}); err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, "COMMIT")
	return err
}

// giveUp ends the transaction of a connection. Where that does not work the connection is
// given up too, so that nobody goes on in the transaction.
func giveUp(ctx context.Context, c *sql.Conn) {
	if _, err := c.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = c.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// single is one connection of a pool.
type single struct{ c *sql.Conn }

func (s single) exec(ctx context.Context, query string, args ...any) (int64, error) {
	r, err := s.c.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (s single) get(ctx context.Context, query string, args []any, dest ...any) error {
	return s.c.QueryRowContext(ctx, query, args...).Scan(dest...)
}
