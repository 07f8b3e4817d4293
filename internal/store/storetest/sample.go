package storetest

import (
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hufu-io/hufu/internal/broker"
)

// same compares what went in with what came out: times are the same instant, and
// an empty slice is as good as none.
func same() cmp.Option { return cmpopts.EquateEmpty() }

func check[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, same()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func wantErr(t testing.TB, what string, err, wanted error) {
	t.Helper()
	if fault := want(what, err, wanted); fault != nil {
		t.Error(fault)
	}
}

// want says how an error differs from the one that is wanted.
func want(what string, err, wanted error) error {
	if errors.Is(err, wanted) {
		return nil
	}
	return fmt.Errorf("%s: got error %v, want %v", what, err, wanted) //nolint:errorlint // only to be shown
}

func ok(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func put(t testing.TB, s broker.Store, r broker.Record) broker.Record {
	t.Helper()
	v, err := s.Put(t.Context(), r)
	ok(t, "put", err)
	if v != r.Version+1 {
		t.Fatalf("put of %q at version %d gave version %d", r.Key, r.Version, v)
	}
	r.Version = v
	return r
}

func get(t testing.TB, s broker.Store, k broker.Key) broker.Record {
	t.Helper()
	r, err := s.Get(t.Context(), k)
	ok(t, "get", err)
	return r
}

// collect reads a sequence to its end.
func collect[K comparable, V any](t testing.TB, seq iter.Seq2[V, error], key func(V) K) map[K]V {
	t.Helper()
	all := map[K]V{}
	for v, err := range seq {
		ok(t, "read all", err)
		if _, twice := all[key(v)]; twice {
			t.Errorf("%v came twice", key(v))
		}
		all[key(v)] = v
	}
	return all
}

func all(t testing.TB, s broker.Store) map[broker.Key]broker.Record {
	t.Helper()
	return collect(t, s.All(t.Context()), func(r broker.Record) broker.Key { return r.Key })
}

func keyOf(app string) broker.Key { return broker.Key{App: app, Kind: broker.AccessToken} }

func numbered(i int) broker.Record {
	return broker.Record{Key: keyOf(fmt.Sprintf("app-%d", i)), Secret: fmt.Sprint(i)}
}

// full returns a record in which no field is zero, with times in several zones and
// to the microsecond.
func full(app string) broker.Record {
	shanghai := time.FixedZone("UTC+8", 8*60*60)
	at := func(minutes int) time.Time {
		z := []*time.Location{time.UTC, shanghai, time.Local, time.FixedZone("", -3*60*60-30*60)}[minutes%4]
		return time.Date(2026, 3, 29, 1, 59, 59, 123456000, time.UTC).Add(time.Duration(minutes) * time.Minute).In(z)
	}
	return broker.Record{
		Key: broker.Key{App: app, Kind: broker.JSAPITicket, Subject: "wx-subject"},
		Current: broker.SealedToken{
			Version: 41, Box: []byte{0, 1, 2, 0xff, 0, '\'', '"', '%', '\\', ','},
			Issued: at(1), Expiry: at(2), Until: at(3),
		},
		Previous: broker.SealedToken{
			Version: 40, Box: []byte("previous"), Issued: at(4), Expiry: at(5), Until: at(6),
		},
		Due:      at(7),
		Rejected: 39,
		Failure: broker.Failure{
			Class: broker.Misconfigured, Code: "ip_not_allowed", Message: "the IP is not allowed: 'x', \"y\", 100%",
			Hint: "在后台添加 1.2.3.4\nand wait", PlatformCode: "40164", PlatformMessage: "invalid ip 1.2.3.4, rid: a-b-c",
			Attempts: 7, First: at(8), Last: at(9), NotBefore: at(10), UnknownAt: at(11),
		},
		Budget: broker.Budget{
			Day: 20541, Issues: 12, Unplanned: 5, Forced: 2, Streak: 3, LastUnplanned: at(12), LastForced: at(13),
		},
		Foreign: broker.Foreign{Count: 4, Last: at(14)},
		Secret:  "deadbeef",
		Source:  "0123456789abcdef",
		Refresh: []byte{0, 'r', 0xfe, '\'', '"', '\\', 0},
		Seed:    "cafe0123",
	}
}
