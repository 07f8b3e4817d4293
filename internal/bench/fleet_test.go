package bench_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/seal"
)

var (
	fleetSizes    = flag.String("bench-fleet-sizes", "1000,100000", "numbers of tokens in a store that several servers share")
	fleetReplicas = flag.String("bench-fleet-replicas", "1,3", "numbers of servers that share it")
	fleetWindow   = flag.Duration("bench-fleet-window", 6*time.Second, "how long renewals come at an even rate")
	fleetRounds   = flag.Int("bench-fleet-rounds", 3, "alternating rounds of renewals that are all due and the store's yardstick")
	fleetBurst    = flag.Duration("bench-fleet-burst", 1500*time.Millisecond, "about how long renewals that are all due take")
)

const (
	// fleetRate is what 100 000 tokens come to that are renewed every hour.
	fleetRate = 28
	// idlePeriod is two beats of a replica.
	idlePeriod = 6 * time.Second
	// atATime is how many planned renewals a replica makes at a time at one platform host.
	atATime = 16
)

// fleets measures servers that share a store: what they ask of it, how soon they agree,
// how much they manage beside the store itself, and how one more starts.
func fleets(t *testing.T) {
	r := &fleetReport{}
	defer r.print()
	for _, name := range []string{"Redis", "PostgreSQL", "MariaDB"} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if t.Skipped() {
					r.missing = append(r.missing, name)
				}
			}()
			b := backends()[name](t)
			sizes := numbers(t, *fleetSizes)
			stores := map[int]*filled{}
			for _, size := range slices.Backward(slices.Sorted(slices.Values(sizes))) {
				stores[size] = fillEmpty(t, b, size)
			}
			for i, size := range sizes {
				t.Run(strconv.Itoa(size), func(t *testing.T) { r.measure(t, b, stores[size], i == 0) })
			}
		})
	}
}

// measure measures fleets over one store. Nothing being due looks the same in all.
func (r *fleetReport) measure(t *testing.T, b *backend, f *filled, first bool) {
	f.settle()
	for i, n := range numbers(t, *fleetReplicas) {
		t.Run(fmt.Sprintf("%d replicas", n), func(t *testing.T) {
			m := &fleetRun{t: t, b: b, size: f.tokens, n: n, replicas: startReplicas(t, f, n)}
			if first && i == 0 {
				r.idle = append(r.idle, m.idle())
			}
			r.even = append(r.even, m.even(r.idle[len(r.idle)-1]))
			r.bursts = append(r.bursts, m.bursts())
		})
	}
	r.joins = append(r.joins, joining(t, b, f))
}

func numbers(t *testing.T, list string) (ns []int) {
	t.Helper()
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ns = append(ns, n)
	}
	return ns
}

// filled is a store that holds apps with a token each.
type filled struct {
	url, keyset string
	keys        *seal.Keyring
	tokens      int
	when        time.Time
}

// settle waits until no replica looks back to when the store was filled, for what it may
// have missed. It would read everything again and again.
func (f *filled) settle() {
	const few, past = 10_000, 40 * time.Second
	if f.tokens > few {
		time.Sleep(time.Until(f.when.Add(past)))
	}
}

func fillEmpty(t *testing.T, b *backend, n int) *filled {
	t.Helper()
	f := &filled{url: b.empty(t), keyset: filepath.Join(t.TempDir(), "keyset.json"), tokens: n}
	b.hurry(t, true)
	store, err := openShared(t.Context(), f.url)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if f.keys, err = fill(t.Context(), store, f.keyset, n); err != nil {
		t.Fatal(err)
	}
	b.hurry(t, false)
	f.when = time.Now()
	return f
}

// open opens a handle that is closed when the test ends.
func (f *filled) open(t *testing.T) shared {
	t.Helper()
	s, err := openShared(t.Context(), f.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fleetRun is one fleet over one store.
type fleetRun struct {
	*replicas
	t       *testing.T
	b       *backend
	size, n int
	telling time.Duration // how long it takes until all know when one token is due
}

// idle measures a fleet in which nothing is due.
func (m *fleetRun) idle() idleRow {
	begun, calls, done := time.Now(), m.calls.other.Load(), m.b.done(m.t)
	time.Sleep(idlePeriod)
	row := idleRow{b: m.b, replicas: m.n, statements: unknown}
	seconds := time.Since(begun).Seconds() * float64(m.n)
	if done != unknown {
		row.statements = float64(m.b.done(m.t)-done) / seconds
	}
	row.calls = float64(m.calls.other.Load()-calls) / seconds
	return row
}

// even measures renewals that are due one after the other, at the rate of production.
func (m *fleetRun) even(idle idleRow) evenRow {
	n := min(m.size, int(fleetRate*fleetWindow.Seconds()))
	begin := m.dueFrom(n, time.Second/fleetRate)
	time.Sleep(begin.Sub(m.now()))
	begun, calls, done := time.Now(), m.calls.renewing(), m.b.done(m.t)
	m.await(n)
	seconds := time.Since(begun).Seconds()
	row := evenRow{b: m.b, size: m.size, replicas: m.n, renewals: float64(n) / seconds, statements: unknown, lags: m.book.take()}
	if done != unknown {
		statements := float64(m.b.done(m.t) - done)
		row.statements = statements / seconds
		row.each = (statements - idle.statements*float64(m.n)*seconds) / float64(n)
	}
	m.rest() // the last lease is being given back
	row.calls = float64(m.calls.renewing()-calls) / float64(n)
	return row
}

// bursts measures renewals that are all due at once, beside the server's yardsticks.
func (m *fleetRun) bursts() burstRow {
	m.prompt.Store(true)
	row := burstRow{b: m.b, size: m.size, replicas: m.n, raw: make([][]float64, len(m.b.raw)), ratios: make([][]float64, len(m.b.raw))}
	due := min(m.size, 1000)
	for i := range *fleetRounds + 1 {
		calls := m.calls.renewing()
		rate := m.burst(due)
		m.rest() // what a replica does in vain comes late
		each := float64(m.calls.renewing()-calls) / float64(due)
		lags := m.book.take()
		var raw []float64
		for _, y := range m.b.raw {
			raw = append(raw, y.perSecond(m.t, m.size, atATime*m.n))
		}
		if i == 0 { // warm-up, from which is seen how many can be due
			due = min(m.size, max(1000, int(rate*fleetBurst.Seconds())))
			continue
		}
		row.due, row.rates, row.calls = due, append(row.rates, rate), append(row.calls, each)
		row.lags = append(row.lags, lags)
		for j, r := range raw {
			row.raw[j], row.ratios[j] = append(row.raw[j], r), append(row.ratios[j], rate/r)
		}
	}
	return row
}

// burst has n tokens fall due at once, and returns how many are renewed a second. The
// first and the last tenth do not count.
func (m *fleetRun) burst(n int) float64 {
	begin := m.dueFrom(n, 0)
	runtime.GC() // now, and not in between
	time.Sleep(begin.Sub(m.now()))
	times := m.await(n)
	from, to := times[n/10], times[n-1-n/10]
	return float64(n-1-n/10-n/10) / max(to.Sub(from), time.Millisecond).Seconds()
}

// rest waits until the replicas have nothing to do any more.
func (m *fleetRun) rest() {
	for before := int64(-1); before != m.calls.renewing(); time.Sleep(time.Second / 5) {
		before = m.calls.renewing()
	}
}

// dueFrom has n tokens fall due, so much apart, and returns when the first one does: soon
// after all replicas know.
func (m *fleetRun) dueFrom(n int, apart time.Duration) time.Time {
	m.t.Helper()
	begun := m.now()
	if m.telling == 0 {
		m.telling = time.Millisecond
	}
	begin := begun.Add(time.Second/2 + 2*m.telling*time.Duration(n))
	m.at(n, func(i int) time.Time { return begin.Add(time.Duration(i) * apart) })
	m.telling = m.now().Sub(begun) / time.Duration(n)
	if m.now().After(begin) {
		m.t.Log("some tokens were due before all replicas knew")
	}
	return begin
}

// now is the store's time.
func (m *fleetRun) now() time.Time { return m.managers[0].Now() }
