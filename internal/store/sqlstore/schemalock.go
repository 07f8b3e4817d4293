package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// lockPatience is how long another server may take to bring a schema up to date.
const lockPatience = 2 * time.Minute

// schemaLock is a lock of the database's on one schema, which a connection holds. The
// statements take the key and give 1.
type schemaLock struct {
	lock, unlock string
	key          any
}

// take waits for the lock, and returns what gives it back.
func (l schemaLock) take(ctx context.Context, db *sql.DB) (release func(), err error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	if err := l.run(waiting, c, l.lock); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the schema: %w", err), c.Close())
	}
	return func() {
		// At the latest it ends with the connection.
		releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = errors.Join(l.run(releasing, c, l.unlock), c.Close())
	}, nil
}

func (l schemaLock) run(ctx context.Context, c *sql.Conn, query string) error {
	var one sql.NullInt64
	if err := c.QueryRowContext(ctx, query, l.key).Scan(&one); err != nil {
		return err
	}
	if one.Int64 != 1 {
		return errors.New("another server has it")
	}
	return nil
}
