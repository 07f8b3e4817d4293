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

// SessionLock implements goose's lock.SessionLocker.
func (l schemaLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	return l.run(ctx, conn, l.lock)
}

// SessionUnlock implements goose's lock.SessionLocker.
func (l schemaLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return l.run(ctx, conn, l.unlock)
}

func (l schemaLock) run(ctx context.Context, conn *sql.Conn, query string) error {
	var one sql.NullInt64
	if err := conn.QueryRowContext(ctx, query, l.key).Scan(&one); err != nil {
		return fmt.Errorf("lock the schema: %w", err)
	}
	if one.Int64 != 1 {
		return errors.New("lock the schema: the database does not give or take back the lock")
	}
	return nil
}
