package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// withApp calls f for an app under the platform's lock.
func (p *Platform) withApp(app string, f func(*account) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.accounts[app]
	if !ok {
		return fmt.Errorf("%w %q of %s%s", ErrUnknownApp, app, p.name, p.agentsOf(app))
	}
	return f(m)
}

// agentsOf names the agents of a corp, for whoever has named the corp alone or another agent.
func (p *Platform) agentsOf(app string) string {
	corp, _, _ := strings.Cut(app, ":")
	var names []string
	for _, k := range p.order {
		if p.accounts[k].agent != "" && p.accounts[k].id == corp {
			names = append(names, k)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; there are: " + strings.Join(names, ", ")
}

// withMode calls f for an app and a mode, the first where none is named.
func (p *Platform) withMode(app string, name Mode, f func(*account, mode)) error {
	return p.withApp(app, func(m *account) error {
		mode, ok := p.mode(name)
		if !ok {
			var names []string
			for _, m := range p.Modes() {
				names = append(names, string(m))
			}
			return fmt.Errorf("unknown mode %q of %s; there are: %s", name, p.name, strings.Join(names, ", "))
		}
		f(m, mode)
		return nil
	})
}

// RotateOutside has somebody else, who uses the same secret, ask for a token in a mode,
// and returns what they got: where the platform gives the same token again, that one. It
// costs nothing of the quota and is never a misuse.
func (p *Platform) RotateOutside(app string, name Mode) (string, error) {
	var value string
	err := p.withMode(app, name, func(m *account, mode mode) {
		t := m.lines[mode.name].standing(p.now())
		if t == nil {
			t = p.mint(m, mode, p.now(), true)
		}
		value = t.value
	})
	return value, err
}

// Kill ends a token now, and reports whether it lived.
func (p *Platform) Kill(token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tokens[token]
	return t != nil && t.endAt(p.now(), endKilled)
}

// Spoil ends a token now, but the platform goes on handing it out as long as it would have.
// It reports whether the token lived.
func (p *Platform) Spoil(token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tokens[token]
	if t == nil || !t.endAt(p.now(), endKilled) {
		return false
	}
	t.spoiled = true
	return true
}

// KillCurrent ends the newest token of an app in a mode, and reports whether it lived.
func (p *Platform) KillCurrent(app string, name Mode) (bool, error) {
	var lived bool
	err := p.withMode(app, name, func(m *account, mode mode) {
		t := m.lines[mode.name].current
		lived = t != nil && t.endAt(p.now(), endKilled)
	})
	return lived, err
}

// SetSecret replaces an app's secret at once. Tokens live on; whether they do on the real
// platforms is not documented.
func (p *Platform) SetSecret(app, secret string) error {
	return p.withApp(app, func(m *account) error { m.secret = secret; return nil })
}

// SetWhitelist replaces the addresses and networks that may call with an app's token. None
// means that everybody may.
func (p *Platform) SetWhitelist(app string, entries ...string) error {
	if p.notFrom == "" {
		return fmt.Errorf("%s does not look at addresses", p.name)
	}
	for _, e := range entries {
		if !isAddress(e) {
			return fmt.Errorf("whitelist entry %q is neither an address nor a network", e)
		}
	}
	return p.withApp(app, func(m *account) error { m.whitelist = slices.Clone(entries); return nil })
}

// Freeze makes an app's token paths refuse with a code of the platform. Tokens live on.
func (p *Platform) Freeze(app, code string) error {
	if code == "" {
		return errors.New("the code to refuse with is missing")
	}
	return p.withApp(app, func(m *account) error { m.frozen = code; return nil })
}

// Unfreeze ends what [Platform.Freeze] began.
func (p *Platform) Unfreeze(app string) error {
	return p.withApp(app, func(m *account) error { m.frozen = ""; return nil })
}
