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

// schemaLock is a lock of the database's on one schema. The statements that take it and
// give it back are given the key, and give 1.
type schemaLock struct {
	// begin comes before, and end after. They make a transaction of it where a pooler may
	// give each its own connection of the database's: empty where a connection has the lock.
	begin, end []string
	lock       string
	unlock     string // empty where end does it
	key        any
}

// take waits for the lock, and returns what gives it back.
func (l schemaLock) take(ctx context.Context, db *sql.DB) (release func(), err error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	err = execAll(waiting, c, l.begin)
	if err == nil {
		err = l.run(waiting, c, l.lock)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the schema: %w", err), c.Close())
	}
	return func() {
		// At the latest it ends with the connection.
		releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if l.unlock != "" {
			_ = l.run(releasing, c, l.unlock)
		}
		_ = errors.Join(execAll(releasing, c, l.end), c.Close())
	}, nil
}

func execAll(ctx context.Context, c *sql.Conn, statements []string) error {
	for _, s := range statements {
		if _, err := c.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
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
