package sandbox

import (
	"maps"
	"slices"
	"time"
)

// AppCounts is what one app of a platform other than WeChat has done and what was done to
// it.
type AppCounts struct {
	IssueCalls  int            `json:"issue_calls"`       // calls of token paths that were answered with a token
	Issues      int            `json:"issues"`            // new tokens, without those from outside
	Outside     int            `json:"outside"`           // new tokens that RotateOutside issued
	Lost        int            `json:"lost"`              // issues whose answer surely never arrived
	TicketCalls int            `json:"ticket_calls"`      // calls for a ticket that were answered
	Tickets     int            `json:"tickets"`           // new tickets
	Calls       int            `json:"calls"`             // calls with a live token, tickets included
	Refused     int            `json:"refused"`           // refused calls of any sort
	ByCode      map[string]int `json:"by_code,omitempty"` // refused calls by code
}

func (c *AppCounts) refused(code string) {
	if c.ByCode == nil {
		c.ByCode = make(map[string]int)
	}
	c.Refused++
	c.ByCode[code]++
}

// Live reports whether the token opens the platform now.
func (p *Platform) Live(token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tokens[token]
	return t != nil && t.live(p.now())
}

// Dies returns until when the token opens the platform as things stand, and whether the
// sandbox knows the token at all.
func (p *Platform) Dies(token string) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tokens[token]
	if t == nil {
		return time.Time{}, false
	}
	return t.dies, true
}

// Current returns the newest token of an app in a mode, dead or alive, and the empty
// string where there is none. The empty mode is the first of [Platform.Modes].
func (p *Platform) Current(app string, m Mode) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.line(p.known(app), m); l != nil && l.current != nil {
		return l.current.value
	}
	return ""
}

// CurrentTicket returns the app's ticket of a kind as long as it lives, and the empty
// string otherwise.
func (p *Platform) CurrentTicket(app, kind string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, owner := range []string{app, p.known(app).id} {
		if t := p.tickets[ticketKey{owner, kind}]; p.now().Before(t.expiry) {
			return t.value
		}
	}
	return ""
}

// Counts returns what an app has done so far. The empty name stands for the calls that
// named no app the sandbox knows.
func (p *Platform) Counts(app string) AppCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	if app != "" && p.accounts[app] == nil {
		return AppCounts{}
	}
	c := p.known(app).counts
	c.ByCode = maps.Clone(c.ByCode)
	return c
}

// Issues returns the app's new tokens, the oldest first, at most the last hundred
// thousand.
func (p *Platform) Issues(app string) []IssueEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.known(app).issues)
}

// Calls returns how many calls of a path, which begins with the platform's name, arrived;
// see [Sandbox.Calls].
func (p *Platform) Calls(app, path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if app != "" && p.accounts[app] == nil {
		return 0
	}
	return p.known(app).arrivals.n[path]
}

// Arrivals returns the calls of a path that arrived; see [Sandbox.Arrivals].
func (p *Platform) Arrivals(app, path string) []Arrival {
	p.mu.Lock()
	defer p.mu.Unlock()
	if app != "" && p.accounts[app] == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.known(app).arrivals.list), func(a Arrival) bool { return a.Path != path })
}

// Whose tells what a value is and whose, dead or alive, and whether the platform remembers
// to have made it. Of tickets it knows the latest.
func (p *Platform) Whose(value string) (Credential, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tokens[value]; t != nil {
		return Credential{Sort: AppToken, App: t.app}, true
	}
	for k, t := range p.tickets {
		if t.value == value {
			return Credential{Sort: Ticket, App: k.owner, Scope: k.kind}, true
		}
	}
	return Credential{}, false
}
