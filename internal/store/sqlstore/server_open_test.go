package sqlstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

// opening are tests of how a store is opened.
func opening() map[string]func(*testing.T, *servertest.Database) {
	return map[string]func(*testing.T, *servertest.Database){
		"ServersThatStartAtOnceBothComeUp":                    startAtOnce,
		"ANewerSchemaDoesUnlessItSaysOtherwise":               newerSchema,
		"WhereTheSchemaIsThereNoRightToChangeItIsNeeded":      noDDL,
		"WhatIsWrongIsSaidWithoutThePassword_I6":              wrongURLs,
		"AReplicaThatCannotBeWrittenIsRefused":                replica,
		"TwoSchemasOfOneServerAreTwoStores_I8":                apart,
		"ADefinitionAndTheNoteOfItAreWrittenTogether":         definitionTogether,
		"AnImportIsAllOrNothingForEachBatch":                  importConflict,
		"ConnectionsComeBackHoweverAReadEnds":                 readsEnd,
		"WhatOthersUndidIsDoneAgain":                          undone,
		"AChangeThatCommitsLateIsToldOf_I9":                   lateCommit,
		"AWatchIsToldByTheDatabasesClockWhateverOursShows_I9": otherClock,
		"LooksForChangesUseAnIndex":                           looksUseAnIndex,
		"PagesOfGrantsUseAnIndex":                             pagesUseAnIndex,
		"ASweepThatHasNothingToDoReadsNothing":                sweepUsesAnIndex,
		"TheSchemaBeforeGrantsIsBroughtUpToDate":              beforeGrants,
		"AWatchEndsWithTheStore":                              watchEndsWithStore,
		"WhatIsKnownIsNotReadAgain_I9":                        knownUnread,
		"ARowThatCannotBeDecodedHidesNoOther_I3":              undecodable,
	}
}

func startAtOnce(t *testing.T, d *servertest.Database) {
	for range 8 {
		u := d.New(t)
		stores := make([]*sqlstore.Shared, 3)
		var wg sync.WaitGroup
		for i := range stores {
			wg.Go(func() {
				var err error
				if stores[i], err = tryServer(t.Context(), t, u.String()); err != nil {
					t.Errorf("open: %v", err)
				}
			})
		}
		wg.Wait()
		db, err := d.Open(u)
		if err != nil {
			t.Fatal(err)
		}
		var rows, versions int
		query := "SELECT count(*), count(DISTINCT version_id) FROM schema_versions"
		if err := db.QueryRowContext(t.Context(), query).Scan(&rows, &versions); err != nil || rows != versions {
			t.Errorf("%d migrations were made %d times: %v", versions, rows, err)
		}
		db.Close()
		for i, s := range stores {
			if s == nil {
				continue
			}
			if err := s.PutSetting(t.Context(), fmt.Sprint(i), []byte("x")); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func newerSchema(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	first := openServer(t, u)
	d.Exec(t, u, "INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, "+yes(u)+")",
		"ALTER TABLE records ADD COLUMN of_the_future bigint NOT NULL DEFAULT 7")
	old := openServer(t, u)
	for i, s := range []*sqlstore.Shared{first, old} {
		r := broker.Record{Key: sample(i).Key}
		v, err := s.Put(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		r.Version = v
		if _, err := s.Put(t.Context(), r); err != nil {
			t.Error(err)
		}
		if _, err := s.Get(t.Context(), r.Key); err != nil {
			t.Error(err)
		}
	}
	d.Exec(t, u, "UPDATE schema_compat SET oldest = 9999")
	_, err := tryServer(t.Context(), t, u.String())
	if err == nil || !strings.Contains(err.Error(), "use a newer version of hufu") {
		t.Errorf("got error %v", err)
	}
}

// yes is true, of the type that goose has for it.
func yes(u *url.URL) string {
	if u.Scheme == "mysql" {
		return "1"
	}
	return "true"
}

// role makes a user who may do nothing yet, and returns a URL for it.
func role(t *testing.T, d *servertest.Database, u *url.URL) (name string, its *url.URL) {
	t.Helper()
	name = "role_" + strings.ReplaceAll(strings.TrimPrefix(u.Path, "/")+u.Query().Get("search_path"), "postgres", "")
	if u.Scheme == "mysql" {
		d.Exec(t, u, "CREATE USER "+name+"@'%' IDENTIFIED BY 'p'")
	} else {
		d.Exec(t, u, "CREATE USER "+name+" PASSWORD 'p'")
	}
	as := *u
	as.User = url.UserPassword(name, "p")
	return name, &as
}

func noDDL(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	name, its := role(t, d, u)
	if u.Scheme == "mysql" {
		d.Exec(t, u, "GRANT SELECT, INSERT, UPDATE, DELETE ON "+strings.TrimPrefix(u.Path, "/")+".* TO "+name+"@'%'")
	} else {
		d.Exec(t, u, "GRANT USAGE ON SCHEMA "+u.Query().Get("search_path")+" TO "+name)
	}
	_, err := tryServer(t.Context(), t, its.String())
	if err == nil || !strings.Contains(err.Error(), "or the right to create them") {
		t.Errorf("without a schema: got error %v", err)
	}
	openServer(t, u)
	if u.Scheme == "postgres" {
		d.Exec(t, u, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "+u.Query().Get("search_path")+" TO "+name)
	}
	s := openServer(t, its)
	useAll(t, s)
}

// useAll does a little of everything.
func useAll(t *testing.T, s *sqlstore.Shared) {
	t.Helper()
	ctx := t.Context()
	_, put := s.Put(ctx, sample(1))
	l, acquire := s.Acquire(ctx, "shop", "me", time.Minute)
	release := s.Release(ctx, l)
	v, define := s.Apps().Put(ctx, broker.Definition{Name: "shop", Spec: []byte("{}")})
	remove := s.Apps().Delete(ctx, "shop", v)
	log := s.Audit().Append(ctx, broker.AuditEntry{Action: "read"}, broker.AuditEntry{Action: "renew"})
	_, prune := s.Audit().Prune(ctx, time.Now(), 1)
	_, beat := s.Beat(ctx, "me", 1, time.Minute)
	for what, err := range map[string]error{
		"put": put, "acquire": acquire, "release": release, "define": define, "remove": remove, "append": log, "prune": prune,
		"beat": beat, "leave": s.Leave(ctx, "me"), "setting": s.PutSetting(ctx, "a", nil),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func wrongURLs(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	secret, _ := u.User.Password()
	refused, stranger, nowhere, closed := *u, *u, *u, *u
	refused.User = url.UserPassword(u.User.Username(), "wr0ng"+secret)
	stranger.User = url.UserPassword("nobody", secret)
	nowhere.Path = "/nowhere"
	closed.Host = "127.0.0.1:1"
	strict := with(with(u, "sslmode", "verify-full"), "sslrootcert", "/nowhere")
	if u.Scheme == "mysql" {
		strict = with(u, "tls", "true")
	}
	for want, u := range map[string]*url.URL{
		"does not let the user in":                  &refused,
		"look at the user and the password":         &stranger,
		"there is no such database":                 &nowhere,
		"nobody listens there":                      &closed,
		map[string]string{"mysql": "TLS"}[u.Scheme]: strict,
	} {
		_, err := tryServer(t.Context(), t, u.String())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
			continue
		}
		if strings.ContainsAny(err.Error(), "\n\t") {
			t.Errorf("the error is more than one line: %q", err)
		}
		for _, s := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), "wr0ng"} {
			if strings.Contains(err.Error(), s) {
				t.Errorf("the error tells the password: %v", err)
			}
		}
	}
}

func replica(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	if u.Scheme == "mysql" {
		t.Skip("it is for the whole server: see TestAServerThatBecomesAReplica")
	}
	openServer(t, u)
	for _, attrs := range []string{"any", "read-write"} {
		u := with(with(u, "options", "-c default_transaction_read_only=on"), "target_session_attrs", attrs)
		_, err := tryServer(t.Context(), t, u.String())
		if err == nil || !strings.Contains(err.Error(), "a replica that can only be read") {
			t.Errorf("%s: got error %v", attrs, err)
		}
	}
}

func apart(t *testing.T, d *servertest.Database) {
	a, b := openServer(t, d.New(t)), openServer(t, d.New(t))
	if _, err := a.Put(t.Context(), sample(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), sample(1)); err != nil {
		t.Errorf("the other store: %v", err)
	}
	alive, err := b.Beat(t.Context(), "b", 1, time.Hour)
	if err != nil || len(alive) != 1 {
		t.Errorf("beat: %v, %v", alive, err)
	}
}

func definitionTogether(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	v, err := s.Apps().Put(t.Context(), broker.Definition{Name: "shop", Spec: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	d.Exec(t, u, "ALTER TABLE definition_changes RENAME TO gone")
	if _, err := s.Apps().Put(t.Context(), broker.Definition{Name: "shop", Version: v, Spec: []byte("[]")}); err == nil {
		t.Error("a definition was put without a note of it")
	}
	if err := s.Apps().Delete(t.Context(), "shop", v); err == nil {
		t.Error("a definition was deleted without a note of it")
	}
	got, err := s.Apps().Get(t.Context(), "shop")
	if err != nil || got.Version != v || string(got.Spec) != "{}" {
		t.Errorf("the definition is now %+v, %v", got, err)
	}
	d.Exec(t, u, "ALTER TABLE gone RENAME TO definition_changes")
	if err := s.Apps().Delete(t.Context(), "shop", v); err != nil {
		t.Error(err)
	}
}

func importConflict(t *testing.T, d *servertest.Database) {
	s := openServer(t, d.New(t))
	n, err := s.Tables().Records.Import(t.Context(), func(yield func(broker.Record, error) bool) {
		for r, err := range samples(2500) {
			if r.Key == sample(1900).Key {
				r = sample(1700)
			}
			if !yield(r, err) {
				return
			}
		}
	})
	stored := 0
	for _, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		stored++
	}
	if err == nil || !strings.Contains(err.Error(), broker.ErrConflict.Error()) || n != 1000 || stored != n {
		t.Errorf("imported %d, and %d are stored: %v", n, stored, err)
	}
}

func readsEnd(t *testing.T, d *servertest.Database) {
	s := openServer(t, with(d.New(t), "max_open_conns", "1"))
	if _, err := s.Tables().Records.Import(t.Context(), samples(3000)); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		for _, err := range s.All(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		ctx, cancel := context.WithCancel(t.Context())
		var last error
		for _, last = range s.All(ctx) {
			cancel()
		}
		cancel()
		if last == nil {
			t.Error("a read goes on after its context has ended")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.Get(ctx, sample(1).Key); err != nil {
		t.Error(err)
	}
}

func undone(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	if u.Scheme == "postgres" {
		// Now any two statements that meet are a fault of one of them.
		u = with(u, "options", "-c default_transaction_isolation=serializable")
	}
	s := openServer(t, u)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 10 {
				if err := s.PutSetting(t.Context(), "one", fmt.Append(nil, i, n)); err != nil {
					t.Error(err)
				}
				if _, err := s.Clients().Put(t.Context(), broker.Definition{Name: fmt.Sprint(i, n), Spec: []byte("{}")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// What runs all the time costs what has changed, not what there is.
func looksUseAnIndex(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	if _, err := s.Tables().Records.Import(t.Context(), samples(20_000)); err != nil {
		t.Fatal(err)
	}
	db, err := d.Open(u)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	explain, key := "EXPLAIN (FORMAT JSON) ", `"key"`
	if u.Scheme == "mysql" {
		explain, key = "EXPLAIN FORMAT=JSON ", "`key`"
	}
	// Before anybody has looked at how the values are spread.
	from := time.Now().Add(-time.Millisecond).UnixNano()
	for columns, to := range map[string]int64{", due, current_box": math.MaxInt64, ", version": from + int64(time.Second)} {
		query := fmt.Sprintf("SELECT changed, %s%s FROM records WHERE changed BETWEEN %d AND %d", key, columns, from, to)
		var plan string
		if err := db.QueryRowContext(t.Context(), explain+query).Scan(&plan); err != nil || !strings.Contains(plan, "records_changed") {
			t.Errorf("%s: %v\n%s", query, err, plan)
		}
	}
}

// A server whose default it is not to commit by itself loses no acknowledged write.
func TestWritesAreCommittedWhateverTheServersDefault_I5(t *testing.T) {
	t.Parallel()
	d := servertest.MariaDB(t, "--autocommit=0")
	u := d.New(t)
	s := openServer(t, u)
	mustPut(t, s, broker.Record{Key: sample(1).Key})
	if _, err := openServer(t, u).Get(t.Context(), sample(1).Key); err != nil {
		t.Errorf("of a write that was acknowledged others see: %v", err)
	}
}

// The nodes of a Galera cluster all take writes, and nothing else tells that there are others.
func TestANodeOfAGaleraClusterIsToldOf(t *testing.T) {
	t.Parallel()
	d := servertest.MariaDB(t, "--wsrep-on=ON")
	var log strings.Builder
	s, err := sqlstore.OpenServer(t.Context(), sqlstore.ServerConfig{
		URL: broker.NewSecret(d.New(t).String()), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "a node of a Galera cluster") {
		t.Errorf("the log says: %s", &log)
	}
}
