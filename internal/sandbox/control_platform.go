package sandbox

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// platformVerbs are the control calls about an app of a platform other than WeChat.
func platformVerbs() map[string]want {
	return map[string]want{
		"kill":      {known: true, modes: true, fields: []string{"mode", "token"}, example: `{} for all modes, {"mode":"MODE"} or {"token":"TOKEN"}`},
		"rotate":    {known: true, modes: true, fields: []string{"mode"}, example: `{} for the first mode, or {"mode":"MODE"}`},
		"secret":    {known: true, fields: []string{"secret"}, example: `{"secret":"NEW"}`},
		"whitelist": {known: true, fields: []string{"whitelist"}, example: `{"whitelist":["10.0.0.0/8"]}, or {} for everybody`},
		"freeze":    {known: true, fields: []string{"code"}, example: `{"code":"50003"}`},
		"unfreeze":  {known: true},
		"authorize": {known: true, fields: []string{"refresh_token"}, example: `{"refresh_token":"SOMETHING"}`},
		"revoke":    {known: true},
	}
}

// doPlatform carries out a command about an app of a platform other than WeChat. What is
// asked for ends in the app and the verb.
func (c *control) doPlatform(name, rest string, cmd command) (made, error) {
	p, known := c.sandbox.platforms[name]
	app, verb, ok := strings.Cut(rest, "/")
	if !known || !ok {
		return made{}, errNoSuchPage
	}
	if verb == "kill" {
		n, err := p.kill(app, cmd)
		return ended(n), err
	}
	return made{}, p.steer(app, verb, cmd)
}

// kill ends the token that is named, or the current ones of the mode or of all modes, and
// counts those that lived.
func (p *Platform) kill(app string, cmd command) (n int, err error) {
	if cmd.Token != "" {
		return n, p.withApp(app, func(m *account) error {
			if t := p.tokens[cmd.Token]; t != nil && t.app == m.key() && t.endAt(p.now(), endKilled) {
				n++
			}
			return nil
		})
	}
	modes := p.Modes()
	if cmd.Mode != "" {
		modes = []Mode{cmd.Mode}
	}
	for _, mode := range modes {
		lived, err := p.KillCurrent(app, mode)
		if err != nil {
			return n, err
		}
		if lived {
			n++
		}
	}
	return n, nil
}

// steer carries out the commands that answer nothing.
func (p *Platform) steer(app, verb string, cmd command) error {
	switch verb {
	case "rotate":
		_, err := p.RotateOutside(app, cmd.Mode)
		return err
	case "secret":
		if cmd.Secret == "" {
			return errors.New("the new secret is missing")
		}
		return p.SetSecret(app, cmd.Secret)
	case "whitelist":
		return p.SetWhitelist(app, cmd.Whitelist...)
	case "freeze":
		return p.Freeze(app, cmd.Code)
	case "unfreeze":
		return p.Unfreeze(app)
	case "authorize":
		return p.Authorize(app, cmd.Refresh)
	case "revoke":
		return p.Revoke(app)
	default:
		return errNoSuchPage
	}
}

// platformState is what people and scripts may see of a platform other than WeChat.
type platformState struct {
	Name     string         `json:"name"`
	Modes    []Mode         `json:"modes"`
	Apps     []accountState `json:"apps"`
	Hidden   int            `json:"apps_not_shown"`
	Unknown  AppCounts      `json:"unknown_app"`
	Confines bool           `json:"-"` // It looks at addresses.
}

type accountState struct {
	ID        string         `json:"app_id"` // with the agent
	Whitelist []string       `json:"whitelist"`
	Frozen    string         `json:"frozen"`
	Tokens    []tokenState   `json:"tokens"`
	Tickets   []ticketState  `json:"tickets"`
	Counts    AppCounts      `json:"counts"`
	Calls     map[string]int `json:"calls"` // those that arrived, by path
}

// state describes one app, or all as far as they fit.
func (p *Platform) state(only string, now time.Time) platformState {
	out := platformState{Name: p.name, Modes: p.Modes(), Apps: []accountState{}, Unknown: p.Counts(""), Confines: p.notFrom != ""}
	p.mu.Lock()
	defer p.mu.Unlock()
	keys := p.order
	if only != "" {
		keys = []string{only}
	}
	for _, k := range keys[:min(len(keys), maxAppsShown)] {
		if m, ok := p.accounts[k]; ok {
			out.Apps = append(out.Apps, p.accountState(m, now))
		}
	}
	out.Hidden = len(p.order) - len(out.Apps)
	return out
}

func (p *Platform) accountState(m *account, now time.Time) accountState {
	s := accountState{
		ID: m.key(), Whitelist: append([]string{}, m.whitelist...), Frozen: m.frozen,
		Tokens: []tokenState{}, Tickets: []ticketState{}, Counts: m.counts, Calls: map[string]int{},
	}
	s.Counts.ByCode = maps.Clone(m.counts.ByCode)
	maps.Copy(s.Calls, m.arrivals.n)
	for _, mode := range p.modes {
		l := m.lines[mode.name]
		for _, t := range []*token{l.current, l.previous} {
			if t != nil && (t == l.current || t.live(now)) {
				s.Tokens = append(s.Tokens, t.state(now, t == l.current))
			}
		}
	}
	for k, t := range p.tickets {
		if k.owner == m.key() || k.owner == m.id {
			s.Tickets = append(s.Tickets, ticketState{k.kind, mask(t.value), t.expiry.UTC(), left(t.expiry, now)})
		}
	}
	slices.SortFunc(s.Tickets, func(x, y ticketState) int { return cmp.Compare(x.Kind, y.Kind) })
	return s
}
