package recent_test

import (
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/recent"
)

// has reports whether a map has a key, without using it.
func has(m *recent.Map[int, string], k int) (known bool) {
	m.Update(k, func(_ string, is bool) (string, bool) {
		known = is
		return "", false
	})
	return known
}

// size counts the keys below n that a map has, without using them.
func size(m *recent.Map[int, string], n int) int {
	count := 0
	for k := range n {
		if has(m, k) {
			count++
		}
	}
	return count
}

func TestAMapKeepsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	m := recent.New[string, int](10)
	if v, ok := m.Get("a"); ok || v != 0 {
		t.Errorf("an empty map has %d", v)
	}
	m.Set("a", 1)
	m.Set("a", 2)
	m.Set("zero", 0)
	if v, ok := m.Get("a"); !ok || v != 2 {
		t.Errorf("%d, %t", v, ok)
	}
	if v, ok := m.Get("zero"); !ok || v != 0 {
		t.Errorf("%d, %t", v, ok)
	}
}

func TestAMapIsBoundedAndForgetsWhatIsNotUsed(t *testing.T) {
	t.Parallel()
	const most, others = 100, 10_000
	m := recent.New[int, string](most)
	m.Set(-1, "used")
	m.Set(-2, "unused")
	for k := range others {
		m.Set(k, "other")
		if v, ok := m.Get(-1); !ok || v != "used" {
			t.Fatalf("after %d others: %q, %t", k+1, v, ok)
		}
		if before := k - most/2 + 2; before >= 0 && !has(m, before) {
			t.Fatalf("%d is forgotten when %d is set", before, k)
		}
	}
	if _, ok := m.Get(-2); ok {
		t.Error("what nobody uses is kept")
	}
	if n := size(m, others); n > most || n < most/2-1 {
		t.Errorf("%d keys, want at most %d", n, most)
	}
}

func TestASmallMapHoldsTheLastKey(t *testing.T) {
	t.Parallel()
	for bound := range 3 {
		m := recent.New[int, string](bound)
		for k := range 10 {
			m.Set(k, "x")
			if _, ok := m.Get(k); !ok {
				t.Errorf("of %d: %d is forgotten at once", bound, k)
			}
		}
		if n := size(m, 10); n > 2 {
			t.Errorf("of %d: %d keys", bound, n)
		}
	}
}

// An old value is replaced, and does not come back when the newer one is dropped.
func TestAnUpdateSeesTheValueOfEitherGeneration(t *testing.T) {
	t.Parallel()
	m := recent.New[int, string](4)
	set := func(to string, keep bool) (was string) {
		m.Update(0, func(v string, known bool) (string, bool) {
			if known != (v != "") {
				t.Errorf("%q is known: %t", v, known)
			}
			was = v
			return to, keep
		})
		return was
	}
	if was := set("a", false); was != "" {
		t.Errorf("an empty map has %q", was)
	}
	if was := set("b", true); was != "" {
		t.Errorf("what was not to be kept is: %q", was)
	}
	m.Set(1, "x")
	m.Set(2, "x") // now 0 is in the older generation
	if was := set("c", false); was != "b" {
		t.Errorf("%q of the older generation, want b", was)
	}
	if was := set("d", true); was != "b" {
		t.Errorf("%q, want b", was)
	}
	if was := set("e", true); was != "d" {
		t.Errorf("%q, want d", was)
	}
	for k := range 4 {
		m.Set(3+k, "x")
	}
	if v, ok := m.Get(0); ok {
		t.Errorf("%q came back", v)
	}
}

func TestAMapIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	m := recent.New[int, int](8)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2000 {
				k := i % 11
				if v, ok := m.Get(k); ok && v != k {
					t.Errorf("%d has the value of %d", k, v)
				}
				m.Set(k, k)
				m.Update(i%13, func(int, bool) (int, bool) { return i % 13, i%2 == 0 })
			}
		})
	}
	wg.Wait()
}

func TestWhatIsInUseIsReadAndChangedWithoutGarbage(t *testing.T) {
	m := recent.New[string, int](100)
	m.Set("a", 1)
	sum := 0
	if n := testing.AllocsPerRun(100, func() {
		v, _ := m.Get("a")
		sum += v
		m.Update("a", func(was int, _ bool) (int, bool) { sum += was; return was, true })
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGet(b *testing.B) {
	m := recent.New[int, int](1000)
	for k := range 100 {
		m.Set(k, k)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Get(i % 100)
		i++
	}
}
