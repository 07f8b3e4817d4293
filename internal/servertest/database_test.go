package servertest_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/servertest"
)

func TestADatabaseOutlastsACrash(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, ...string) *servertest.Database{
		"PostgreSQL": servertest.PostgreSQL, "MariaDB": servertest.MariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			db := d.New(t)
			d.Exec(t, db, "CREATE TABLE t (n integer)", "INSERT INTO t VALUES (1)")
			d.Kill()
			if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", d.Addr()); err == nil {
				c.Close()
				t.Error("it takes connections after it was killed")
			}
			d.Restart()
			d.Exec(t, db, "INSERT INTO t SELECT n + 1 FROM t", "DELETE FROM t")
			d.Pause()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := d.Try(ctx, db, "SELECT 1"); err == nil {
				t.Error("it answers while it is paused")
			}
			d.Resume()
			d.Exec(t, db, "SELECT 1")
		})
	}
}
