package sandbox

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// maxAppsShown bounds the page; a single app can be asked for by its id.
const maxAppsShown = 100

// state is everything that people and scripts may see: no secret, and tokens
// only by their ends.
type state struct {
	Now      time.Time    `json:"now"`
	Lifetime string       `json:"lifetime"`
	Overlap  string       `json:"overlap"`
	Apps     []appState   `json:"apps"` // of WeChat
	Hidden   int          `json:"apps_not_shown"`
	Unknown  Counts       `json:"unknown_app"`
	Faults   []faultState `json:"faults"`
	Misuses  []Misuse     `json:"misuses"`
	// Platforms are the others, as far as they have apps or were called.
	Platforms []platformState `json:"platforms"`
}

type appState struct {
	ID        string        `json:"app_id"`
	Whitelist []string      `json:"whitelist"`
	Frozen    Frozen        `json:"frozen"`
	Tokens    []tokenState  `json:"tokens"`
	Tickets   []ticketState `json:"tickets"`
	Quotas    []quotaState  `json:"quotas"`
	Users     []userState   `json:"users"`
	Counts    Counts        `json:"counts"`
	// Calls are those that arrived, by path.
	Calls map[string]int `json:"calls"`
}

type tokenState struct {
	Mode       Mode      `json:"mode"`
	Generation int       `json:"generation"`
	Current    bool      `json:"current"`
	Live       bool      `json:"live"`
	Outside    bool      `json:"outside"`
	Masked     string    `json:"token"`
	Issued     time.Time `json:"issued"`
	Dies       time.Time `json:"dies"`
	Left       string    `json:"left"`
}

type ticketState struct {
	Kind   string    `json:"type"`
	Masked string    `json:"ticket"`
	Expiry time.Time `json:"expiry"`
	Left   string    `json:"left"`
}

type quotaState struct {
	Name  string `json:"name"`
	Used  int    `json:"used"`
	Limit int    `json:"limit"`
}

// Percent is how much is used up.
func (q quotaState) Percent() int {
	if q.Limit <= 0 {
		return 100
	}
	return min(100*q.Used/q.Limit, 100)
}

type faultState struct {
	Path        string    `json:"path"`
	App         string    `json:"app"`
	Kind        FaultKind `json:"kind"`
	Delay       string    `json:"delay"`
	Status      int       `json:"status,omitempty"`
	Errcode     int       `json:"errcode,omitempty"`
	Code        string    `json:"code,omitempty"`
	Times       int       `json:"times"`
	Probability float64   `json:"probability"`
	Fired       int       `json:"fired"`
}

// state describes one app, or all as far as they fit.
func (s *Sandbox) state(only string) state {
	w := s.wechat
	now := s.now()
	out := state{
		Now:      now.UTC().Truncate(time.Millisecond),
		Lifetime: w.cfg.Lifetime.String(),
		Overlap:  w.cfg.Overlap.String(),
		Apps:     []appState{},

		Platforms: []platformState{},
		Faults:    []faultState{},
		Misuses:   s.Misuses(),
		Unknown:   s.Counts(""),
	}
	slices.Reverse(out.Misuses)
	for _, f := range s.Faults() {
		out.Faults = append(out.Faults, faultState{
			f.Path, f.App, f.Kind, f.Delay.String(), f.Status, f.Errcode, f.Code, f.Times, f.Probability, f.Fired,
		})
	}

	for _, name := range Platforms() {
		if p := s.Of(name).state(only, now); len(p.Apps)+p.Hidden+p.Unknown.Refused > 0 {
			out.Platforms = append(out.Platforms, p)
		}
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	ids := w.order
	if only != "" {
		ids = []string{only}
	}
	ids = ids[:min(len(ids), maxAppsShown)]
	users := w.userStates(ids)
	for _, id := range ids {
		if app, ok := w.apps[id]; ok {
			shown := app.state(now)
			shown.Users = users[id]
			out.Apps = append(out.Apps, shown)
		}
	}
	out.Hidden = len(w.order) - len(out.Apps)
	return out
}

func (a *wechatApp) state(now time.Time) appState {
	s := appState{
		ID:        a.id,
		Whitelist: append([]string{}, a.whitelist...),
		Frozen:    a.frozen,
		Tokens:    []tokenState{},
		Tickets:   []ticketState{},
		Counts:    a.counts,
		Quotas: []quotaState{
			{"cgi-bin/token", a.day.used(daily, now, "/cgi-bin/token"), a.quotas.TokenPerDay},
			{"cgi-bin/stable_token", a.day.used(daily, now, "/cgi-bin/stable_token"), a.quotas.StablePerDay},
			{"force_refresh", a.day.used(daily, now, forcedName), a.quotas.ForcedPerDay},
			{"ticket/getticket", a.day.used(daily, now, "/cgi-bin/ticket/getticket"), a.quotas.TicketPerDay},
			{"clear_quota", a.month.used(monthly, now, clearName), a.quotas.ClearPerMonth},
		},
	}
	s.Counts.ByErrcode = maps.Clone(a.counts.ByErrcode)
	s.Calls = maps.Clone(a.arrivals.n)
	if s.Calls == nil {
		s.Calls = map[string]int{}
	}
	for _, l := range []*lineage{&a.classic, &a.stable} {
		for _, t := range []*token{l.current, l.previous} {
			if t != nil && (t == l.current || t.live(now)) {
				s.Tokens = append(s.Tokens, t.state(now, t == l.current))
			}
		}
	}
	for kind, t := range a.tickets {
		s.Tickets = append(s.Tickets, ticketState{kind, mask(t.value), t.expiry.UTC(), left(t.expiry, now)})
	}
	slices.SortFunc(s.Tickets, func(x, y ticketState) int { return cmp.Compare(x.Kind, y.Kind) })
	return s
}

func (t *token) state(now time.Time, current bool) tokenState {
	return tokenState{
		Mode:       t.mode,
		Generation: t.generation,
		Current:    current,
		Live:       t.live(now),
		Outside:    t.outside,
		Masked:     mask(t.value),
		Issued:     t.issued.UTC(),
		Dies:       t.dies.UTC(),
		Left:       left(t.dies, now),
	}
}

// mask shows enough of a token to tell it from others, and too little to use.
func mask(token string) string { return token[:3] + "…" + token[len(token)-4:] }

func left(until, now time.Time) string {
	return max(until.Sub(now), 0).Truncate(time.Second).String()
}
