package storetest

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) records() []test {
	return []test{
		{"AMissingRecordIsNotFound", s.missingRecord},
		{"EveryFieldComesBack", s.everyField},
		{"ZeroFieldsStayZero", s.zeroFields},
		{"ExtremesComeBack", s.extremes},
		{"TextFromOutsideNeverStopsAWrite", s.hostileText},
		{"APutReplacesTheWholeRecord", s.replace},
		{"APutAtAnotherVersionIsAConflictAndChangesNothing", s.conflict},
		{"ADeleteIsForItsVersionOnly", s.remove},
		{"ADeletedRecordStartsAgainAtVersionOne", s.startAgain},
		{"RecordsAreCopies", s.copies},
		{"AllYieldsEveryRecordOnce", s.everyRecord},
		{"AllOfAnEmptyStoreIsEmpty", s.emptyStore},
		{"AllStopsWhereItsReaderStops", s.stopsEarly},
		{"AllLetsWritesThrough", s.allAndWrites},
		{"RecordsOutlastARestart", s.outlast},
		{"AClosedStoreFails", s.closed},
	}
}

func (s suite) missingRecord(t *testing.T) {
	st := s.Open(t).Store
	_, err := st.Get(t.Context(), keyOf("nobody"))
	wantErr(t, "get", err, broker.ErrNotFound)
	wantErr(t, "delete", st.Delete(t.Context(), keyOf("nobody"), 1), broker.ErrNotFound)
	_, err = st.Put(t.Context(), broker.Record{Key: keyOf("nobody"), Version: 1})
	wantErr(t, "put at version 1", err, broker.ErrConflict)
	check(t, "all", map[broker.Key]broker.Record{}, all(t, st))
}

func (s suite) everyField(t *testing.T) {
	st := s.Open(t).Store
	want := put(t, st, full("every"))
	requireNoZero(t, reflect.ValueOf(want), "Record")
	check(t, "get", want, get(t, st, want.Key))
	check(t, "all", map[broker.Key]broker.Record{want.Key: want}, all(t, st))
}

// requireNoZero makes sure that the sample keeps up with the record's fields.
func requireNoZero(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]() {
		for i := range v.NumField() {
			requireNoZero(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
		return
	}
	if v.IsZero() {
		t.Fatalf("the sample does not set %s: the suite would not notice if a store lost it", path)
	}
}

func (s suite) zeroFields(t *testing.T) {
	st := s.Open(t).Store
	want := put(t, st, broker.Record{Key: keyOf("zero")})
	got := get(t, st, want.Key)
	check(t, "get", want, got)
	if !got.Due.IsZero() || !got.Failure.UnknownAt.IsZero() || !got.Failure.IsZero() || len(got.Current.Box) != 0 {
		t.Errorf("zero fields came back as %+v", got)
	}
	// A zero time in some other zone is still the zero time.
	r := broker.Record{Key: keyOf("zoned"), Due: time.Time{}.In(time.FixedZone("", 3600))}
	put(t, st, r)
	if got := get(t, st, r.Key); !got.Due.IsZero() {
		t.Errorf("the zero time came back as %v", got.Due)
	}
}

func (s suite) extremes(t *testing.T) {
	st := s.Open(t).Store
	r := full("extremes")
	r.Current.Version, r.Rejected = math.MaxInt64, math.MinInt64
	r.Budget.Day = -1
	r.Failure.Attempts = math.MaxInt32
	r.Current.Issued = time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC)
	r.Current.Expiry = time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC)
	r.Due = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Current.Box = make([]byte, 64<<10)
	for i := range r.Current.Box {
		r.Current.Box[i] = byte(i)
	}
	r = put(t, st, r)
	check(t, "get", r, get(t, st, r.Key))

	// What the store's clock cannot hold must not wrap around: a token without an end
	// would be one that has ended.
	r.Current.Expiry = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	r.Current.Issued = time.Unix(0, 0)
	r = put(t, st, r)
	got := get(t, st, r.Key)
	if got.Current.Expiry.Before(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the year 9999 came back as %v", got.Current.Expiry)
	}
	if d := got.Current.Issued.Sub(time.Unix(0, 0)); d.Abs() > time.Microsecond {
		t.Errorf("the first instant of 1970 came back as %v", got.Current.Issued)
	}
}

func (s suite) hostileText(t *testing.T) {
	st := s.Open(t).Store
	for i, text := range []string{"nul\x00byte", "bad \xff\xfe utf-8", "\xc3", "😀\u202e", "'; DROP TABLE records; --"} {
		r := numbered(i)
		r.Failure = broker.Failure{Attempts: 1, Message: "said " + text, PlatformMessage: text, Code: text}
		put(t, st, r)
		if got := get(t, st, r.Key).Failure; len(got.Message) < len("said ") || got.Message[:5] != "said " {
			t.Errorf("text %q came back as %q", text, got.Message)
		}
		e := broker.AuditEntry{At: time.Unix(1, 0), Action: "read", Client: text, Remote: text, RequestID: text}
		ok(t, "append to the audit", st.Audit().Append(t.Context(), e))
	}
	check(t, "records", 5, len(all(t, st)))
}

func (s suite) replace(t *testing.T) {
	st := s.Open(t).Store
	r := put(t, st, full("replace"))
	r = put(t, st, broker.Record{Key: r.Key, Version: r.Version})
	check(t, "get", r, get(t, st, r.Key))
	r.Current = broker.SealedToken{Version: 3, Box: []byte("new")}
	r = put(t, st, r)
	check(t, "get", r, get(t, st, r.Key))
	if r.Version != 3 {
		t.Errorf("three writes gave version %d", r.Version)
	}
}

func (s suite) conflict(t *testing.T) {
	f := s.Open(t)
	st, other := f.Store, f.Handle()
	r := put(t, st, full("conflict"))
	r = put(t, other, r)
	for _, v := range []broker.Version{0, r.Version - 1, r.Version + 1, -1, math.MaxInt64 - 1} {
		bad := numbered(1)
		bad.Key, bad.Version = r.Key, v
		_, err := st.Put(t.Context(), bad)
		wantErr(t, fmt.Sprintf("put at version %d", v), err, broker.ErrConflict)
		wantErr(t, fmt.Sprintf("delete at version %d", v), st.Delete(t.Context(), r.Key, v), broker.ErrConflict)
	}
	check(t, "get", r, get(t, st, r.Key))
	check(t, "get by the other", r, get(t, other, r.Key))
}

func (s suite) remove(t *testing.T) {
	st := s.Open(t).Store
	r, stays := put(t, st, full("remove")), put(t, st, full("stays"))
	ok(t, "delete", st.Delete(t.Context(), r.Key, r.Version))
	_, err := st.Get(t.Context(), r.Key)
	wantErr(t, "get", err, broker.ErrNotFound)
	wantErr(t, "delete again", st.Delete(t.Context(), r.Key, r.Version), broker.ErrNotFound)
	_, err = st.Put(t.Context(), r)
	wantErr(t, "put of what was deleted", err, broker.ErrConflict)
	check(t, "all", map[broker.Key]broker.Record{stays.Key: stays}, all(t, st))
}

func (s suite) startAgain(t *testing.T) {
	st := s.Open(t).Store
	r := put(t, st, put(t, st, full("again")))
	ok(t, "delete", st.Delete(t.Context(), r.Key, r.Version))
	r.Version = 0
	r = put(t, st, r)
	check(t, "get", r, get(t, st, r.Key))
}

func (s suite) copies(t *testing.T) {
	st := s.Open(t).Store
	r := full("copies")
	want := r.Clone()
	want.Version = 1
	put(t, st, r)
	r.Current.Box[0], r.Previous.Box[0], r.Refresh[0] = 'X', 'X', 'X'
	got := get(t, st, r.Key)
	check(t, "get after the caller changed what it had put", want, got)
	got.Current.Box[1], got.Previous.Box[1], got.Refresh[1] = 'Y', 'Y', 'Y'
	for r, err := range st.All(t.Context()) {
		ok(t, "all", err)
		check(t, "all after the caller changed what it got", want, r)
		r.Current.Box[2], r.Previous.Box[2], r.Refresh[2] = 'Z', 'Z', 'Z'
	}
	check(t, "get after the caller changed what all yielded", want, get(t, st, r.Key))
}

func (s suite) everyRecord(t *testing.T) {
	f := s.Open(t)
	want := map[broker.Key]broker.Record{}
	for i := range 250 {
		r := numbered(i)
		if i%3 == 0 {
			r = full(r.Key.App)
			r.Current.Box = fmt.Appendf(nil, "box of %d", i)
		}
		want[r.Key] = put(t, f.Store, r)
	}
	check(t, "all", want, all(t, f.Store))
	check(t, "all by another handle", want, all(t, f.Handle()))
	seq := f.Store.All(t.Context())
	for range 2 { // a sequence may be ranged over again
		check(t, "all", want, collect(t, seq, func(r broker.Record) broker.Key { return r.Key }))
	}
}

func (s suite) emptyStore(t *testing.T) {
	check(t, "all", map[broker.Key]broker.Record{}, all(t, s.Open(t).Store))
}

func (s suite) stopsEarly(t *testing.T) {
	st := s.Open(t).Store
	for i := range 20 {
		put(t, st, numbered(i))
	}
	for n := range 30 { // more often than a store has connections
		seen := 0
		for _, err := range st.All(t.Context()) {
			ok(t, "all", err)
			if seen++; seen > n%5 {
				break
			}
		}
		if seen != n%5+1 {
			t.Fatalf("saw %d records, want %d", seen, n%5+1)
		}
	}
	put(t, st, numbered(99))
	check(t, "records", 21, len(all(t, st)))
}

func (s suite) allAndWrites(t *testing.T) {
	st := s.Open(t).Store
	for i := range 50 {
		put(t, st, numbered(i))
	}
	seen := 0
	for r, err := range st.All(t.Context()) {
		ok(t, "all", err)
		if seen++; r.Version > 1 {
			continue
		}
		got := get(t, st, r.Key)
		put(t, st, got)
	}
	if seen < 50 {
		t.Errorf("saw %d of 50 records", seen)
	}
	for k, r := range all(t, st) {
		if r.Version != 2 {
			t.Errorf("%q is at version %d", k, r.Version)
		}
	}
}

func (s suite) outlast(t *testing.T) {
	f := s.Open(t)
	want := map[broker.Key]broker.Record{}
	for i := range 20 {
		r := put(t, f.Store, full(fmt.Sprintf("app-%d", i)))
		want[r.Key] = r
	}
	check(t, "all", want, all(t, s.reopened(t, f)))
}

func (s suite) closed(t *testing.T) {
	f := s.Open(t)
	put(t, f.Store, numbered(1))
	ok(t, "close", f.Store.Close())
	ok(t, "close again", f.Store.Close())
	if _, err := f.Store.Get(t.Context(), numbered(1).Key); err == nil {
		t.Error("a closed store was read")
	}
	if _, err := f.Store.Put(t.Context(), numbered(2)); err == nil {
		t.Error("a closed store was written")
	}
	failed := false
	for _, err := range f.Store.All(t.Context()) {
		failed = err != nil
	}
	if !failed {
		t.Error("a closed store was read as a whole")
	}
}
