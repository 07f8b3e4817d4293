package quota_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/quota"
)

// model is what a meter does, said in the plainest way: it remembers every call.
type model struct {
	now   time.Time
	calls map[[2]string][]time.Time
	open  map[[2]string]opened
}

type opened struct {
	code         string
	until, probe time.Time // the zero probe: never
}

func shanghai(t time.Time) time.Time { return t.In(time.FixedZone("", 8*60*60)) }

func (m *model) circuit(k [2]string) (opened, bool) {
	o, ok := m.open[k]
	return o, ok && m.now.Before(o.until)
}

func (m *model) admit(k [2]string) bool {
	o, ok := m.circuit(k)
	if !ok {
		return true
	}
	if o.probe.IsZero() || m.now.Before(o.probe) {
		return false
	}
	o.probe = m.now.Add(5 * time.Minute)
	m.open[k] = o
	return true
}

func (m *model) passed(k [2]string, err *broker.Error) {
	if err != nil && err.Class == broker.NotFound && len(m.calls[k]) == 0 {
		return
	}
	m.calls[k] = append(m.calls[k], m.now)
	switch {
	case err == nil:
		delete(m.open, k)
	case err.Reset == broker.ResetNone:
	default:
		o := opened{code: err.PlatformCode, until: m.now.Truncate(time.Minute).Add(time.Minute)}
		if err.Reset == broker.ResetDay {
			y, mo, d := shanghai(m.now).Date()
			o.until = time.Date(y, mo, d+1, 0, 0, 0, 0, shanghai(m.now).Location())
			o.probe = m.now.Add(5 * time.Minute)
		}
		if old, ok := m.circuit(k); !ok || old.until.Before(o.until) {
			m.open[k] = o
		}
	}
}

// idle reports whether an app was called, but not for so long that others who come may have
// made it go: those of the same shard, which nobody can tell.
func (m *model) idle(app string) bool {
	var last time.Time
	for k, calls := range m.calls {
		if k[0] == app && calls[len(calls)-1].After(last) {
			last = calls[len(calls)-1]
		}
	}
	return !last.IsZero() && m.now.Sub(last) > 2*24*time.Hour
}

func (m *model) forget(app string) {
	for _, path := range []string{send, get, "/third"} {
		delete(m.open, [2]string{app, path})
		delete(m.calls, [2]string{app, path})
	}
}

func (m *model) usage(k [2]string) (today, minute int64) {
	for _, at := range m.calls[k] {
		if shanghai(at).Format(time.DateOnly) == shanghai(m.now).Format(time.DateOnly) {
			today++
		}
		if at.Truncate(time.Minute).Equal(m.now.Truncate(time.Minute)) {
			minute++
		}
	}
	return today, minute
}

func TestAMeterDoesWhatItsModelDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		meter, w := newMeter(noon)
		m := &model{now: noon, calls: map[[2]string][]time.Time{}, open: map[[2]string]opened{}}
		apps, paths := rapid.SampledFrom([]string{"a", "b"}), rapid.SampledFrom([]string{send, get, "/third"})
		key := func(t *rapid.T) [2]string { return [2]string{apps.Draw(t, "app"), paths.Draw(t, "path")} }
		answers := rapid.SampledFrom([]*broker.Error{nil, dayQuota(), minuteQuota(), refusal(), {Code: "gone", Class: broker.NotFound}})
		t.Repeat(map[string]func(*rapid.T){
			"pass": func(t *rapid.T) {
				k, err := key(t), answers.Draw(t, "answer")
				meter.Passed(k[0], k[1], err)
				m.passed(k, err)
			},
			"admit": func(t *rapid.T) {
				k := key(t)
				o, _ := m.circuit(k)
				err, want := meter.Admit(k[0], k[1]), m.admit(k)
				switch {
				case (err == nil) != want:
					t.Fatalf("admit %v: %v, want %t", k, err, want)
				case err != nil && (err.PlatformCode != o.code || err.RetryAfter != o.until.Sub(m.now)):
					t.Fatalf("refused with %+v, want %+v", err, o)
				}
			},
			"time": func(t *rapid.T) {
				d := rapid.SampledFrom([]time.Duration{
					time.Nanosecond, time.Second, 59 * time.Second, time.Minute, 5 * time.Minute, time.Hour, 11 * time.Hour, 70 * time.Hour,
				}).Draw(t, "d")
				w.pass(d)
				m.now = m.now.Add(d)
				for _, app := range []string{"a", "b"} {
					if m.idle(app) {
						meter.Forget(app)
						m.forget(app)
					}
				}
			},
			"clear": func(t *rapid.T) {
				app := apps.Draw(t, "app")
				meter.Cleared(app)
				for k := range m.open {
					if k[0] == app {
						delete(m.open, k)
					}
				}
			},
			"forget": func(t *rapid.T) {
				app := apps.Draw(t, "app")
				meter.Forget(app)
				m.forget(app)
			},
			"": func(t *rapid.T) { m.check(t, meter) },
		})
	})
}

// check compares everything that can be seen.
func (m *model) check(t *rapid.T, meter *quota.Meter) {
	for _, app := range []string{"a", "b"} {
		seen := map[string]quota.Usage{}
		last := ""
		for _, u := range meter.Of(app) {
			if u.Path <= last {
				t.Fatalf("%q comes after %q", u.Path, last)
			}
			last = u.Path
			seen[u.Path] = u
		}
		for _, path := range []string{send, get, "/third"} {
			k := [2]string{app, path}
			u := seen[path]
			if today, minute := m.usage(k); u.Today != today || u.Minute != minute {
				t.Fatalf("%v: %+v, want %d and %d", k, u, today, minute)
			}
			o, open := m.circuit(k)
			if open != (u.Throttled != nil) || open && (!u.Until.Equal(o.until) || u.Throttled.PlatformCode != o.code) {
				t.Fatalf("%v: %+v, want open %t: %+v", k, u, open, o)
			}
		}
	}
}
