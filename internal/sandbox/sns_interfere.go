package sandbox

import (
	"errors"
	"fmt"
	"slices"
)

var errNoOpenID = errors.New("the open id is missing")

// NewCode has a user authorize an app, and returns the code with which the
// browser comes back from it. The open id may be anything; see [OpenID] for those
// of the [Users].
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
	var code string
	err := s.withMember(appID, openID, func(m member) {
		code = s.wechat.newCode(m, scope, s.now())
	})
	return code, err
}

// withMember calls f for a user of an app under the platform's lock.
func (s *Sandbox) withMember(appID, openID string, f func(member)) error {
	if openID == "" {
		return errNoOpenID
	}
	return s.withApp(appID, func(*wechatApp) { f(member{appID, openID}) })
}

// eachGrant calls f for all that a user has granted an app, and counts where it did something.
func (s *Sandbox) eachGrant(appID, openID string, f func(*userGrant) bool) (int, error) {
	n := 0
	err := s.withMember(appID, openID, func(m member) {
		for _, g := range s.wechat.sns.grants {
			if g.member == m && f(g) {
				n++
			}
		}
	})
	return n, err
}

// ExpireUser lets the lives of a user's tokens for an app end now (42001). The refresh tokens
// live on. It returns how many tokens lived.
func (s *Sandbox) ExpireUser(appID, openID string) (int, error) {
	at := s.now()
	return s.eachGrant(appID, openID, func(g *userGrant) bool {
		t := g.current()
		lived := t.live(at)
		if lived {
			t.expiry = at
		}
		return lived
	})
}

// KillUser ends a user's tokens for an app now as if they were never issued (40001). The
// refresh tokens live on. It returns how many tokens lived.
func (s *Sandbox) KillUser(appID, openID string) (int, error) {
	at := s.now()
	return s.eachGrant(appID, openID, func(g *userGrant) bool {
		t := g.current()
		lived := t.live(at)
		t.killed = t.killed || lived
		return lived
	})
}

// ExpireRefresh lets the thirty days of a user's refresh tokens for an app end now (42002).
// The tokens live on. It returns how many refresh tokens lived.
func (s *Sandbox) ExpireRefresh(appID, openID string) (int, error) {
	at := s.now()
	return s.eachGrant(appID, openID, func(g *userGrant) bool {
		lived := g.refusal(g.refresh, at) == codeOK
		if lived {
			g.expiry = at
		}
		return lived
	})
}

// Revoke has a user change the password or take back what was granted to an app: all
// tokens and refresh tokens end (42007), and only another login brings new ones. It returns how
// many grants that ended.
func (s *Sandbox) Revoke(appID, openID string) (int, error) {
	return s.eachGrant(appID, openID, func(g *userGrant) bool {
		ended := !g.revoked
		g.revoked = true
		return ended
	})
}

// Block has the platform take a user of a mini program for a high risk: codes of the user are
// refused (40226), and not used up.
func (s *Sandbox) Block(appID, openID string) error { return s.block(appID, openID, true) }

// Unblock ends what [Sandbox.Block] began.
func (s *Sandbox) Unblock(appID, openID string) error { return s.block(appID, openID, false) }

func (s *Sandbox) block(appID, openID string, blocked bool) error {
	return s.withMember(appID, openID, func(m member) { s.wechat.sns.member(m).blocked = blocked })
}
