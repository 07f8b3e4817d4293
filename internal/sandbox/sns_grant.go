package sandbox

import (
	"slices"
	"time"
)

// maxGrantHistory is how many tokens, and how many used-up refresh tokens, of one grant are
// remembered. Those forgotten are refused as unknown.
const maxGrantHistory = 64

// userGrant is what a code of the web authorization was exchanged for.
type userGrant struct {
	member
	scope   string
	refresh string
	expiry  time.Time // of the refresh token
	tokens  []*userToken
	spent   []string // refresh tokens that were used up
	revoked bool     // by the user, or because the password was changed
}

func (g *userGrant) current() *userToken { return g.tokens[len(g.tokens)-1] }

// refusal is why a refresh token is refused, or zero.
func (g *userGrant) refusal(value string, at time.Time) int {
	switch {
	case value != g.refresh:
		return codeBadRefresh
	case g.revoked:
		return codeRevoked
	case !at.Before(g.expiry):
		return codeOldRefresh
	default:
		return codeOK
	}
}

// userToken is a token of the web authorization.
type userToken struct {
	grant  *userGrant
	value  string
	expiry time.Time
	killed bool
}

// refusal is why the token is refused, or zero.
func (t *userToken) refusal(at time.Time) int {
	switch {
	case t.grant.revoked:
		return codeRevoked
	case t.killed:
		return codeBadToken
	case !at.Before(t.expiry):
		return codeExpired
	default:
		return codeOK
	}
}

func (t *userToken) live(at time.Time) bool { return t.refusal(at) == codeOK }

// grant makes the tokens for a code.
func (s *sns) grant(c userCode, at time.Time, cfg *Config) *userGrant {
	if s.byToken == nil {
		s.byToken = make(map[string]*userToken)
		s.byRefresh = make(map[string]*userGrant)
	}
	if len(s.grants) >= maxUserGrants {
		for _, old := range s.grants[:maxUserGrants/2] {
			s.forget(old)
		}
		s.grants = slices.Delete(s.grants, 0, maxUserGrants/2)
	}
	g := &userGrant{member: member{c.app, c.openID}, scope: c.scope}
	s.issue(g, at.Add(cfg.Lifetime))
	s.issueRefresh(g, at.Add(cfg.RefreshLifetime))
	s.grants = append(s.grants, g)
	return g
}

func (s *sns) forget(g *userGrant) {
	delete(s.byRefresh, g.refresh)
	for _, old := range g.spent {
		delete(s.byRefresh, old)
	}
	for _, t := range g.tokens {
		delete(s.byToken, t.value)
	}
}

func (s *sns) issue(g *userGrant, expiry time.Time) {
	if len(g.tokens) >= maxGrantHistory {
		delete(s.byToken, g.tokens[0].value)
		g.tokens = slices.Delete(g.tokens, 0, 1)
	}
	t := &userToken{grant: g, value: "83_" + randomText(60), expiry: expiry}
	s.byToken[t.value] = t
	g.tokens = append(g.tokens, t)
}

func (s *sns) issueRefresh(g *userGrant, expiry time.Time) {
	g.refresh, g.expiry = "83_"+randomText(60), expiry
	s.byRefresh[g.refresh] = g
}

// refresh prolongs a token that lives, and makes a new one when it does not.
// The refresh token and its expiry stay, unless refresh tokens are used up.
func (s *sns) refresh(g *userGrant, at time.Time, cfg *Config) *userToken {
	if cfg.RotateRefresh {
		if len(g.spent) >= maxGrantHistory {
			delete(s.byRefresh, g.spent[0])
			g.spent = slices.Delete(g.spent, 0, 1)
		}
		g.spent = append(g.spent, g.refresh)
		s.issueRefresh(g, at.Add(cfg.RefreshLifetime))
	}
	if t := g.current(); t.live(at) {
		t.expiry = at.Add(cfg.Lifetime)
		return t
	}
	s.issue(g, at.Add(cfg.Lifetime))
	return g.current()
}

// holderOf returns the app for which a token or a refresh token was made.
func (s *sns) holderOf(value string) string {
	if t := s.byToken[value]; t != nil {
		return t.grant.app
	}
	if g := s.byRefresh[value]; g != nil {
		return g.app
	}
	return ""
}

// LiveUser reports whether a token of the web authorization opens the calls
// under /sns/ now. [Sandbox.Live] is for tokens of apps.
func (s *Sandbox) LiveUser(token string) bool {
	w := s.wechat
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.sns.byToken[token]
	return t != nil && t.live(s.now())
}

// LiveRefresh reports whether a refresh token of the web authorization would be taken now.
func (s *Sandbox) LiveRefresh(token string) bool {
	w := s.wechat
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.sns.byRefresh[token]
	return g != nil && g.refusal(token, s.now()) == codeOK
}
