package sqlstore_test

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
	"github.com/hufu-io/hufu/internal/store/storetest"
)

// servers are the kinds of databases that servers can share.
func servers() map[string]func(testing.TB, ...string) *servertest.Database {
	return map[string]func(testing.TB, ...string) *servertest.Database{
		"PostgreSQL": servertest.PostgreSQL,
		"MariaDB":    servertest.MariaDB,
	}
}

// onServers runs tests that share one server of each kind and treat it well.
func onServers(t *testing.T, tests map[string]func(*testing.T, *servertest.Database)) {
	t.Helper()
	for kind, start := range servers() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, d)
				})
			}
		})
	}
}

// with returns a URL with a parameter more.
func with(u *url.URL, name, value string) *url.URL {
	more := *u
	q := u.Query()
	q.Set(name, value)
	more.RawQuery = q.Encode()
	return &more
}

func openServer(t testing.TB, u *url.URL) *sqlstore.Shared {
	t.Helper()
	s, err := tryServer(t.Context(), t, u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// tryServer opens a store without a limit of its own on how long a connection takes: the
// machine may be busy.
func tryServer(ctx context.Context, t testing.TB, u string) (*sqlstore.Shared, error) {
	t.Helper()
	if parsed, err := url.Parse(u); err == nil && !parsed.Query().Has("connect_timeout") {
		u = with(parsed, "connect_timeout", "120").String()
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	return sqlstore.OpenServer(ctx, sqlstore.ServerConfig{URL: broker.NewSecret(u), Logger: log})
}

func TestServers(t *testing.T) {
	t.Parallel()
	tests := opening()
	tests["Store"] = conforms
	onServers(t, tests)
}

func conforms(t *testing.T, d *servertest.Database) {
	storetest.Run(t, storetest.Harness{
		TTL:  time.Second,
		Skip: storetest.Skip{LeaseMachine: "the database's clock cannot be set"},
		Open: func(t *testing.T) storetest.Fixture {
			u := with(d.New(t), "max_open_conns", "8")
			s := openServer(t, u)
			return storetest.Fixture{
				Store: s,
				// The database's clock goes on by itself, at the speed of ours.
				Advance: func(by time.Duration) { <-time.After(by + 5*time.Millisecond) },
				Handle:  sync.OnceValue(func() broker.Store { return openServer(t, u) }),
				Reopen: func() broker.Store {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
					return openServer(t, u)
				},
			}
		},
	})
}
