package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) grants() []test {
	return []test{
		{"AMissingGrantIsNotFound", s.missingGrant},
		{"EveryFieldComesBack", s.everyFieldOfGrant},
		{"ZeroFieldsStayZero", s.zeroFieldsOfGrant},
		{"ExtremesComeBack", s.extremesOfGrant},
		{"TextFromOutsideNeverStopsAWrite", s.hostileTextOfGrant},
		{"ErrorsOfGrantsNameNoUser", s.errorsOfGrants},
		{"APutReplacesTheWholeGrant", s.replaceGrant},
		{"APutAtAnotherVersionIsAConflictAndChangesNothing", s.conflictOfGrants},
		{"ADeleteIsForItsVersionOnly", s.removeGrant},
		{"ADeletedGrantStartsAgainAtVersionOne", s.grantAgain},
		{"GrantsAreCopies", s.copiesOfGrants},
		{"HostileKeysAreKeptApart_I8", s.hostileGrants},
		{"AnIncompleteKeyIsRefused", s.incompleteGrant},
		{"AGrantIsNoRecord_I8", s.grantIsNoRecord},
		{"AllYieldsEveryGrantOnce", s.everyGrant},
		{"AllStopsWhereItsReaderStops", s.grantsStopEarly},
		{"AllLetsReadsAndWritesThrough", s.allGrantsAndWrites},
		{"GrantsOutlastARestart_I5", s.grantsOutlast},
		{"GrantsAreNoNews", s.grantsAreNoNews},
		{"OfManyFirstPutsOneWins", s.firstGrants},
		{"OfManyPutsAtOneVersionOneWins", s.grantsAtOneVersion},
		{"OfPutAndDeleteAtOneVersionOneWins", s.putAndDeleteGrant},
		{"PutsThatAreCutShortLeaveWholeGrants", s.grantsCutShort},
		{"PagesComeInTheOrderOfBytes", s.pageOrder},
		{"PagesGoOnWithinAUserAndToTheNext", s.pagesAcrossUsers},
		{"APageStartsWhereNothingNeedBe", s.pageAfterNothing},
		{"APageShowsOneAppOnly_I8", s.pageOfOneApp},
		{"ManyPagesShowEveryGrantOnce", s.manyPages},
	}
}

func grantKey(app, user string, kind broker.Kind) broker.Key {
	return broker.Key{App: app, Kind: kind, Subject: user}
}

func grantOf(user string) broker.Grant {
	return broker.Grant{Key: grantKey("shop", user, "snsapi_base"), Box: []byte("box of " + user)}
}

// fullGrant returns a grant in which no field is zero but the version.
func fullGrant(user string) broker.Grant {
	r := full("shop")
	return broker.Grant{
		Key: grantKey("shop", user, "snsapi_userinfo"), Box: r.Current.Box, Token: 41,
		UnionID: "o6_bmasdasdsad6_2sgVt7hMZOPfL", Scope: "snsapi_userinfo,snsapi_base", Snapshot: true,
		Authorized: r.Current.Issued, Issued: r.Current.Expiry, Expiry: r.Current.Until,
		Deadline: r.Previous.Issued, Ended: r.Previous.Expiry, Failure: r.Failure,
		Claim: broker.RenewalClaim{Holder: "host-17/4711", Until: r.Previous.Until}, Source: r.Source,
	}
}

func putGrant(t testing.TB, st broker.Store, g broker.Grant) broker.Grant {
	t.Helper()
	v, err := st.Grants().Put(t.Context(), g)
	ok(t, "put grant", err)
	if v != g.Version+1 {
		t.Fatalf("put of %q at version %d gave version %d", g.Key, g.Version, v)
	}
	g.Version = v
	return g
}

func getGrant(t testing.TB, st broker.Store, k broker.Key) broker.Grant {
	t.Helper()
	g, err := st.Grants().Get(t.Context(), k)
	ok(t, "get grant", err)
	return g
}

func allGrants(t testing.TB, st broker.Store) map[broker.Key]broker.Grant {
	t.Helper()
	return collect(t, st.Grants().All(t.Context()), func(g broker.Grant) broker.Key { return g.Key })
}

func (s suite) missingGrant(t *testing.T) {
	st := s.Open(t).Store
	g := grantOf("nobody")
	_, err := st.Grants().Get(t.Context(), g.Key)
	wantErr(t, "get", err, broker.ErrNotFound)
	wantErr(t, "delete", st.Grants().Delete(t.Context(), g.Key, 1), broker.ErrNotFound)
	g.Version = 1
	_, err = st.Grants().Put(t.Context(), g)
	wantErr(t, "put at version 1", err, broker.ErrConflict)
	check(t, "all", map[broker.Key]broker.Grant{}, allGrants(t, st))
	check(t, "page", nil, page(t, st, "shop", broker.Key{}, 10))
}

func (s suite) everyFieldOfGrant(t *testing.T) {
	f := s.Open(t)
	want := putGrant(t, f.Store, fullGrant("every"))
	requireNoZero(t, reflect.ValueOf(want), "Grant")
	check(t, "get", want, getGrant(t, f.Handle(), want.Key))
	check(t, "all", map[broker.Key]broker.Grant{want.Key: want}, allGrants(t, f.Store))
	check(t, "page", []broker.Grant{want}, page(t, f.Store, "shop", broker.Key{}, 10))
	// A later write goes another way.
	want = putGrant(t, f.Store, want)
	check(t, "get", want, getGrant(t, f.Store, want.Key))
}

func (s suite) zeroFieldsOfGrant(t *testing.T) {
	st := s.Open(t).Store
	want := broker.Grant{Key: grantKey("shop", "zero", "snsapi_base"), Deadline: time.Time{}.In(time.FixedZone("", 3600))}
	want = putGrant(t, st, want)
	got := getGrant(t, st, want.Key)
	check(t, "get", broker.Grant{Key: want.Key, Version: 1}, got)
	if !got.Authorized.IsZero() || !got.Deadline.IsZero() || !got.Claim.Until.IsZero() || !got.Failure.IsZero() || len(got.Box) != 0 {
		t.Errorf("zero fields came back as %+v", got)
	}
}

func (s suite) extremesOfGrant(t *testing.T) {
	st := s.Open(t).Store
	g := fullGrant("extremes")
	g.Token = math.MaxInt64
	g.Failure.Attempts = math.MaxInt32
	g.Issued = time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC)
	g.Expiry = time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC)
	g.Deadline = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	g.Box = make([]byte, 64<<10)
	for i := range g.Box {
		g.Box[i] = byte(i)
	}
	g = putGrant(t, st, g)
	check(t, "get", g, getGrant(t, st, g.Key))
	g.Deadline = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	g = putGrant(t, st, g)
	if got := getGrant(t, st, g.Key); got.Deadline.Before(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the year 9999 came back as %v", got.Deadline)
	}
}

func (s suite) hostileTextOfGrant(t *testing.T) {
	st := s.Open(t).Store
	for i, text := range []string{"nul\x00byte", "bad \xff\xfe utf-8", "\xc3", "😀\u202e", "'; DROP TABLE grants; --"} {
		g := grantOf(fmt.Sprint(i))
		g.Scope, g.UnionID, g.Claim.Holder = "said "+text, text, text
		g.Failure = broker.Failure{Attempts: 1, Message: text, PlatformMessage: text, Code: text}
		g = putGrant(t, st, putGrant(t, st, g))
		if got := getGrant(t, st, g.Key); !strings.HasPrefix(got.Scope, "said ") {
			t.Errorf("text %q came back as %q", g.Scope, got.Scope)
		}
	}
	check(t, "grants", 5, len(allGrants(t, st)))
}

func (s suite) replaceGrant(t *testing.T) {
	st := s.Open(t).Store
	g := putGrant(t, st, fullGrant("replace"))
	// As one that has ended is written.
	g = putGrant(t, st, broker.Grant{Key: g.Key, Version: g.Version, Ended: g.Ended})
	check(t, "get", g, getGrant(t, st, g.Key))
	g.Box = []byte("new")
	g = putGrant(t, st, g)
	check(t, "get", g, getGrant(t, st, g.Key))
	check(t, "version", 3, g.Version)
}

func (s suite) conflictOfGrants(t *testing.T) {
	f := s.Open(t)
	st, other := f.Store, f.Handle()
	g := putGrant(t, other, putGrant(t, st, fullGrant("conflict")))
	for _, v := range []broker.Version{0, g.Version - 1, g.Version + 1, -1, math.MaxInt64 - 1} {
		_, err := st.Grants().Put(t.Context(), broker.Grant{Key: g.Key, Version: v})
		wantErr(t, fmt.Sprintf("put at version %d", v), err, broker.ErrConflict)
		wantErr(t, fmt.Sprintf("delete at version %d", v), st.Grants().Delete(t.Context(), g.Key, v), broker.ErrConflict)
	}
	check(t, "get", g, getGrant(t, st, g.Key))
	check(t, "page by the other", []broker.Grant{g}, page(t, other, "shop", broker.Key{}, 10))
}

func (s suite) removeGrant(t *testing.T) {
	st := s.Open(t).Store
	g, stays := putGrant(t, st, fullGrant("remove")), putGrant(t, st, fullGrant("stays"))
	ok(t, "delete", st.Grants().Delete(t.Context(), g.Key, g.Version))
	_, err := st.Grants().Get(t.Context(), g.Key)
	wantErr(t, "get", err, broker.ErrNotFound)
	wantErr(t, "delete again", st.Grants().Delete(t.Context(), g.Key, g.Version), broker.ErrNotFound)
	_, err = st.Grants().Put(t.Context(), g)
	wantErr(t, "put of what was deleted", err, broker.ErrConflict)
	check(t, "all", map[broker.Key]broker.Grant{stays.Key: stays}, allGrants(t, st))
	check(t, "page", []broker.Grant{stays}, page(t, st, "shop", broker.Key{}, 10))
}

func (s suite) grantAgain(t *testing.T) {
	st := s.Open(t).Store
	g := putGrant(t, st, putGrant(t, st, fullGrant("again")))
	ok(t, "delete", st.Grants().Delete(t.Context(), g.Key, g.Version))
	g.Version = 0
	g = putGrant(t, st, g)
	check(t, "get", g, getGrant(t, st, g.Key))
	check(t, "page", []broker.Grant{g}, page(t, st, "shop", broker.Key{}, 10))
}

func (s suite) copiesOfGrants(t *testing.T) {
	st := s.Open(t).Store
	g := fullGrant("copies")
	want := g.Clone()
	want.Version = 1
	putGrant(t, st, g)
	g.Box[0] = 'X'
	got := getGrant(t, st, g.Key)
	check(t, "get after the caller changed what it had put", want, got)
	got.Box[1] = 'Y'
	for _, g := range page(t, st, "shop", broker.Key{}, 10) {
		check(t, "page after the caller changed what it got", want, g)
		g.Box[2] = 'Z'
	}
	for g, err := range st.Grants().All(t.Context()) {
		ok(t, "all", err)
		check(t, "all after the caller changed a page", want, g)
		g.Box[3] = 'A'
	}
	check(t, "get after the caller changed what all yielded", want, getGrant(t, st, g.Key))
}

// hostileGrantKeys are odd in each of their parts.
func hostileGrantKeys() []broker.Key {
	seen := map[broker.Key]bool{}
	var keys []broker.Key
	add := func(k broker.Key) {
		if k.Subject != "" && !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	for _, k := range hostileKeys() {
		add(k)
		add(grantKey("a", k.Subject, "b")) // many of one app
	}
	// Bytes that whoever puts a key together might use himself.
	odd := []string{"\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01", "\x01\x00", "a\x00", "a\x00\x00", "a\x00b", "a\x01", "\xff", "\xff\x00", "\xff\xff"}
	for _, subject := range odd {
		for _, kind := range odd {
			add(grantKey("a", subject, broker.Kind(kind)))
		}
		add(grantKey("a"+subject, "c", "b"))
	}
	for _, long := range []string{strings.Repeat("k", 1000), strings.Repeat("k", 999) + "l"} {
		add(grantKey("a", "c", broker.Kind(long)))
		add(grantKey("a", long, "b"))
	}
	return keys
}

func (s suite) hostileGrants(t *testing.T) {
	st := s.Open(t).Store
	want := map[broker.Key]broker.Grant{}
	for _, k := range hostileGrantKeys() {
		want[k] = putGrant(t, st, broker.Grant{Key: k, Box: []byte(k.String())})
	}
	check(t, "all", want, allGrants(t, st))
	for k, g := range want {
		check(t, "get", g, getGrant(t, st, k))
		want[k] = putGrant(t, st, g)
	}
	check(t, "all after every grant was written again", want, allGrants(t, st))
	for k, g := range want {
		ok(t, "delete", st.Grants().Delete(t.Context(), k, g.Version))
		delete(want, k)
		if len(want)%64 == 0 {
			check(t, "all but the deleted", want, allGrants(t, st))
		}
	}
}

func (s suite) incompleteGrant(t *testing.T) {
	st := s.Open(t).Store
	for _, k := range []broker.Key{{}, {App: "a"}, {App: "a", Kind: "b"}, {App: "a", Subject: "c"}, {Kind: "b", Subject: "c"}} {
		if _, err := st.Grants().Put(t.Context(), broker.Grant{Key: k}); err == nil {
			t.Errorf("a grant was stored under the key %#v", k)
		}
	}
	check(t, "all", map[broker.Key]broker.Grant{}, allGrants(t, st))
}

func (s suite) grantIsNoRecord(t *testing.T) {
	st := s.Open(t).Store
	k := grantKey("shop", "user", "snsapi_base")
	g := putGrant(t, st, broker.Grant{Key: k, Box: []byte("grant")})
	_, err := st.Get(t.Context(), k)
	wantErr(t, "get of a record", err, broker.ErrNotFound)
	r := put(t, st, broker.Record{Key: k, Current: broker.SealedToken{Version: 1, Box: []byte("record")}})
	check(t, "grant", g, getGrant(t, st, k))
	ok(t, "delete of the grant", st.Grants().Delete(t.Context(), k, 1))
	check(t, "record", r, get(t, st, k))
}

func (s suite) everyGrant(t *testing.T) {
	f := s.Open(t)
	check(t, "all of none", map[broker.Key]broker.Grant{}, allGrants(t, f.Store))
	want := map[broker.Key]broker.Grant{}
	for i := range 250 {
		g := grantOf(fmt.Sprintf("user-%d", i))
		if i%3 == 0 {
			g = fullGrant(g.Key.Subject)
		}
		g.Key.App = fmt.Sprintf("app-%d", i%5)
		want[g.Key] = putGrant(t, f.Store, g)
	}
	seq := f.Handle().Grants().All(t.Context())
	for range 2 { // a sequence may be ranged over again
		check(t, "all", want, collect(t, seq, func(g broker.Grant) broker.Key { return g.Key }))
	}
}

func (s suite) grantsStopEarly(t *testing.T) {
	st := s.Open(t).Store
	for i := range 20 {
		putGrant(t, st, grantOf(fmt.Sprint(i)))
	}
	for n := range 30 { // more often than a store has connections
		seen := 0
		for _, err := range st.Grants().All(t.Context()) {
			ok(t, "all", err)
			if seen++; seen > n%5 {
				break
			}
		}
		check(t, "seen", n%5+1, seen)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	last := error(nil)
	for _, err := range st.Grants().All(ctx) {
		last = err
		cancel()
	}
	wantErr(t, "all under a context that ends", last, context.Canceled)
}

// As tokens are sealed anew.
func (s suite) allGrantsAndWrites(t *testing.T) {
	st := s.Open(t).Store
	for i := range 50 {
		putGrant(t, st, grantOf(fmt.Sprint(i)))
	}
	for g, err := range st.Grants().All(t.Context()) {
		ok(t, "all", err)
		if g.Version == 1 {
			putGrant(t, st, getGrant(t, st, g.Key))
		}
	}
	for k, g := range allGrants(t, st) {
		if g.Version != 2 {
			t.Errorf("%q is at version %d", k, g.Version)
		}
	}
}

func (s suite) grantsOutlast(t *testing.T) {
	f := s.Open(t)
	want := map[broker.Key]broker.Grant{}
	for i := range 20 {
		g := putGrant(t, f.Store, fullGrant(fmt.Sprintf("user-%02d", i)))
		want[g.Key] = g
	}
	gone := putGrant(t, f.Store, grantOf("gone"))
	ok(t, "delete", f.Store.Grants().Delete(t.Context(), gone.Key, 1))
	st := s.reopened(t, f)
	check(t, "all", want, allGrants(t, st))
	check(t, "page", 20, len(page(t, st, "shop", broker.Key{}, 100)))
	if _, err := f.Store.Grants().Get(t.Context(), gone.Key); err == nil || errors.Is(err, broker.ErrNotFound) {
		t.Errorf("a closed store was read: %v", err)
	}
}

func (s suite) grantsAreNoNews(t *testing.T) {
	f := s.Open(t)
	if s.Skip.Fleet != "" {
		t.Skip(s.Skip.Fleet)
	}
	changes := f.Handle().(broker.Notifier).Watch(t.Context())
	g := putGrant(t, f.Store, grantOf("user"))
	ok(t, "delete", f.Store.Grants().Delete(t.Context(), g.Key, 1))
	want := put(t, f.Store, numbered(3))
	for c, err := range changes {
		ok(t, "watch", err)
		check(t, "the first change that was told of", broker.Change{Record: &want}, c)
		break
	}
}
