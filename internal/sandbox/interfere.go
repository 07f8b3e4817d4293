package sandbox

import (
	"fmt"
	"net/netip"
	"slices"
)

// Frozen is the code with which an app's token endpoints refuse, or zero.
type Frozen int

// The ways in which an app can be frozen.
const (
	FrozenSecret   Frozen = 40243 // the secret was frozen by its owner
	FrozenPunished Frozen = 50004 // no tokens, as a punishment
	FrozenAccount  Frozen = 50007 // the whole account
)

// AddApp registers an app, or replaces all but the tokens and the history of the one
// that has its id. It panics where there is no such platform.
func (s *Sandbox) AddApp(a App) {
	if a.Platform == "" || a.Platform == weChat {
		s.wechat.mu.Lock()
		defer s.wechat.mu.Unlock()
		s.wechat.add(a)
		return
	}
	p := s.Of(a.Platform)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(a)
}

// withApp calls f for an app under the platform's lock.
func (s *Sandbox) withApp(appID string, f func(*wechatApp)) error {
	s.wechat.mu.Lock()
	defer s.wechat.mu.Unlock()
	app, ok := s.wechat.apps[appID]
	if !ok {
		return fmt.Errorf("%w %q", ErrUnknownApp, appID)
	}
	f(app)
	return nil
}

// RotateOutside has somebody else, who uses the same secret, call
// cgi-bin/token, and returns the token that they got. It costs nothing of the
// quota and is never a misuse.
func (s *Sandbox) RotateOutside(appID string) (string, error) {
	var value string
	err := s.withApp(appID, func(app *wechatApp) {
		value = s.wechat.issue(app, Classic, s.now(), false, true).value
	})
	return value, err
}

// ForceOutside has somebody else call stable_token with force_refresh, and
// returns the token that they got. Neither quota nor gap apply.
func (s *Sandbox) ForceOutside(appID string) (string, error) {
	var value string
	err := s.withApp(appID, func(app *wechatApp) {
		value = s.wechat.issue(app, Stable, s.now(), true, true).value
	})
	return value, err
}

// Kill ends a token now, and reports whether it lived.
func (s *Sandbox) Kill(token string) bool {
	s.wechat.mu.Lock()
	defer s.wechat.mu.Unlock()
	t := s.wechat.tokens[token]
	return t != nil && t.endAt(s.now(), endKilled)
}

// Spoil ends a token now, but stable_token goes on handing it out until its
// window or a forced refresh. It reports whether the token lived.
func (s *Sandbox) Spoil(token string) bool {
	s.wechat.mu.Lock()
	defer s.wechat.mu.Unlock()
	t := s.wechat.tokens[token]
	if t == nil || !t.endAt(s.now(), endKilled) {
		return false
	}
	t.spoiled = true
	return true
}

// KillCurrent ends the newest token of an app in a mode, and reports whether
// it lived.
func (s *Sandbox) KillCurrent(appID string, m Mode) (bool, error) {
	var lived bool
	err := s.withApp(appID, func(app *wechatApp) {
		t := app.lineage(m).current
		lived = t != nil && t.endAt(s.now(), endKilled)
	})
	return lived, err
}

// SetSecret replaces an app's secret at once. Tokens live on; whether they do
// on the real platform is not documented.
func (s *Sandbox) SetSecret(appID, secret string) error {
	return s.withApp(appID, func(app *wechatApp) { app.secret = secret })
}

// SetWhitelist replaces an app's whitelist of addresses and networks. None
// means that everybody may ask.
func (s *Sandbox) SetWhitelist(appID string, entries ...string) error {
	for _, e := range entries {
		if !isAddress(e) {
			return fmt.Errorf("whitelist entry %q is neither an address nor a network", e)
		}
	}
	return s.withApp(appID, func(app *wechatApp) { app.whitelist = slices.Clone(entries) })
}

func isAddress(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	_, err := netip.ParsePrefix(s)
	return err == nil
}

// Freeze makes an app's token endpoints refuse. Tokens live on.
func (s *Sandbox) Freeze(appID string, how Frozen) error {
	return s.withApp(appID, func(app *wechatApp) { app.frozen = how })
}

// Unfreeze ends what [Sandbox.Freeze] began.
func (s *Sandbox) Unfreeze(appID string) error { return s.Freeze(appID, 0) }

// ConfirmIP is the administrator's yes to a new address, see App.ConfirmIPs.
func (s *Sandbox) ConfirmIP(appID, ip string) error {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return fmt.Errorf("confirm address: %w", err)
	}
	return s.withApp(appID, func(app *wechatApp) { app.setRisk(addr.Unmap(), risk{confirmed: true}) })
}

// RefuseIP is the administrator's no to a new address: an hour the first time,
// a day from the second.
func (s *Sandbox) RefuseIP(appID, ip string) error {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return fmt.Errorf("refuse address: %w", err)
	}
	return s.withApp(appID, func(app *wechatApp) { app.refuseIP(addr.Unmap(), s.now()) })
}
