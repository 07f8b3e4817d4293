package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) machines() []test {
	return []test{
		{"RecordsFollowTheModel", s.recordMachine},
		{"LeasesFollowTheModel", s.leaseMachine},
	}
}

// recordMachine does random things to a few records through two handles, and
// compares the store with a map after each.
func (s suite) recordMachine(t *testing.T) {
	f := s.Open(t)
	handles := []broker.Store{f.Store, f.Handle()}
	var runs atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		// One store serves all runs; each has keys of its own.
		run := fmt.Sprintf("run-%d", runs.Add(1))
		model := map[broker.Key]broker.Record{}
		handle := func(t *rapid.T) broker.Store { return rapid.SampledFrom(handles).Draw(t, "handle") }
		key := func(t *rapid.T) broker.Key {
			return broker.Key{
				App: run, Kind: rapid.SampledFrom([]broker.Kind{"a", "b"}).Draw(t, "kind"),
				Subject: rapid.SampledFrom([]string{"", "s", "s/t"}).Draw(t, "subject"),
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				r := drawRecord(t, key(t))
				old := model[r.Key].Version
				r.Version = max(old+broker.Version(rapid.SampledFrom([]int{0, 0, 0, 0, -1, 1}).Draw(t, "off by")), 0)
				v, err := handle(t).Put(t.Context(), r)
				if r.Version != old {
					rapidErr(t, "put", err, broker.ErrConflict)
					return
				}
				rapidErr(t, "put", err, nil)
				if v != old+1 {
					t.Fatalf("put at version %d gave %d", old, v)
				}
				r.Version = v
				model[r.Key] = r
			},
			"delete": func(t *rapid.T) {
				k := key(t)
				old, found := model[k]
				v := old.Version + broker.Version(rapid.SampledFrom([]int{0, 0, 1}).Draw(t, "off by"))
				err := handle(t).Delete(t.Context(), k, v)
				switch {
				case !found:
					rapidErr(t, "delete", err, broker.ErrNotFound)
				case v != old.Version:
					rapidErr(t, "delete", err, broker.ErrConflict)
				default:
					rapidErr(t, "delete", err, nil)
					delete(model, k)
				}
			},
			"get": func(t *rapid.T) {
				k := key(t)
				got, err := handle(t).Get(t.Context(), k)
				if want, found := model[k]; found {
					rapidErr(t, "get", err, nil)
					rapidSame(t, want, got)
				} else {
					rapidErr(t, "get", err, broker.ErrNotFound)
				}
			},
			"all": func(t *rapid.T) {
				got := map[broker.Key]broker.Record{}
				for r, err := range handle(t).All(t.Context()) {
					rapidErr(t, "all", err, nil)
					if r.Key.App == run {
						got[r.Key] = r
					}
				}
				rapidSame(t, model, got)
			},
		})
		for k, r := range model {
			rapidErr(t, "delete", f.Store.Delete(t.Context(), k, r.Version), nil)
		}
	})
}

func drawRecord(t *rapid.T, k broker.Key) broker.Record {
	at := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return time.UnixMicro(rapid.Int64Range(1, 1<<52).Draw(t, "µs"))
	})
	box := rapid.SliceOfN(rapid.Byte(), 0, 40)
	version := rapid.Custom(func(t *rapid.T) broker.Version { return broker.Version(rapid.Int64Min(0).Draw(t, "n")) })
	count := rapid.IntRange(0, 1<<30)
	token := rapid.Custom(func(t *rapid.T) broker.SealedToken {
		return broker.SealedToken{
			Version: version.Draw(t, "version"), Box: box.Draw(t, "box"),
			Issued: at.Draw(t, "issued"), Expiry: at.Draw(t, "expiry"), Until: at.Draw(t, "until"),
		}
	})
	r := broker.Record{
		Key: k, Current: token.Draw(t, "current"), Previous: token.Draw(t, "previous"),
		Due: at.Draw(t, "due"), Rejected: version.Draw(t, "rejected"),
	}
	// No text is drawn with a NUL, which stores may replace.
	words := rapid.StringMatching(`[^\x00]{0,20}`)
	if rapid.Bool().Draw(t, "failed") {
		r.Failure = broker.Failure{
			Class: broker.Transient, Code: "code", Message: words.Draw(t, "message"), Attempts: count.Draw(t, "attempts"),
			First: at.Draw(t, "first"), Last: at.Draw(t, "last"), UnknownAt: at.Draw(t, "unknown"),
		}
		r.Budget = broker.Budget{Day: count.Draw(t, "day"), Issues: count.Draw(t, "issues"), LastForced: at.Draw(t, "forced")}
		r.Foreign.Count = count.Draw(t, "foreign")
	}
	r.Secret, r.Source = words.Draw(t, "secret"), words.Draw(t, "source")
	if rapid.Bool().Draw(t, "refreshes") {
		r.Refresh, r.Seed = box.Draw(t, "refresh"), words.Draw(t, "seed")
	}
	return r
}

// leaseMachine takes, extends and releases leases by several holders while time
// passes. Of one name no two are ever held at once (I1).
func (s suite) leaseMachine(t *testing.T) {
	if s.Skip.LeaseMachine != "" {
		t.Skip(s.Skip.LeaseMachine)
	}
	f := s.Open(t)
	handles := []broker.Store{f.Store, f.Handle()}
	var runs atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		name := fmt.Sprintf("run-%d", runs.Add(1))
		handle := func(t *rapid.T) broker.Store { return rapid.SampledFrom(handles).Draw(t, "handle") }
		clock := func(t *rapid.T) time.Time {
			now, err := f.Store.Clock(t.Context())
			rapidErr(t, "clock", err, nil)
			return now
		}
		var given []broker.Lease // all that were ever acquired
		var end time.Time        // of the last of them; zero once it is released
		released := true
		var since time.Time // there has been no clean release
		held := func(t *rapid.T) bool { return !released && clock(t).Before(end) }
		pick := func(t *rapid.T) (l broker.Lease, last bool) {
			if len(given) == 0 {
				t.Skip("no lease was acquired yet")
			}
			i := len(given) - 1 - rapid.IntRange(0, min(2, len(given)-1)).Draw(t, "back")
			return given[i], i == len(given)-1
		}
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(t *rapid.T) {
				wasHeld := held(t)
				holder := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "holder")
				l, err := handle(t).Acquire(t.Context(), name, holder, s.TTL)
				if wasHeld {
					rapidErr(t, "acquire", err, broker.ErrLeaseHeld)
					return
				}
				rapidErr(t, "acquire", err, nil)
				abandoned := time.Time{}
				if !released {
					abandoned = since
				}
				rapidSame(t, broker.Lease{
					Name: name, Holder: holder, Term: int64(len(given)) + 1,
					Acquired: l.Acquired, Expiry: l.Acquired.Add(s.TTL), Abandoned: abandoned,
				}, l)
				if released {
					since = l.Acquired
				}
				given, end, released = append(given, l), l.Expiry, false
			},
			"extend": func(t *rapid.T) {
				l, last := pick(t)
				want := broker.ErrLeaseLost
				if last && held(t) {
					want = nil
				}
				rapidErr(t, "extend", handle(t).Extend(t.Context(), l, 2*s.TTL), want)
				if want == nil {
					end = clock(t).Add(2 * s.TTL)
				}
			},
			"release": func(t *rapid.T) {
				l, last := pick(t)
				want := broker.ErrLeaseLost
				if last && held(t) {
					want = nil
				}
				rapidErr(t, "release", handle(t).Release(t.Context(), l), want)
				released = released || want == nil
			},
			"time": func(t *rapid.T) {
				f.Advance(s.TTL * time.Duration(rapid.IntRange(0, 4).Draw(t, "quarters")) / 4)
			},
		})
	})
}
