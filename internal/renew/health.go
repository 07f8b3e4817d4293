package renew

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Health is how the tokens of all apps stand, computed from what is held of them.
type Health struct {
	Apps    int
	Tokens  int // usable ones
	Missing int // keys that should have a token and have none that is usable
	Overdue int // usable, but the promise has run out or ends before the next attempt can help
	Failing int // keys whose last attempt failed
	Unsaved int // keys whose newest token could not be stored yet
	// Away says that the store did not answer the last renewal that asked it. Tokens are
	// served from memory meanwhile.
	Away bool
	// Shared says that other replicas use the store too, and Behind how long ago this one
	// last knew of everything that they had written.
	Shared bool
	Behind time.Duration
	// Troubles names some of the keys in trouble, with why.
	Troubles []Trouble
}

// Trouble is one key that needs attention.
type Trouble struct {
	Key   broker.Key
	State string // missing | overdue | failing | unsaved
	Err   *broker.Error
}

// maxTroubles bounds how many keys a health report names.
const maxTroubles = 20

// Health looks at every key. Its cost grows with their number: a quarter of a second
// for a million.
func (m *Manager) Health() Health {
	h := Health{Away: m.outage.down.Load(), Shared: m.cfg.Notifier != nil, Behind: m.Behind()}
	now := m.now()
	m.apps.each(func(a *app) {
		h.Apps++
		d := a.def.Load()
		for _, e := range a.entries() {
			s := e.state.Load()
			state := ""
			switch src, _ := d.source(e.kind); {
			case s.usable(now):
				h.Tokens++
				if s.failure != nil {
					h.Failing++
					state = "failing"
				}
				if !src.Rotation.AgeUnknown && !now.Before(unstamp(s.until)) {
					h.Overdue++
					state = "overdue"
				}
			case src.Waits() && s.version == 0 && s.failure == nil:
				continue
			default:
				h.Missing++
				state = "missing"
			}
			if m.isOffline(e) || m.isInsisting(e) {
				h.Unsaved++
				state = "unsaved"
			}
			if state != "" && len(h.Troubles) < maxTroubles {
				t := Trouble{Key: e.key(), State: state}
				if s.failure != nil {
					t.Err = s.failure.Error(now)
				}
				h.Troubles = append(h.Troubles, t)
			}
		}
	})
	return h
}

// State is what is known of one key, for people who look after it.
type State struct {
	Token    broker.Token // its Secret is zero
	Usable   bool
	Due      time.Time
	Failure  *broker.Error
	Attempts int
}

// State tells how a key stands, without its secret.
func (m *Manager) State(k broker.Key) (State, error) {
	e, err := m.entry(k)
	if err != nil {
		return State{}, err
	}
	now, s := m.now(), e.state.Load()
	st := State{Token: s.token(k), Usable: s.usable(now), Due: unstamp(s.due)}
	st.Token.Secret = broker.Secret{}
	if s.failure != nil {
		st.Failure, st.Attempts = s.failure.Error(now), s.failure.Attempts
	}
	return st, nil
}
