package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) definitions() []test {
	var tests []test
	for _, sort := range []struct {
		name string
		of   func(broker.Store) broker.DefinitionStore
	}{{"Apps", broker.Store.Apps}, {"Clients", broker.Store.Clients}} {
		tests = append(
			tests,
			test{sort.name + "ComeBackAndGo", func(t *testing.T) { s.definitionLife(t, sort.of) }},
			test{sort.name + "AreComparedAndSwapped", func(t *testing.T) { s.definitionConflict(t, sort.of) }},
			test{sort.name + "AreCopies", func(t *testing.T) { s.definitionCopies(t, sort.of) }},
			test{sort.name + "OutlastARestart", func(t *testing.T) { s.definitionRestart(t, sort.of) }},
		)
	}
	return append(tests, test{"AppsAndClientsAreKeptApart_I8", s.sortsApart})
}

func definition(name string) broker.Definition {
	return broker.Definition{
		Name:   name,
		Spec:   fmt.Appendf(nil, `{"name": %q, "说明": "it's \"100%%\"", "n": 1.50}`, name),
		Sealed: []byte("\x00\xffsealed of " + name),
	}
}

func allDefinitions(t testing.TB, ds broker.DefinitionStore) map[string]broker.Definition {
	t.Helper()
	return collect(t, ds.All(t.Context()), func(d broker.Definition) string { return d.Name })
}

func putDefinition(t testing.TB, ds broker.DefinitionStore, d broker.Definition) broker.Definition {
	t.Helper()
	v, err := ds.Put(t.Context(), d)
	ok(t, "put definition", err)
	if v != d.Version+1 {
		t.Fatalf("put of %q at version %d gave version %d", d.Name, d.Version, v)
	}
	d.Version = v
	return d
}

func (s suite) definitionLife(t *testing.T, of func(broker.Store) broker.DefinitionStore) {
	f := s.Open(t)
	ds, other := of(f.Store), of(f.Handle())
	check(t, "all of none", map[string]broker.Definition{}, allDefinitions(t, ds))
	_, err := ds.Get(t.Context(), "shop")
	wantErr(t, "get of none", err, broker.ErrNotFound)
	wantErr(t, "delete of none", ds.Delete(t.Context(), "shop", 1), broker.ErrNotFound)

	want := map[string]broker.Definition{}
	for _, name := range []string{"shop", "Shop", "shop ", "shop'; --", "商店", "a/b", "%", `"`, `\`} {
		want[name] = putDefinition(t, ds, definition(name))
	}
	bare := broker.Definition{Name: "bare", Spec: []byte("{}")}
	want["bare"] = putDefinition(t, ds, bare)
	check(t, "all", want, allDefinitions(t, other))
	for name, d := range want {
		got, err := other.Get(t.Context(), name)
		ok(t, "get", err)
		check(t, "get", d, got)
		want[name] = putDefinition(t, ds, broker.Definition{Name: name, Version: d.Version, Spec: []byte("[]")})
	}
	check(t, "all after every one was written again", want, allDefinitions(t, ds))
	for name, d := range want {
		ok(t, "delete", ds.Delete(t.Context(), name, d.Version))
		delete(want, name)
		check(t, "all but the deleted", want, allDefinitions(t, ds))
	}
}

func (s suite) definitionConflict(t *testing.T, of func(broker.Store) broker.DefinitionStore) {
	f := s.Open(t)
	ds := of(f.Store)
	d := putDefinition(t, ds, putDefinition(t, ds, definition("shop")))
	for _, v := range []broker.Version{0, d.Version - 1, d.Version + 1, -1} {
		_, err := ds.Put(t.Context(), broker.Definition{Name: d.Name, Version: v, Spec: []byte("1")})
		wantErr(t, "put", err, broker.ErrConflict)
		wantErr(t, "delete", ds.Delete(t.Context(), d.Name, v), broker.ErrConflict)
	}
	_, err := ds.Put(t.Context(), broker.Definition{Name: "new", Version: 1, Spec: []byte("1")})
	wantErr(t, "put of a new one at version 1", err, broker.ErrConflict)
	check(t, "all", map[string]broker.Definition{d.Name: d}, allDefinitions(t, ds))

	winners := race(t, f, broker.ErrConflict, func(st broker.Store, i int) error {
		_, err := of(st).Put(t.Context(), broker.Definition{Name: d.Name, Version: d.Version, Spec: fmt.Append(nil, i)})
		return err
	})
	requireOne(t, winners)
	got, err := ds.Get(t.Context(), d.Name)
	ok(t, "get", err)
	check(t, "get", broker.Definition{Name: d.Name, Version: d.Version + 1, Spec: fmt.Append(nil, winners[0])}, got)
}

func (s suite) definitionCopies(t *testing.T, of func(broker.Store) broker.DefinitionStore) {
	ds := of(s.Open(t).Store)
	d, want := definition("shop"), definition("shop")
	want.Version = putDefinition(t, ds, d).Version
	d.Spec[0], d.Sealed[0] = 'X', 'X'
	for range 2 {
		got, err := ds.Get(t.Context(), "shop")
		ok(t, "get", err)
		check(t, "get", want, got)
		got.Spec[0], got.Sealed[0] = 'X', 'X'
		for got, err := range ds.All(t.Context()) {
			ok(t, "all", err)
			check(t, "all", want, got)
			got.Spec[0], got.Sealed[0] = 'X', 'X'
			break
		}
	}
}

func (s suite) definitionRestart(t *testing.T, of func(broker.Store) broker.DefinitionStore) {
	f := s.Open(t)
	d := putDefinition(t, of(f.Store), definition("shop"))
	check(t, "all", map[string]broker.Definition{"shop": d}, allDefinitions(t, of(s.reopened(t, f))))
}

func (s suite) sortsApart(t *testing.T) {
	st := s.Open(t).Store
	app := putDefinition(t, st.Apps(), definition("shop"))
	_, err := st.Clients().Get(t.Context(), "shop")
	wantErr(t, "get client", err, broker.ErrNotFound)
	client := putDefinition(t, st.Clients(), broker.Definition{Name: "shop", Spec: []byte(`"client"`)})
	ok(t, "delete app", st.Apps().Delete(t.Context(), "shop", app.Version))
	if _, err := st.Apps().Get(t.Context(), "shop"); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("get app: %v", err)
	}
	check(t, "clients", map[string]broker.Definition{"shop": client}, allDefinitions(t, st.Clients()))
}
