package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// enter asks for a live token at a door. It returns the app as far as it is known.
func (p *Platform) enter(c *call, d door) (*account, string) {
	value, ok := strings.CutPrefix(c.value(d.at), d.prefix)
	if value == "" || !ok {
		return p.nobody, d.says("", nil)
	}
	t := p.tokens[value]
	if t == nil {
		return p.nobody, d.says(value, nil)
	}
	m := p.known(t.app)
	switch {
	case !d.opened(t):
		p.misused(c.at, t.app, MixedUpToken, words{
			fmt.Sprintf("%s with a token of the mode %s", c.path, t.mode),
			fmt.Sprintf("%s，使用了 %s 模式的令牌", c.path, t.mode),
		})
		return m, d.says(value, nil)
	case !t.live(c.at):
		p.usedDead(c, t)
		return m, d.says(value, t)
	case p.notFrom != "" && !m.admits(c.ip):
		return m, p.notFrom
	}
	if code := p.allow(c, m, p.calls, "call", m.quotas.CallsPerMinute); code != "" {
		return m, code
	}
	m.counts.Calls++
	return m, ""
}

// usedDead records a call with a dead token.
func (p *Platform) usedDead(c *call, t *token) {
	story := describe(t)
	detail := words{c.path + " with " + story.english, c.path + "，使用 " + story.chinese}
	r, _ := p.find(c.local)
	p.misuses.add(Misuse{
		At: c.at, App: t.app, What: deadTokenMisuse(t), Detail: detail.english, words: detail, Probe: r.probe,
	})
}

func (p *Platform) misused(at time.Time, app string, what MisuseKind, detail words) {
	p.misuses.add(Misuse{At: at, App: app, What: what, Detail: detail.english, words: detail})
}

// watchSecrets records that an app's secret was sent where it has no business: with a call
// that is opened by a token, or in another place than the platform wants it in.
func (p *Platform) watchSecrets(c *call, r route) {
	for s, v := range c.said() {
		// A header with HTTP Basic is looked at as what it holds.
		if v == "" || slices.Contains(r.secrets, s) {
			continue
		}
		for _, k := range p.order {
			if !p.accounts[k].hasSecret(v) || s.name == v { // Names are shown.
				continue
			}
			p.misused(c.at, k, MisplacedSecret, words{
				fmt.Sprintf("%s with the app secret in the %s, under %q", c.path, s.in, s.name),
				fmt.Sprintf("%s，应用密钥出现在%s的 %q 中", c.path, chinesePlace(s.in), s.name),
			})
		}
	}
}

func chinesePlace(in place) string {
	switch in {
	case inQuery:
		return "查询参数"
	case inJSON:
		return " JSON 请求体"
	case inForm:
		return "表单"
	case inBasic:
		return " HTTP Basic "
	case inHeader:
		return "请求头"
	default:
		return string(in)
	}
}

// admit decides whether an app that showed its secret may have a token now.
func (p *Platform) admit(c *call, m *account, name Mode) string {
	if m.frozen != "" {
		return m.frozen
	}
	mode, _ := p.mode(name)
	if code := p.allow(c, m, mode.issues, "issue "+string(mode.name), m.quotas.IssueCalls); code != "" {
		return code
	}
	m.counts.IssueCalls++
	return ""
}

// give lets an app have a token, the one it has or a new one, and says for how many
// seconds it lives.
func (p *Platform) give(c *call, m *account, name Mode) (value string, lives int64) {
	l := p.line(m, name)
	t := l.standing(c.at)
	if t == nil {
		p.watchOverlap(c, m, l)
		mode, _ := p.mode(name)
		t = p.mint(m, mode, c.at, false)
		c.issued = append(c.issued, t)
	}
	return t.value, seconds(t.expiry.Sub(c.at))
}

// issue does both, and makes the answer.
func (p *Platform) issue(c *call, m *account, name Mode, form func(value string, lives int64) any) answer {
	if code := p.admit(c, m, name); code != "" {
		return p.refuse(c, m, code)
	}
	return reply(200, form(p.give(c, m, name)))
}

// watchOverlap records an issue that comes while the token before the current one is still
// in its overlap, which ends that one at once; with the exceptions of WeChat's.
func (p *Platform) watchOverlap(c *call, m *account, l *line) {
	cur := l.current
	if l.family.manner != mannerEager || cur == nil || cur.outside || cur.lost || !cur.live(c.at) {
		return
	}
	if age := c.at.Sub(cur.issued); age < l.family.overlap {
		age = age.Round(time.Millisecond)
		p.misused(c.at, m.key(), IssueInsideOverlap, words{
			fmt.Sprintf("%s issued again %v after token %d", c.path, age, cur.generation),
			fmt.Sprintf("%s 在第 %d 代令牌签发 %s后再次签发", c.path, cur.generation, chineseSpan(age)),
		})
	}
}

// ticketKey is whose ticket it is, and of which kind.
type ticketKey struct{ owner, kind string }

// ticket is a call that gives a ticket: the same one for its whole lifetime, of which it
// says the whole as well, like WeChat; whether the others say what is left is not
// documented, and so the harder case is taken. Owner says whose it is.
func (d door) ticket(method, kind string, owner func(*account) string, form func(value string, lives int64) any) route {
	return route{method: method, serve: d.guard(func(p *Platform, c *call, m *account) answer {
		if code := p.allow(c, m, p.scheme.tickets, "ticket "+kind, m.quotas.TicketCalls); code != "" {
			return p.refuse(c, m, code)
		}
		m.counts.TicketCalls++
		life := p.modes[0].family.lifetime
		k := ticketKey{owner(m), kind}
		t, ok := p.tickets[k]
		if !ok || !c.at.Before(t.expiry) {
			t = ticket{value: randomText(64), expiry: c.at.Add(life)}
			p.tickets[k] = t
			m.counts.Tickets++
		}
		return reply(200, form(t.value, seconds(life)))
	})}
}
