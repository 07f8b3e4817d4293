package sqlstore_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

// rawExec runs statements on a database that is not open as a store, creating it if
// it is not there.
func rawExec(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADatabaseOfTheFirstSchemaIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hufu.db")
	script, err := os.ReadFile(filepath.Join("testdata", "schema1.sql"))
	if err != nil {
		t.Fatal(err)
	}
	rawExec(t, path, string(script))
	s := open(t, path, nil)
	got, err := s.Get(t.Context(), broker.Key{App: "shop", Kind: broker.AccessToken})
	if err != nil {
		t.Fatal(err)
	}
	want := broker.Record{
		Key: broker.Key{App: "shop", Kind: broker.AccessToken}, Version: 3,
		Current: broker.SealedToken{
			Version: 3, Box: []byte("box"), Issued: time.Unix(1, 0), Expiry: time.Unix(2, 0), Until: time.Unix(3, 0),
		},
		Due: time.Unix(4, 0), Budget: broker.Budget{Day: 5, Issues: 6}, Secret: "deadbeef", Source: "0123456789abcdef",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	l, err := s.Acquire(t.Context(), "shop", "me", time.Minute)
	if err != nil || l.Term != 8 || !l.Abandoned.Equal(time.Unix(1, 0)) {
		t.Errorf("lease %+v, %v", l, err)
	}
	if d, err := s.Apps().Get(t.Context(), "shop"); err != nil || string(d.Spec) != "{}" {
		t.Errorf("app %+v, %v", d, err)
	}
	if v, err := s.Setting(t.Context(), "proof"); err != nil || string(v) != "value" {
		t.Errorf("setting %q, %v", v, err)
	}
	g := broker.Grant{Key: broker.Key{App: "shop", Kind: "snsapi_base", Subject: "user"}, Box: []byte("box")}
	if _, err := s.Grants().Put(t.Context(), g); err != nil {
		t.Error(err)
	}
	if err := s.OneTime().Add(t.Context(), "code", nil, time.Minute); err != nil {
		t.Error(err)
	}
	if es, err := s.Audit().Query(t.Context(), broker.AuditFilter{App: "shop", Action: "read"}); err != nil || len(es) != 1 {
		t.Errorf("audit %+v, %v", es, err)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hufu.db")
	closeStore(t, open(t, path, nil))
	rawExec(t, path, "INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, 1)")
	_, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path})
	if err == nil || !strings.Contains(err.Error(), "schema 9999") {
		t.Errorf("got error %v", err)
	}
}
