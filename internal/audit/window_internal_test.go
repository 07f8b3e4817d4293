package audit

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// A read that found its window just before it ended, and counts just after, is counted
// in the next one.
func TestAWindowThatWasCollectedCountsNothing(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	k := deed{client: "orders", app: "shop", kind: broker.AccessToken, version: 7}
	c := broker.Caller{Client: &broker.Client{Name: "orders"}}
	e := broker.AuditEntry{Client: "orders", Action: "read"}
	w := r.current.Load()
	if !r.begin(w, k, e) || !w.count(k) {
		t.Fatal("an open window does not count")
	}
	r.end()
	if es := r.collectFull(); len(es) != 1 || es[0].Count != 2 {
		t.Fatalf("%+v", es)
	}
	other := k
	other.version = 8
	if w.count(k) || r.begin(w, k, e) || r.begin(w, other, e) {
		t.Error("a window counts that nobody will collect")
	}
	r.Read(c, k.app, k.kind, k.version)
	if es := r.current.Load().collectNew(); len(es) != 1 || es[0].Count != 1 {
		t.Errorf("the read after it: %+v", es)
	}
}
