package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) roll() []test {
	return []test{
		{"ServersFindEachOther", s.find},
		{"ServersThatHaveGoneDropOut", s.dropOut},
		{"AServerNoticesThatItsBeatsWereLost", s.lostBeats},
		{"ManyServersBeatAtOnce", s.manyBeats},
	}
}

func list(t *testing.T, s suite, st broker.Store) broker.Roll {
	t.Helper()
	if s.Skip.Fleet != "" {
		t.Skip(s.Skip.Fleet)
	}
	r, is := st.(broker.Roll)
	if !is {
		t.Fatalf("%T is no broker.Roll", st)
	}
	return r
}

func beat(t *testing.T, r broker.Roll, name string, n int64, within time.Duration) []string {
	t.Helper()
	alive, err := r.Beat(t.Context(), name, n, within)
	ok(t, "beat", err)
	return alive
}

func (s suite) find(t *testing.T) {
	f := s.Open(t)
	a, b := list(t, s, f.Store), list(t, s, f.Handle())
	check(t, "alone", []string{"b"}, beat(t, b, "b", 1, time.Hour))
	check(t, "two", []string{"a", "b"}, beat(t, a, "a", 1, time.Hour))
	check(t, "again", []string{"a", "b"}, beat(t, b, "b", 2, time.Hour))
	ok(t, "leave", a.Leave(t.Context(), "a"))
	ok(t, "leave again", b.Leave(t.Context(), "a"))
	check(t, "after one has left", []string{"b"}, beat(t, b, "b", 3, time.Hour))
	odd := "host.example/'; --\"%_, 中控"
	check(t, "an odd name", []string{"b", odd}, beat(t, a, odd, 1, time.Hour))
}

func (s suite) dropOut(t *testing.T) {
	f := s.Open(t)
	r := list(t, s, f.Store)
	beat(t, r, "gone", 1, s.TTL)
	check(t, "both", []string{"gone", "stays"}, beat(t, r, "stays", 1, time.Hour))
	f.Advance(s.TTL)
	check(t, "the one that beats", []string{"stays"}, beat(t, r, "stays", 2, s.TTL))
	n := int64(1)
	s.inTime(t, f, func(within time.Duration) error {
		n++
		beat(t, r, "gone", n, within)
		if alive := beat(t, r, "stays", n+1, within); !slices.Equal(alive, []string{"gone", "stays"}) {
			return fmt.Errorf("after the other one came back there are %q", alive)
		}
		return nil
	})
}

func (s suite) lostBeats(t *testing.T) {
	f := s.Open(t)
	r := list(t, s, f.Store)
	beat(t, r, "a", 1, time.Hour)
	beat(t, r, "a", 2, time.Hour)
	check(t, "the same once more", []string{"a"}, beat(t, r, "a", 2, time.Hour))
	for _, n := range []int64{4, 5, 1 << 40} {
		_, err := r.Beat(t.Context(), "a", n, time.Hour)
		wantErr(t, fmt.Sprintf("beat %d after 2", n), err, broker.ErrForgotten)
	}
	_, err := r.Beat(t.Context(), "never", 2, time.Hour)
	wantErr(t, "second beat without a first", err, broker.ErrForgotten)
	check(t, "the count goes on", []string{"a"}, beat(t, r, "a", 3, time.Hour))
	check(t, "and can begin anew", []string{"a"}, beat(t, r, "a", 1, time.Hour))
	_, err = r.Beat(t.Context(), "a", 3, time.Hour)
	wantErr(t, "third beat after the first", err, broker.ErrForgotten)
	check(t, "from there", []string{"a"}, beat(t, r, "a", 2, time.Hour))
}

func (s suite) manyBeats(t *testing.T) {
	f := s.Open(t)
	rolls := []broker.Roll{list(t, s, f.Store), list(t, s, f.Handle())}
	var wg sync.WaitGroup
	var want []string
	for i := range crowd {
		name := fmt.Sprintf("server-%02d", i)
		want = append(want, name)
		wg.Go(func() {
			for n := range int64(10) {
				alive, err := rolls[i%2].Beat(t.Context(), name, n+1, time.Hour)
				if err != nil || !slices.Contains(alive, name) {
					t.Errorf("beat %d of %s: %v, %v", n+1, name, alive, err)
				}
			}
		})
	}
	wg.Wait()
	check(t, "all", want, beat(t, rolls[0], want[0], 11, time.Hour))
}
