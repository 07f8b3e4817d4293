package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Scopes of the web authorization.
const (
	ScopeBase     = "snsapi_base"     // the open id alone
	ScopeUserInfo = "snsapi_userinfo" // opens sns/userinfo as well
	ScopeLogin    = "snsapi_login"    // of web sites, opens sns/userinfo as well
)

const refreshLifetime = 30 * 24 * time.Hour

// Of each sort, at most as many are remembered.
const maxUserGrants = 10_000

// sns is what the platform knows of users who authorized apps. Nothing of it
// opens a call that needs an app's token, and no app's token opens a call that
// needs one of these. The platform's lock guards it. The zero value is empty.
type sns struct {
	codes     map[string]*userCode
	codeOrder []string
	byToken   map[string]*userToken
	byRefresh map[string]*userGrant
	grants    []*userGrant // remembered, the oldest first
}

// userCode can be exchanged once.
type userCode struct {
	app    string
	openID string
	scope  string // empty: of a mini program
	expiry time.Time
	used   bool
}

// userGrant is what a code of the web authorization was exchanged for.
type userGrant struct {
	app     string
	openID  string
	scope   string
	refresh string
	expiry  time.Time // of the refresh token
	tokens  []*userToken
}

func (g *userGrant) current() *userToken { return g.tokens[len(g.tokens)-1] }

// userToken is a token of the web authorization.
type userToken struct {
	grant  *userGrant
	value  string
	expiry time.Time
}

func (t *userToken) live(at time.Time) bool { return at.Before(t.expiry) }

// addCode makes a code.
func (s *sns) addCode(c userCode) string {
	if s.codes == nil {
		s.codes = make(map[string]*userCode)
	}
	if len(s.codeOrder) >= maxUserGrants {
		for _, old := range s.codeOrder[:maxUserGrants/2] {
			delete(s.codes, old)
		}
		s.codeOrder = slices.Delete(s.codeOrder, 0, maxUserGrants/2)
	}
	value := "0" + randomText(23)
	s.codes[value] = &c
	s.codeOrder = append(s.codeOrder, value)
	return value
}

// takeCode uses up a code. Of a sort, an app or a time for which it was not
// made it stays as it is.
func (s *sns) takeCode(app, value string, mini bool, at time.Time) (userCode, int) {
	c, ok := s.codes[value]
	switch {
	case !ok || c.app != app || (c.scope == "") != mini:
		return userCode{}, codeBadCode
	case c.used:
		return userCode{}, codeUsedCode
	case !at.Before(c.expiry):
		return userCode{}, codeOldCode
	}
	c.used = true
	return *c, codeOK
}

// grant makes the tokens for a code.
func (s *sns) grant(c userCode, at time.Time, lifetime time.Duration) *userGrant {
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
	g := &userGrant{
		app: c.app, openID: c.openID, scope: c.scope,
		refresh: "83_" + randomText(60), expiry: at.Add(refreshLifetime),
	}
	s.issue(g, at.Add(lifetime))
	s.byRefresh[g.refresh] = g
	s.grants = append(s.grants, g)
	return g
}

func (s *sns) forget(g *userGrant) {
	delete(s.byRefresh, g.refresh)
	for _, t := range g.tokens {
		delete(s.byToken, t.value)
	}
}

func (s *sns) issue(g *userGrant, expiry time.Time) {
	t := &userToken{grant: g, value: "83_" + randomText(60), expiry: expiry}
	s.byToken[t.value] = t
	g.tokens = append(g.tokens, t)
}

// refresh prolongs a token that lives, and makes a new one when it does not.
// The refresh token and its expiry stay.
func (s *sns) refresh(g *userGrant, at time.Time, lifetime time.Duration) *userToken {
	if t := g.current(); t.live(at) {
		t.expiry = at.Add(lifetime)
		return t
	}
	s.issue(g, at.Add(lifetime))
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

// NewCode has a user authorize an app, and returns the code with which the
// browser comes back from it.
func (s *Sandbox) NewCode(appID, openID, scope string) (string, error) {
	if !slices.Contains([]string{ScopeBase, ScopeUserInfo, ScopeLogin}, scope) {
		return "", fmt.Errorf("unknown scope %q; there are: %s, %s, %s", scope, ScopeBase, ScopeUserInfo, ScopeLogin)
	}
	return s.newCode(appID, openID, scope)
}

// NewJSCode returns the code that a mini program gets when a user opens it.
func (s *Sandbox) NewJSCode(appID, openID string) (string, error) {
	return s.newCode(appID, openID, "")
}

func (s *Sandbox) newCode(appID, openID, scope string) (string, error) {
	if openID == "" {
		return "", errors.New("the open id is missing")
	}
	var code string
	err := s.withApp(appID, func(*wechatApp) {
		w := s.wechat
		code = w.sns.addCode(userCode{
			app: appID, openID: openID, scope: scope, expiry: s.now().Add(w.cfg.CodeLifetime),
		})
	})
	return code, err
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
