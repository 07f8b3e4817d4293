package sqlstore_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
)

// wantUndecodable makes sure that everything is read but for one row of four.
func wantUndecodable(t *testing.T, s broker.TokenStore) {
	t.Helper()
	read := map[broker.Key]bool{}
	undecodable := 0
	for r, err := range s.All(t.Context()) {
		switch {
		case err == nil:
			read[r.Key] = true
		case errors.Is(err, broker.ErrUndecodable):
			undecodable++
			if r.Key != (broker.Key{}) || r.Version != 0 {
				t.Errorf("of what cannot be decoded there is %+v", r)
			}
		default:
			t.Fatal(err)
		}
	}
	if len(read) != 3 || undecodable != 1 {
		t.Errorf("%d records were read and %d cannot be decoded, want 3 and 1", len(read), undecodable)
	}
	for range s.All(t.Context()) { //nolint:errcheck // See above.
		break // and a reader who has had enough is left alone
	}
}

func TestARowThatCannotBeDecodedHidesNoOther_I3(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hufu.db")
	s := open(t, path, nil)
	for i := range 4 {
		if _, err := s.Put(t.Context(), sample(i)); err != nil {
			t.Fatal(err)
		}
	}
	rawExec(t, path, `UPDATE records SET "key" = 'nonsense' WHERE "key" = '`+sample(1).Key.String()+"'")
	wantUndecodable(t, s)
}

func undecodable(t *testing.T, d *servertest.Database) {
	u := d.New(t)
	s := openServer(t, u)
	for i := range 4 {
		mustPut(t, s, broker.Record{Key: sample(i).Key})
	}
	l := listen(t.Context(), t, s)
	spoil := `UPDATE records SET "key" = 'nonsense' WHERE "key" = '` + sample(1).Key.String() + "'"
	if u.Scheme == "mysql" {
		spoil = strings.ReplaceAll(spoil, `"`, "`")
	}
	d.Exec(t, u, spoil)
	wantUndecodable(t, s)
	// Nor does a watch stop at it.
	d.Exec(t, u, "UPDATE records SET version = version + 1, changed = (SELECT most FROM (SELECT max(changed) AS most FROM records) AS m)")
	for i := range 4 {
		if i != 1 {
			l.heard(t, sample(i).Key, 2)
		}
	}
}
