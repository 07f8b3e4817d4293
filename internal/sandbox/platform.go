package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Platform is one of the simulated platforms other than WeChat, and the one that knows
// the truth about it. [Sandbox.Of] has them. Its apps are named by their ids, those of
// WeCom that have an agent by corp id, colon and agent: ww0123456789abcdef:1000002.
type Platform struct {
	scheme
	now     func() time.Time
	misuses *misuses
	quotas  Quotas

	// mu guards everything below it, and is held for a whole call, since nothing in a call
	// waits. The lock of misuses is taken inside it.
	mu       sync.Mutex
	accounts map[string]*account // by key
	order    []string
	nobody   *account // counts the calls that name no known app
	tokens   map[string]*token
	tickets  map[ticketKey]ticket
	tallies  map[rate]*tally
	// Of oauth2 only.
	refreshes  map[string]*refreshToken
	assertions map[string]time.Time // ids of those that were used, and their ends
}

// weChat is the name of the platform that has a type of its own, and the root.
const weChat = "wechat"

// onlyMode is the mode of platforms that have but one.
const onlyMode Mode = "token"

// schemes are the platforms other than WeChat.
func schemes() []scheme {
	return []scheme{wecom(), feishu(), lark(), dingtalk(), qq(), douyin(), xiaohongshu(), kuaishou(), baidu(), oauth2()}
}

// Platforms are the names of the simulated platforms other than WeChat.
func Platforms() []string {
	var names []string
	for _, s := range schemes() {
		names = append(names, s.name)
	}
	return names
}

// newPlatforms makes them. The times in the configuration are as they were given: each
// platform has its own in their place.
func newPlatforms(cfg Config, m *misuses) map[string]*Platform {
	all := make(map[string]*Platform)
	for _, s := range schemes() {
		for i := range s.modes {
			s.modes[i].family = s.modes[i].family.under(cfg)
		}
		all[s.name] = &Platform{
			scheme: s, now: cfg.Now, misuses: m, quotas: cfg.Quotas,
			accounts: make(map[string]*account),
			nobody:   &account{},
			tokens:   make(map[string]*token),
			tickets:  make(map[ticketKey]ticket),
			tallies:  make(map[rate]*tally),
		}
	}
	return all
}

// Of returns a platform other than WeChat. It panics where there is none of the name,
// see [Platforms].
func (s *Sandbox) Of(name string) *Platform {
	p, ok := s.platforms[name]
	if !ok {
		panic(fmt.Sprintf("sandbox: no platform %q; there are: %s", name, strings.Join(Platforms(), ", ")))
	}
	return p
}

// Name is the platform's name, which its paths begin with.
func (p *Platform) Name() string { return p.name }

// Modes are the ways in which it issues tokens that know nothing of each other. The first
// is meant where none is named.
func (p *Platform) Modes() []Mode {
	var names []Mode
	for _, m := range p.modes {
		names = append(names, m.name)
	}
	return names
}

// uploads reports that no call of a platform other than WeChat reads its body itself.
func (p *Platform) uploads(*call) bool { return false }

// serve answers one call.
func (p *Platform) serve(c *call) answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.find(c.local)
	p.watchSecrets(c, r)
	if !ok || c.method != r.method {
		p.known(c.owner).counts.refused("404")
		return p.nowhere(c)
	}
	a := r.serve(p, c)
	if issued := c.issued; len(issued) > 0 {
		a.lost = func() { p.markLost(issued) }
	}
	return a
}

// fail refuses a call for a reason that lies outside of it.
func (p *Platform) fail(c *call, f Fault) answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	code := f.Code
	if code == "" && f.Errcode != 0 {
		code = strconv.Itoa(f.Errcode)
	}
	a := p.refuse(c, p.known(c.owner), cmp.Or(code, p.busy))
	a.status = cmp.Or(f.Status, a.status)
	return a
}

// refuse says no in the platform's own form.
func (p *Platform) refuse(c *call, m *account, code string) answer {
	m.counts.refused(code)
	return p.refusal(c, code)
}

// arrived finds out whose call it is and notes it.
func (p *Platform) arrived(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := Arrival{At: c.at, Method: c.method, Path: c.path}
	var id string
	var secrets []string
	for s, v := range c.said() {
		if t := p.tokens[v]; t != nil && c.owner == "" {
			a.Mode, a.Generation, c.owner = t.mode, t.generation, t.app
		}
		if s.in == inBasic && s.name == basicID || slices.Contains(p.ids, s.name) {
			id = v
		} else {
			secrets = append(secrets, v)
		}
	}
	if c.owner == "" {
		c.owner = id
		for _, m := range p.registered(id) {
			if slices.ContainsFunc(secrets, m.hasSecret) {
				c.owner = m.key()
			}
		}
	}
	p.known(c.owner).arrivals.add(a)
}
