package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// refreshFamily is the refresh tokens that descend from one authorization.
type refreshFamily struct {
	newest string
	given  []string // all that are remembered, the oldest first
	ended  bool
}

// refreshToken is one of them. The platform's lock guards it.
type refreshToken struct {
	app    string // the key
	family *refreshFamily
	used   time.Time // zero: it was not
	next   string    // the one that was given for it last
}

// refresh is the grant refresh_token.
func (p *Platform) refresh(c *call, m *account, value string) answer {
	r := p.refreshes[value]
	if r == nil || r.app != m.key() || r.family.ended {
		return p.refuse(c, m, "invalid_grant")
	}
	if value != r.family.newest {
		again := r.next == r.family.newest && c.at.Before(r.used.Add(m.refreshGrace))
		if !again {
			r.family.ended = true
			m.reuses++
			p.misused(c.at, m.key(), RefreshUsedTwice, words{
				c.path + " with a refresh token that was used up", c.path + "，使用了已用过的 refresh_token",
			})
			return p.refuse(c, m, "invalid_grant")
		}
	}
	if code := p.admit(c, m, oauth2Refresh); code != "" {
		return p.refuse(c, m, code)
	}
	out := map[string]any{"token_type": "Bearer"}
	if !m.keepRefresh {
		r.used, r.next = c.at, randomText(32)
		p.addRefresh(m, r.next, r.family)
		out["refresh_token"] = r.next
	}
	out["access_token"], out["expires_in"] = p.give(c, m, oauth2Refresh)
	return reply(http.StatusOK, out)
}

// addRefresh makes a refresh token the newest of its family.
func (p *Platform) addRefresh(m *account, value string, f *refreshFamily) {
	if p.refreshes == nil {
		p.refreshes = map[string]*refreshToken{}
	}
	p.refreshes[value] = &refreshToken{app: m.key(), family: f}
	f.newest = value
	if len(f.given) >= maxRecent {
		for _, old := range f.given[:maxRecent/2] {
			delete(p.refreshes, old)
		}
	}
	f.given = appendBounded(f.given, value, maxRecent)
	if !slices.Contains(m.families, f) {
		m.families = appendBounded(m.families, f, maxFamilies)
	}
}

// maxFamilies bounds what is remembered of an app's refresh tokens.
const maxFamilies = 1000

// Authorize stands for somebody who authorizes an app of the platform oauth2: from now on
// it may use the refresh token.
func (p *Platform) Authorize(app, refresh string) error {
	if p.name != oauth2Name {
		return fmt.Errorf("%s has no refresh tokens", p.name)
	}
	return p.withApp(app, func(m *account) error {
		if refresh == "" || p.refreshes[refresh] != nil {
			return errors.New("the refresh token is missing, or there is it already")
		}
		p.addRefresh(m, refresh, &refreshFamily{})
		return nil
	})
}

// Revoke takes all authorizations of an app back.
func (p *Platform) Revoke(app string) error {
	return p.withApp(app, func(m *account) error {
		for _, f := range m.families {
			f.ended = true
		}
		return nil
	})
}

// RefreshLives reports whether the app may use the refresh token now, without one that was
// used before.
func (p *Platform) RefreshLives(refresh string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.refreshes[refresh]
	return r != nil && !r.family.ended && r.family.newest == refresh
}

// CurrentRefresh is the refresh token of the app that was given last, dead or alive, and the
// empty string where there is none.
func (p *Platform) CurrentRefresh(app string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.known(app).families
	if len(f) == 0 {
		return ""
	}
	return f[len(f)-1].newest
}

// Reuses counts the refresh tokens of the app that came again after they were used up.
func (p *Platform) Reuses(app string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known(app).reuses
}
