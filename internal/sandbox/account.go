package sandbox

import (
	"cmp"
	"crypto"
	"crypto/subtle"
	"net/netip"
	"slices"
	"time"
)

// account is everything that a platform other than WeChat knows of one app. The platform's
// lock guards it.
type account struct {
	id        string
	agent     string
	company   string
	secret    string
	whitelist []string
	quotas    Quotas
	frozen    string // the code with which its token paths refuse

	// Of oauth2 only.
	publicKey    crypto.PublicKey
	refreshGrace time.Duration
	keepRefresh  bool
	families     []*refreshFamily // by when a token was added, the newest last
	reuses       int

	lines    map[Mode]*line
	counts   AppCounts
	arrivals arrivals
	issues   []IssueEvent
}

// key is what an app is called here: several agents share the id of their corp.
func key(id, agent string) string {
	if agent == "" {
		return id
	}
	return id + ":" + agent
}

func (m *account) key() string { return key(m.id, m.agent) }

func (m *account) hasSecret(s string) bool {
	return m.secret != "" && subtle.ConstantTimeCompare([]byte(m.secret), []byte(s)) == 1
}

// who is what calls say of whose token they came with. The platforms do not say it.
func (m *account) who() map[string]any {
	who := map[string]any{"app_id": m.id}
	if m.agent != "" {
		who["agent"] = m.agent
	}
	return who
}

// add registers an app, or changes the one that is there.
func (p *Platform) add(a App) {
	k := key(a.ID, a.Agent)
	m, ok := p.accounts[k]
	if !ok {
		m = &account{id: a.ID, agent: a.Agent, lines: make(map[Mode]*line)}
		for _, mode := range p.modes {
			m.lines[mode.name] = &line{family: mode.family}
		}
		p.accounts[k] = m
		p.order = append(p.order, k)
	}
	m.secret, m.company = a.Secret, a.Company
	m.whitelist = slices.Clone(a.Whitelist)
	m.quotas = a.Quotas.or(p.quotas)
	m.refreshGrace, m.keepRefresh = a.RefreshGrace, a.KeepRefresh
	if a.PublicKey != "" {
		key, err := parsePublicKey(a.PublicKey)
		if err != nil {
			panic("sandbox: " + a.String() + ": " + err.Error())
		}
		m.publicKey = key
	}
	if a.Refresh != "" && p.refreshes[a.Refresh] == nil {
		p.addRefresh(m, a.Refresh, &refreshFamily{})
	}
}

// known returns the app or the one that stands for unknown ones.
func (p *Platform) known(key string) *account {
	if m, ok := p.accounts[key]; ok {
		return m
	}
	return p.nobody
}

// registered are the apps with an id: more than one only where they are agents of a corp.
func (p *Platform) registered(id string) []*account {
	if m, ok := p.accounts[id]; ok {
		return []*account{m}
	}
	var list []*account
	for _, k := range p.order {
		if m := p.accounts[k]; m.id == id {
			list = append(list, m)
		}
	}
	return list
}

// identify finds the app with an id and a secret, and says whether there is one with the
// id at all. Without one it returns whom the refusal is counted for.
func (p *Platform) identify(id, secret string) (m *account, idOK, secretOK bool) {
	list := p.registered(id)
	for _, m := range list {
		if m.hasSecret(secret) {
			return m, true, true
		}
	}
	if len(list) == 1 {
		return list[0], true, false
	}
	return p.nobody, len(list) > 0, false
}

// mode is one of the platform's, by its name.
func (p *Platform) mode(name Mode) (mode, bool) {
	if name == "" {
		return p.modes[0], true
	}
	i := slices.IndexFunc(p.modes, func(m mode) bool { return m.name == name })
	if i < 0 {
		return mode{}, false
	}
	return p.modes[i], true
}

// line is an app's tokens of a mode; nil where there is no such mode.
func (p *Platform) line(m *account, name Mode) *line {
	mode, _ := p.mode(name)
	return m.lines[mode.name]
}

// mint makes a new token.
func (p *Platform) mint(m *account, mode mode, at time.Time, outside bool) *token {
	l := m.lines[mode.name]
	made := token{app: m.key(), mode: mode.name, issued: at, expiry: at.Add(l.family.lifetime), outside: outside}
	made.value = mode.value(made)
	t := l.next(made)
	p.tokens[t.value] = t
	// All but the newest are dead by then, or of those that know nothing of each other.
	if len(l.recent) >= maxRecent {
		for _, old := range l.recent[:maxRecent/2] {
			delete(p.tokens, old.value)
		}
	}
	l.recent = appendBounded(l.recent, t, maxRecent)
	m.issues = appendBounded(m.issues, IssueEvent{
		At: at, Mode: t.mode, Generation: t.generation, Outside: outside,
	}, maxIssues)
	if outside {
		m.counts.Outside++
	} else {
		m.counts.Issues++
	}
	return t
}

// markLost notes that the answer with new tokens never arrived.
func (p *Platform) markLost(issued []*token) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range issued {
		if t.lost {
			continue
		}
		t.lost = true
		m := p.known(t.app)
		m.counts.Lost++
		for i, e := range slices.Backward(m.issues) {
			if e.Mode == t.mode && e.Generation == t.generation {
				m.issues[i].Lost = true
				break
			}
		}
	}
}

// admits reports whether an address may call.
func (m *account) admits(ip netip.Addr) bool {
	return len(m.whitelist) == 0 || slices.ContainsFunc(m.whitelist, func(entry string) bool { return covers(entry, ip) })
}

// allow counts what somebody does, and returns the code of the first rate that does not
// allow it. Other is what the app's quotas say in the place of the first one.
func (p *Platform) allow(c *call, m *account, rates []rate, what string, other int) string {
	for i, r := range rates {
		name := what + " " + m.key()
		if r.company {
			name = what + " " + m.id
		}
		if r.paths {
			name += " " + c.local
		}
		n := r.n
		if i == 0 {
			n = cmp.Or(other, n)
		}
		if p.tallies[r] == nil {
			p.tallies[r] = &tally{}
		}
		every := func(t time.Time) int64 { return t.UnixNano() / int64(r.every) }
		if !p.tallies[r].take(every, c.at, name, n) {
			return r.code
		}
	}
	return ""
}
