package storecopy_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/memstore"
	"github.com/hufu-io/hufu/internal/store/storecopy"
)

// filled is a store as servers leave it, with n records.
func filled(t *testing.T, n int) *memstore.Store {
	t.Helper()
	s := empty(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		r := broker.Record{
			Key:     broker.Key{App: fmt.Sprintf("app-%d", i), Kind: broker.AccessToken},
			Current: broker.SealedToken{Version: 1, Box: []byte{1}, Issued: time.Unix(100, 5)},
			Failure: broker.Failure{Message: "a \x00 in the platform's words"},
		}
		for range i%3 + 1 {
			v, err := s.Put(t.Context(), r)
			must(err)
			r.Version = v
		}
		must(s.Audit().Append(t.Context(), broker.AuditEntry{Action: "renew", App: r.Key.App, Count: i}))
	}
	for i := range n / 2 {
		g := broker.Grant{
			Key:        broker.Key{App: "app-0", Kind: "snsapi_base", Subject: fmt.Sprintf("user \xff %d", i)},
			Box:        []byte{2},
			Authorized: time.Unix(100, 5),
			Failure:    broker.Failure{Message: "a \x00 in the platform's words"},
		}
		for range i%3 + 1 {
			v, err := s.Grants().Put(t.Context(), g)
			must(err)
			g.Version = v
		}
	}
	must(s.OneTime().Add(t.Context(), "code", []byte("value"), time.Hour))
	for _, ds := range []broker.DefinitionStore{s.Apps(), s.Clients()} {
		v, err := ds.Put(t.Context(), broker.Definition{Name: "a", Spec: []byte("{}"), Sealed: []byte{1}})
		must(err)
		_, err = ds.Put(t.Context(), broker.Definition{Name: "a", Version: v, Spec: []byte(`{"b":1}`)})
		must(err)
	}
	must(s.PutSetting(t.Context(), "keyset_proof", []byte("proof")))
	_, err := s.Acquire(t.Context(), "app-0/access_token", "one that died", time.Millisecond)
	must(err)
	return s
}

func empty(t *testing.T) *memstore.Store {
	t.Helper()
	s := memstore.New(memstore.Config{})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func run(t *testing.T, from, to broker.Movable, o storecopy.Options) (storecopy.Result, error) {
	t.Helper()
	o.Self = "copier"
	return storecopy.Copy(t.Context(), storecopy.End{Store: from, Name: "FROM"}, storecopy.End{Store: to, Name: "TO"}, o)
}

func records(t *testing.T, s broker.Store) map[broker.Key]broker.Record {
	t.Helper()
	all := map[broker.Key]broker.Record{}
	for r, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all[r.Key] = r
	}
	return all
}

func grants(t *testing.T, s broker.Store) map[broker.Key]broker.Grant {
	t.Helper()
	all := map[broker.Key]broker.Grant{}
	for g, err := range s.Grants().All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all[g.Key] = g
	}
	return all
}

func TestACopyIsTheSameWithItsVersions_I2_I5(t *testing.T) {
	t.Parallel()
	from, to := filled(t, 2500), empty(t)
	told := 0
	got, err := run(t, from, to, storecopy.Options{Progress: func(string, string, int) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	want := storecopy.Result{Begun: true, Counts: storecopy.Counts{Records: 2500, Apps: 1, Clients: 1, Settings: 1, Grants: 1250, Audit: 2500, Doubts: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(records(t, from), records(t, to)); diff != "" {
		t.Errorf("records (-from +to):\n%s", diff)
	}
	if diff := cmp.Diff(grants(t, from), grants(t, to)); diff != "" {
		t.Errorf("grants (-from +to):\n%s", diff)
	}
	if v, err := to.OneTime().Look(t.Context(), "code"); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("a one-time value was copied: %q, %v", v, err)
	}
	if told == 0 {
		t.Error("nobody was told how far it was")
	}
	if err := storecopy.Check(t.Context(), to); err != nil {
		t.Errorf("the copy is not good: %v", err)
	}
	l, err := to.Acquire(t.Context(), "app-0/access_token", "the next", time.Minute)
	if err != nil || l.Term != 2 || l.Abandoned.IsZero() {
		t.Errorf("the lease that one had who died is %+v, %v", l, err)
	}
	if alive, err := from.Beat(t.Context(), "server", 1, time.Hour); err != nil || len(alive) != 1 {
		t.Errorf("the copier is still on the list: %v, %v", alive, err)
	}
	if _, err := run(t, to, empty(t), storecopy.Options{}); err != nil {
		t.Errorf("the copy cannot be copied: %v", err)
	}
}

func TestTheAuditCanBeLeftOut(t *testing.T) {
	t.Parallel()
	to := empty(t)
	got, err := run(t, filled(t, 3), to, storecopy.Options{NoAudit: true})
	if err != nil || got.Audit != 0 || got.Records != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if es, err := to.Audit().Query(t.Context(), broker.AuditFilter{}); err != nil || len(es) != 0 {
		t.Errorf("%d entries, %v", len(es), err)
	}
}

func TestAStoreWithAnythingInItIsNotCopiedTo(t *testing.T) {
	t.Parallel()
	for what, put := range map[string]func(context.Context, *memstore.Store) error{
		"record": func(ctx context.Context, s *memstore.Store) error {
			_, err := s.Put(ctx, broker.Record{Key: broker.Key{App: "a", Kind: "k"}})
			return err
		},
		"grant": func(ctx context.Context, s *memstore.Store) error {
			_, err := s.Grants().Put(ctx, broker.Grant{Key: broker.Key{App: "a", Kind: "k", Subject: "u"}})
			return err
		},
		"app": func(ctx context.Context, s *memstore.Store) error {
			_, err := s.Apps().Put(ctx, broker.Definition{Name: "a"})
			return err
		},
		"client": func(ctx context.Context, s *memstore.Store) error {
			_, err := s.Clients().Put(ctx, broker.Definition{Name: "a"})
			return err
		},
		"setting": func(ctx context.Context, s *memstore.Store) error { return s.PutSetting(ctx, "a", nil) },
		"entry": func(ctx context.Context, s *memstore.Store) error {
			return s.Audit().Append(ctx, broker.AuditEntry{})
		},
		"lease": func(ctx context.Context, s *memstore.Store) error {
			_, err := s.Acquire(ctx, "a", "b", time.Nanosecond)
			return err
		},
	} {
		to := empty(t)
		if err := put(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		got, err := run(t, filled(t, 3), to, storecopy.Options{NoAudit: true})
		if !errors.Is(err, broker.ErrNotEmpty) || got.Begun || !strings.HasPrefix(err.Error(), "TO: ") {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
		if _, err := to.Setting(t.Context(), "keyset_proof"); err == nil {
			t.Errorf("%s: something was written", what)
		}
	}
}

func TestNothingIsNotCopied(t *testing.T) {
	t.Parallel()
	if got, err := run(t, empty(t), empty(t), storecopy.Options{}); !errors.Is(err, storecopy.ErrNothing) || got.Begun {
		t.Errorf("%+v, %v", got, err)
	}
}

// altered is a store whose tables are changed.
type altered struct {
	*memstore.Store
	change func(*broker.Tables)
}

func (a altered) Tables() broker.Tables {
	t := a.Store.Tables()
	a.change(&t)
	return t
}

// after lets so many through, and then breaks.
func after[T any](n int, seq iter.Seq2[T, error], broken error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range seq {
			if n--; n < 0 {
				var none T
				yield(none, broken)
				return
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

func TestAPartOfACopyDoesNotPassForTheWhole_I5(t *testing.T) {
	t.Parallel()
	gone := errors.New("the store has gone")
	from := filled(t, 2500)
	to := empty(t)
	broken := altered{from, func(ts *broker.Tables) {
		all := ts.Records.All
		ts.Records.All = func(ctx context.Context) iter.Seq2[broker.Record, error] { return after(1700, all(ctx), gone) }
	}}
	got, err := run(t, broken, to, storecopy.Options{})
	if !errors.Is(err, gone) || !got.Begun || got.Records != 1000 || got.Apps != 1 || !strings.Contains(err.Error(), "copy records") {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := storecopy.Check(t.Context(), to); !errors.Is(err, storecopy.ErrUnfinished) {
		t.Errorf("a server would start on it: %v", err)
	}
	if _, err := run(t, from, to, storecopy.Options{}); !errors.Is(err, storecopy.ErrUnfinished) {
		t.Errorf("once more to the same store: %v", err)
	}
	if _, err := run(t, to, empty(t), storecopy.Options{}); !errors.Is(err, storecopy.ErrPart) {
		t.Errorf("the part was copied on: %v", err)
	}
}

// What one server passes over, another one might read.
func TestARecordThatCannotBeDecodedIsNotLeftOut_I5(t *testing.T) {
	t.Parallel()
	from := filled(t, 10)
	to := empty(t)
	broken := altered{from, func(ts *broker.Tables) {
		all := ts.Records.All
		ts.Records.All = func(ctx context.Context) iter.Seq2[broker.Record, error] {
			return func(yield func(broker.Record, error) bool) {
				if yield(broker.Record{}, fmt.Errorf("read: %w", broker.ErrUndecodable)) {
					all(ctx)(yield)
				}
			}
		}
	}}
	if got, err := run(t, broken, to, storecopy.Options{}); !errors.Is(err, broker.ErrUndecodable) || got.Records != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := storecopy.Check(t.Context(), to); !errors.Is(err, storecopy.ErrUnfinished) {
		t.Errorf("a server would start on it: %v", err)
	}
}

func TestACopyThatDiffersIsNoticed(t *testing.T) {
	t.Parallel()
	// each changes what comes before it is stored, in one place.
	for what, change := range map[string]func(*broker.Tables){
		"a version": func(ts *broker.Tables) {
			ts.Records.Import = mapped(ts.Records.Import, 7, func(r *broker.Record) { r.Version++ })
		},
		"a box": func(ts *broker.Tables) {
			ts.Records.Import = mapped(ts.Records.Import, 7, func(r *broker.Record) { r.Current.Box = []byte{2} })
		},
		"a nanosecond": func(ts *broker.Tables) {
			ts.Records.Import = mapped(ts.Records.Import, 7, func(r *broker.Record) { r.Current.Issued = time.Unix(100, 6) })
		},
		"a grant's version": func(ts *broker.Tables) {
			ts.Grants.Import = mapped(ts.Grants.Import, 3, func(g *broker.Grant) { g.Version++ })
		},
		"a grant's user": func(ts *broker.Tables) {
			ts.Grants.Import = mapped(ts.Grants.Import, 3, func(g *broker.Grant) { g.Key.Subject = strings.ReplaceAll(g.Key.Subject, "\xff", "\xfe") })
		},
		"a grant's tokens": func(ts *broker.Tables) {
			ts.Grants.Import = mapped(ts.Grants.Import, 3, func(g *broker.Grant) { g.Box = nil })
		},
		"who renews a grant": func(ts *broker.Tables) {
			ts.Grants.Import = mapped(ts.Grants.Import, 3, func(g *broker.Grant) { g.Claim.Until = time.Unix(7, 0) })
		},
		"an app's version": func(ts *broker.Tables) {
			ts.Apps.Import = mapped(ts.Apps.Import, 0, func(d *broker.Definition) { d.Version-- })
		},
		"a client's secret": func(ts *broker.Tables) {
			ts.Clients.Import = mapped(ts.Clients.Import, 0, func(d *broker.Definition) { d.Sealed = []byte{9} })
		},
		"a setting": func(ts *broker.Tables) {
			ts.Settings.Import = mapped(ts.Settings.Import, 1, func(s *broker.Setting) { s.Value = nil })
		},
		"an entry": func(ts *broker.Tables) {
			ts.Audit.Import = mapped(ts.Audit.Import, 3, func(e *broker.AuditEntry) { e.Count = 99 })
		},
		"a lease": func(ts *broker.Tables) {
			ts.Doubts.Import = mapped(ts.Doubts.Import, 0, func(l *broker.Lease) { l.Term++ })
		},
		"the order of the audit": func(ts *broker.Tables) {
			store := ts.Audit.Import
			ts.Audit.Import = func(ctx context.Context, seq iter.Seq2[broker.AuditEntry, error]) (int, error) {
				var all []broker.AuditEntry
				for e, err := range seq {
					if err != nil {
						return 0, err
					}
					all = append(all, e)
				}
				slices.Reverse(all)
				return store(ctx, func(yield func(broker.AuditEntry, error) bool) {
					for _, e := range all {
						if !yield(e, nil) {
							return
						}
					}
				})
			}
		},
		"how many": func(ts *broker.Tables) {
			all := ts.Records.All
			ts.Records.All = func(ctx context.Context) iter.Seq2[broker.Record, error] {
				return func(yield func(broker.Record, error) bool) {
					n := 0
					for r, err := range all(ctx) {
						if n++; n > 9 || !yield(r, err) {
							return
						}
					}
				}
			}
		},
	} {
		to := empty(t)
		_, err := run(t, filled(t, 10), altered{to, change}, storecopy.Options{})
		if !errors.Is(err, storecopy.ErrDiffers) {
			t.Errorf("%s: %v", what, err)
		}
		if err := storecopy.Check(t.Context(), to); !errors.Is(err, storecopy.ErrUnfinished) {
			t.Errorf("%s: a server would start on it: %v", what, err)
		}
	}
}

type importer[T any] = func(context.Context, iter.Seq2[T, error]) (int, error)

// mapped changes the nth that comes.
func mapped[T any](store importer[T], n int, change func(*T)) importer[T] {
	return func(ctx context.Context, seq iter.Seq2[T, error]) (int, error) {
		return store(ctx, func(yield func(T, error) bool) {
			i := 0
			for v, err := range seq {
				if i == n {
					change(&v)
				}
				i++
				if !yield(v, err) {
					return
				}
			}
		})
	}
}

func TestACopyEndsWhenItIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	to := empty(t)
	got, err := storecopy.Copy(ctx, storecopy.End{Store: filled(t, 3000), Name: "FROM"}, storecopy.End{Store: to, Name: "TO"},
		storecopy.Options{Self: "copier", Progress: func(_, table string, _ int) {
			if table == "records" {
				cancel()
			}
		}})
	if !errors.Is(err, context.Canceled) || !got.Begun || got.Audit != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if alive, err := to.Beat(t.Context(), "server", 1, time.Hour); err != nil || len(alive) != 1 {
		t.Errorf("the copier is still on the list: %v, %v", alive, err)
	}
}
