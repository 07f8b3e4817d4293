package sqlstore_test

import (
	"database/sql"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
)

// users are n new grants of one app.
func users(n int) iter.Seq2[broker.Grant, error] {
	return func(yield func(broker.Grant, error) bool) {
		for i := range n {
			k := broker.Key{App: "shop", Kind: "snsapi_userinfo", Subject: fmt.Sprintf("o6_bmjrPTlm6_2sgVt7h%07d", i)}
			if !yield(broker.Grant{Key: k, Version: 1, Box: make([]byte, 300), Scope: "snsapi_userinfo"}, nil) {
				return
			}
		}
	}
}

// pageArgs are those of the query of a page in the middle.
func pageArgs() []any {
	user := []byte("o6_bmjrPTlm6_2sgVt7h0010000")
	return []any{[]byte("shop"), user, user, []byte("snsapi_userinfo"), 100}
}

// planOf has a database explain a query.
func planOf(t *testing.T, db *sql.DB, explain, query string, args ...any) string {
	t.Helper()
	var plan string
	if err := db.QueryRowContext(t.Context(), explain+query, args...).Scan(&plan); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return plan
}

// However many users there are, a page costs what is on it.
func pagesUseAnIndex(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	if _, err := s.Tables().Grants.Import(t.Context(), users(20_000)); err != nil {
		t.Fatal(err)
	}
	db, err := d.Open(u)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// As the databases do by themselves now and then.
	explain, analyze, want := "EXPLAIN (FORMAT JSON) ", "ANALYZE grants", `"Index Name": "grants_pkey"`
	if u.Scheme == "mysql" {
		explain, analyze, want = "EXPLAIN FORMAT=JSON ", "ANALYZE TABLE grants", `"access_type": "range"`
	}
	d.Exec(t, u, analyze)
	plan := planOf(t, db, explain, s.PageQuery(), pageArgs()...)
	if !strings.Contains(plan, want) || strings.Contains(plan, "Sort") || strings.Contains(plan, "filesort") {
		t.Errorf("a page is read so: %s", plan)
	}
}

func sweepUsesAnIndex(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	for i := range 500 {
		if err := s.OneTime().Add(t.Context(), fmt.Sprint(i), []byte("value"), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	db, err := d.Open(u)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	explain, analyze := "EXPLAIN (FORMAT JSON) ", "ANALYZE one_time"
	if u.Scheme == "mysql" {
		explain, analyze = "EXPLAIN FORMAT=JSON ", "ANALYZE TABLE one_time"
	}
	d.Exec(t, u, analyze)
	plan := planOf(t, db, explain, s.SweepQuery(), 100)
	if !strings.Contains(plan, "one_time_until") {
		t.Errorf("what has run out is looked for so: %s", plan)
	}
}

func TestAPageOfGrantsUsesAnIndex(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hufu.db")
	s := open(t, path, nil)
	if _, err := s.Tables().Grants.Import(t.Context(), users(100)); err != nil {
		t.Fatal(err)
	}
	page, sweep := s.PageQuery(), s.SweepQuery()
	closeStore(t, s)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for query, c := range map[string]struct {
		args []any
		want string
	}{
		page:  {pageArgs(), "SEARCH grants USING INDEX grants_key (app=? AND subject>?)"},
		sweep: {[]any{1, 100}, "SEARCH one_time USING COVERING INDEX one_time_until (until<?)"},
	} {
		plan := stepsOf(t, db, query, c.args...)
		if !strings.Contains(plan, c.want) || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s\nis done so: %s", query, plan)
		}
	}
}

// stepsOf is planOf for SQLite.
func stepsOf(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "; ")
}

// What the version before has made, also where a server ended in the middle of the step.
func beforeGrants(t *testing.T, d *servertest.Database) {
	const columns = "ALTER TABLE records DROP COLUMN seed, DROP COLUMN refresh_box"
	for _, step := range []struct {
		schema string // the first that is missing
		undo   []string
		half   bool
	}{
		{"2", []string{columns, "DROP TABLE grants", "DROP TABLE one_time"}, false},
		{"2", []string{columns, "DROP TABLE one_time"}, true},
		{"3", []string{columns}, false},
		{"3", nil, true},
	} {
		u := d.New(t)
		if u.Scheme == "postgres" && step.half {
			continue // there a step is a transaction
		}
		first := openServer(t, u)
		r := sample(1)
		if _, err := first.Put(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		d.Exec(t, u, append(step.undo, "DELETE FROM schema_versions WHERE version_id >= "+step.schema)...)
		// Servers that know nothing of it go on meanwhile.
		s := openServer(t, u)
		if _, err := s.Get(t.Context(), r.Key); err != nil {
			t.Error(err)
		}
		g := broker.Grant{Key: broker.Key{App: "shop", Kind: "snsapi_base", Subject: "user"}, Box: []byte("box")}
		if _, err := s.Grants().Put(t.Context(), g); err != nil {
			t.Error(err)
		}
		if err := s.OneTime().Add(t.Context(), "code", nil, time.Minute); err != nil {
			t.Error(err)
		}
		r.Version = 1
		if _, err := first.Put(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
}
