package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/storecopy"
)

// kinds are the servers of a test, of which each place is a part of its own.
type kinds struct {
	postgres, mysql *servertest.Database
	redis           *servertest.RedisServer
	mu              sync.Mutex
	prefixes        int
}

func startKinds(t *testing.T) *kinds {
	t.Helper()
	return &kinds{
		postgres: servertest.PostgreSQL(t), mysql: servertest.MariaDB(t),
		redis: servertest.StartRedis(t, servertest.RedisConfig{Password: "p@ss"}),
	}
}

// place makes an empty store of an engine.
func (k *kinds) place(t *testing.T, e config.Engine) place {
	t.Helper()
	var u string
	switch e {
	case config.PostgreSQL:
		u = k.postgres.New(t).String()
	case config.MySQL:
		u = k.mysql.New(t).String()
	case config.Redis:
		k.mu.Lock()
		k.prefixes++
		u = fmt.Sprintf("%s?prefix=copy-%d", k.redis.URL, k.prefixes)
		k.mu.Unlock()
	case config.Embedded:
		p, err := embeddedPlace("embedded", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p, err := urlPlace(string(e), u)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openPlace(t *testing.T, p place) broker.Movable {
	t.Helper()
	s, err := openEngine(t.Context(), p.store, p.dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill puts into a store what servers put there in the course of time.
func fill(t *testing.T, s broker.Movable, n int) {
	t.Helper()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Date(2026, 3, 29, 1, 59, 59, 123456789, time.UTC)
	tables := s.Tables()
	must(tables.Records.Import(t.Context(), func(yield func(broker.Record, error) bool) {
		for i := range n {
			k := broker.Key{App: fmt.Sprintf("app-%d", i), Kind: broker.AccessToken, Subject: []string{"", "企业/%"}[i%2]}
			if !yield(broker.Record{
				Key: k, Version: broker.Version(i*1000 + 1), Rejected: 3, Due: now,
				Current: broker.SealedToken{Version: broker.Version(i*1000 + 1), Box: []byte{1, 0, 0xff, byte(i)}, Issued: now, Expiry: now.Add(time.Hour)},
				Failure: broker.Failure{Message: "用户 is 'frozen'", Attempts: 2, Last: now}, Budget: broker.Budget{Day: 20000, Issues: i},
			}, nil) {
				return
			}
		}
	}))
	must(tables.Grants.Import(t.Context(), func(yield func(broker.Grant, error) bool) {
		for i := range n / 2 {
			k := broker.Key{App: "app-0", Kind: "snsapi_base", Subject: fmt.Sprintf("%s%d", []string{"o6_", "用户/%", "\xff\x00"}[i%3], i)}
			if !yield(broker.Grant{
				Key: k, Version: broker.Version(i*1000 + 1), Token: 1, Box: []byte{1, 0, 0xff, byte(i)}, UnionID: "u", Scope: "snsapi_base",
				Snapshot: i%2 == 0, Authorized: now, Issued: now, Expiry: now.Add(time.Hour), Deadline: now.Add(24 * time.Hour),
				Failure: broker.Failure{Message: "用户 is 'frozen'", Attempts: 2, Last: now}, Claim: broker.RenewalClaim{Holder: "host", Until: now},
			}, nil) {
				return
			}
		}
	}))
	must(nil, s.OneTime().Add(t.Context(), "code", []byte("value"), time.Hour))
	defs := func(yield func(broker.Definition, error) bool) {
		_ = yield(broker.Definition{Name: "a", Version: 1 << 60, Spec: []byte(`{"a": 1.50}`), Sealed: []byte{0, 0xff}}, nil) &&
			yield(broker.Definition{Name: "商店", Version: 7, Spec: []byte("{}")}, nil)
	}
	must(tables.Apps.Import(t.Context(), defs))
	must(tables.Clients.Import(t.Context(), defs))
	must(nil, s.PutSetting(t.Context(), "keyset_proof", []byte{1, 0, 0xff}))
	must(nil, s.PutSetting(t.Context(), "empty", nil))
	for i := range 50 {
		must(nil, s.Audit().Append(t.Context(), broker.AuditEntry{At: now.Add(-time.Duration(i%7) * time.Second), Action: "renew", App: fmt.Sprint(i)}))
	}
	must(s.Acquire(t.Context(), "app-1/access_token", "one that died", time.Millisecond))
}

// content is everything in a store.
func content(t *testing.T, s broker.Movable) (all struct {
	Records       map[string]broker.Record
	Apps, Clients []broker.Definition
	Settings      []broker.Setting
	Audit         []broker.AuditEntry
	Grants        map[string]broker.Grant
	Doubts        []broker.Lease
},
) {
	t.Helper()
	tables := s.Tables()
	all.Records = map[string]broker.Record{}
	for r, err := range tables.Records.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all.Records[r.Key.String()] = r
	}
	all.Grants = map[string]broker.Grant{}
	for _, g := range rowsOf(t, tables.Grants.All) {
		all.Grants[g.Key.String()] = g
	}
	all.Apps, all.Clients = rowsOf(t, tables.Apps.All), rowsOf(t, tables.Clients.All)
	all.Settings, all.Audit, all.Doubts = rowsOf(t, tables.Settings.All), rowsOf(t, tables.Audit.All), rowsOf(t, tables.Doubts.All)
	return all
}

func rowsOf[T any](t *testing.T, all func(context.Context) iter.Seq2[T, error]) (list []T) {
	t.Helper()
	for v, err := range all(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

func TestEveryStoreIsCopiedToEveryOther_I2_I5_I10(t *testing.T) {
	t.Parallel()
	k := startKinds(t)
	engines := []config.Engine{config.Embedded, config.PostgreSQL, config.MySQL, config.Redis}
	for _, a := range engines {
		for _, b := range engines {
			t.Run(fmt.Sprintf("%s to %s", a, b), func(t *testing.T) {
				t.Parallel()
				from, to := k.place(t, a), k.place(t, b)
				source := openPlace(t, from)
				fill(t, source, 1300)
				want := content(t, source)
				if err := source.Close(); err != nil {
					t.Fatal(err)
				}
				var said bytes.Buffer
				got, err := copyStore(t.Context(), &said, from, to, false)
				if err != nil {
					t.Fatal(err)
				}
				if got.Records != 1300 || got.Apps != 2 || got.Clients != 2 || got.Settings != 2 || got.Grants != 650 || *got.Audit != 50 || got.Leases != 1 {
					t.Errorf("%+v", got)
				}
				target := openPlace(t, to)
				defer target.Close()
				diff := cmp.Diff(want, content(t, target), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(broker.AuditEntry{}, "ID"),
					cmpopts.IgnoreFields(broker.Lease{}, "Expiry"), cmpopts.EquateApproxTime(0),
					cmpopts.SortSlices(func(a, b broker.Definition) bool { return a.Name < b.Name }),
					cmp.Transformer("micros", func(l broker.Lease) broker.Lease { l.Acquired = l.Acquired.Truncate(time.Microsecond); return l }))
				if diff != "" {
					t.Errorf("(-from +to):\n%s", diff)
				}
				if strings.Contains(said.String(), "p@ss") {
					t.Errorf("a password was shown: %s", &said)
				}
			})
		}
	}
}

// break is done to the server of a store while it is copied from or to.
func TestACopyWhoseServerDiesSaysWhatIsWhere_I5(t *testing.T) {
	t.Parallel()
	for _, e := range []config.Engine{config.PostgreSQL, config.MySQL, config.Redis} {
		for _, which := range []string{"from", "to"} {
			t.Run(string(e)+" "+which, func(t *testing.T) {
				t.Parallel()
				k := &kinds{}
				var kill, restart func()
				switch e { //nolint:exhaustive // The embedded one has no server.
				case config.PostgreSQL:
					k.postgres = servertest.PostgreSQL(t)
					kill, restart = k.postgres.Kill, k.postgres.Restart
				case config.MySQL:
					k.mysql = servertest.MariaDB(t)
					kill, restart = k.mysql.Kill, k.mysql.Restart
				case config.Redis:
					k.redis = servertest.StartRedis(t, servertest.RedisConfig{Password: "p@ss", Durable: true})
					kill, restart = k.redis.Kill, k.redis.Restart
				}
				from, to := k.place(t, e), k.place(t, config.Embedded)
				if which == "to" {
					from, to = to, from
				}
				source, target := openPlace(t, from), openPlace(t, to)
				const records = 30_000 // mostly more than is on its way at once
				fill(t, source, records)
				res, err := storecopy.Copy(t.Context(), storecopy.End{Store: source, Name: "FROM"}, storecopy.End{Store: target, Name: "TO"},
					storecopy.Options{Self: "copier", Progress: func(doing, table string, n int) {
						if doing == "copy" && table == "records" && n == 5000 {
							kill()
						}
					}})
				if err == nil || !res.Begun || res.Records < 4000 {
					t.Fatalf("%+v, %v", res, err)
				}
				doing := "copy records"
				if res.Records == records {
					doing = "copy " // All of them were on their way when it died, and it was missed after them.
				}
				said := explainCopy(err, res, from, to).Error()
				for _, part := range []string{doing, from.name + " is as it was", fmt.Sprintf("%d records", res.Records), "before the next try ", to.emptied()} {
					if !strings.Contains(said, part) {
						t.Errorf("it does not say %q: %s", part, said)
					}
				}
				for _, s := range []broker.Store{source, target} {
					_ = s.Close() // Its server is away.
				}
				restart()
				forget(t, from, "copier-from")
				forget(t, to, "copier-to")
				s := openPlace(t, to)
				if err := storecopy.Check(t.Context(), s); !errors.Is(err, storecopy.ErrUnfinished) {
					t.Errorf("a server would start on it: %v", err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if _, err := copyStore(t.Context(), t.Output(), from, to, false); !errors.Is(err, storecopy.ErrUnfinished) {
					t.Errorf("the next try: %v", err)
				}
			})
		}
	}
}

// forget strikes off who could not do it himself, and would be waited for.
func forget(t *testing.T, p place, name string) {
	t.Helper()
	s := openPlace(t, p)
	defer s.Close()
	if r, listed := s.(broker.Roll); listed {
		if err := r.Leave(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAServerDoesNotStartOnAPartOfAStore_I5(t *testing.T) {
	t.Parallel()
	to, err := embeddedPlace("TO", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	from, err := embeddedPlace("FROM", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	source, target := openPlace(t, from), openPlace(t, to)
	fill(t, source, 3000)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = storecopy.Copy(ctx, storecopy.End{Store: source, Name: "FROM"}, storecopy.End{Store: target, Name: "TO"},
		storecopy.Options{Self: "copier", Progress: func(string, string, int) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := errors.Join(source.Close(), target.Close()); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.DataDir = to.dir
	cfg.KeysetFile, cfg.AdminKeyFile = to.dir+"/keyset.json", to.dir+"/admin.key"
	_, err = newServer(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if !errors.Is(err, storecopy.ErrUnfinished) || !strings.Contains(fmt.Sprint(err), "run hufu store copy again") {
		t.Errorf("it started: %v", err)
	}
}

func TestAStoreInUseIsNotCopied(t *testing.T) {
	t.Parallel()
	r := servertest.StartRedis(t, servertest.RedisConfig{})
	k := &kinds{redis: r}
	used, empty := k.place(t, config.Redis), k.place(t, config.Embedded)
	s := openPlace(t, used)
	defer s.Close()
	fill(t, s, 3)
	if _, err := s.(broker.Roll).Beat(t.Context(), "host-17", 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	full := k.place(t, config.Embedded)
	e := openPlace(t, full)
	fill(t, e, 3)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]place{{used, empty}, {full, used}} {
		_, err := copyStore(t.Context(), t.Output(), c[0], c[1], false)
		if err == nil || !strings.Contains(err.Error(), "redis: it is in use by host-17; stop every server") {
			t.Errorf("%s to %s: %v", c[0].name, c[1].name, err)
		}
	}
	// Under another name, too.
	u, err := url.Parse(used.store.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("dial_timeout", "4s")
	u.RawQuery = q.Encode()
	again, err := urlPlace("again", u.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.(broker.Roll).Leave(t.Context(), "host-17"); err != nil {
		t.Fatal(err)
	}
	if _, err := copyStore(t.Context(), t.Output(), used, again, false); err == nil || !strings.Contains(err.Error(), "again: it is in use by store-copy-") {
		t.Errorf("a store was copied to itself: %v", err)
	}
}
