package sandbox

import (
	"maps"
	"slices"
	"time"
)

// Counts is what one app has done and what was done to it.
type Counts struct {
	Issues       int         `json:"issues"`               // new tokens, both modes, without those from outside
	Outside      int         `json:"outside"`              // new tokens that RotateOutside issued
	Lost         int         `json:"lost"`                 // issues whose answer surely never arrived
	ClassicCalls int         `json:"classic_calls"`        // calls of cgi-bin/token that were admitted
	StableCalls  int         `json:"stable_calls"`         // calls of cgi-bin/stable_token that were admitted
	Forced       int         `json:"forced"`               // forced refreshes that refreshed
	TicketCalls  int         `json:"ticket_calls"`         // calls of getticket that were answered
	Tickets      int         `json:"tickets"`              // new tickets
	Calls        int         `json:"calls"`                // calls with a live token, tickets included
	Exchanges    int         `json:"exchanges"`            // codes of users that were exchanged
	Refreshes    int         `json:"refreshes"`            // users' tokens that were refreshed
	UserCalls    int         `json:"user_calls"`           // calls with a live token of a user
	Cleared      int         `json:"cleared"`              // times the quota was cleared
	Refused      int         `json:"refused"`              // refused calls of any sort
	ByErrcode    map[int]int `json:"by_errcode,omitempty"` // refused calls by code
}

func (c *Counts) refused(code int) {
	if c.ByErrcode == nil {
		c.ByErrcode = make(map[int]int)
	}
	c.Refused++
	c.ByErrcode[code]++
}

// IssueEvent is one new token.
type IssueEvent struct {
	At         time.Time
	Mode       Mode
	Generation int  // counts the tokens of the app in this mode, from 1
	Forced     bool // by force_refresh
	Outside    bool // by RotateOutside
	Lost       bool // the answer surely never arrived
}

// maxIssues bounds what is remembered of an app's issues.
const maxIssues = 100_000

// Live reports whether the token opens the platform now.
func (s *Sandbox) Live(token string) bool {
	w := s.wechat
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tokens[token]
	return t != nil && t.live(s.now())
}

// Dies returns until when the token opens the platform as things stand, and
// whether the sandbox knows the token at all.
func (s *Sandbox) Dies(token string) (time.Time, bool) {
	w := s.wechat
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tokens[token]
	if t == nil {
		return time.Time{}, false
	}
	return t.dies, true
}

// Current returns the newest token of an app in a mode, dead or alive, and the
// empty string where there is none.
func (s *Sandbox) Current(appID string, m Mode) string {
	w := s.wechat
	w.mu.Lock()
	defer w.mu.Unlock()
	app, ok := w.apps[appID]
	if !ok {
		return ""
	}
	if t := app.lineage(m).current; t != nil {
		return t.value
	}
	return ""
}

// CurrentTicket returns the app's ticket of a type, "jsapi" or "wx_card", as
// long as it lives, and the empty string otherwise.
func (s *Sandbox) CurrentTicket(appID, kind string) string {
	w := s.wechat
	w.mu.Lock()
	defer w.mu.Unlock()
	app, ok := w.apps[appID]
	if !ok {
		return ""
	}
	if t := app.tickets[kind]; s.now().Before(t.expiry) {
		return t.value
	}
	return ""
}

// Counts returns what an app has done so far. The empty id stands for the
// calls that named no app the sandbox knows.
func (s *Sandbox) Counts(appID string) Counts {
	w := s.wechat
	w.mu.Lock()
	defer w.mu.Unlock()
	app := w.nobody
	if appID != "" {
		app = w.apps[appID]
	}
	if app == nil {
		return Counts{}
	}
	c := app.counts
	c.ByErrcode = maps.Clone(c.ByErrcode)
	return c
}

// Issues returns the app's new tokens, the oldest first, at most the last
// hundred thousand.
func (s *Sandbox) Issues(appID string) []IssueEvent {
	w := s.wechat
	w.mu.Lock()
	defer w.mu.Unlock()
	app, ok := w.apps[appID]
	if !ok {
		return nil
	}
	return slices.Clone(app.issues)
}
