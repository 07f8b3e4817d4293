package broker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what apps may have.
const (
	MaxParam  = 256     // bytes of the value of one param
	MaxSecret = 4 << 10 // bytes of a secret, which may be a private key, and of a refresh token
)

// SettingFault is what is wrong with one of an app's settings. It quotes no value.
type SettingFault struct {
	// Path are the names of the setting in a configuration, such as params and agent_id.
	Path []string
	// Missing says that it is not there and has to be.
	Missing bool
	// Known are the names that there are, where the setting's own is none of them.
	Known []string
	Says  string // what is wrong and what to do, to be read after the setting's name
}

// String is the fault as one line.
func (f SettingFault) String() string {
	names := slices.Clone(f.Path)
	for i, name := range names {
		if len(name) > 32 || !shortText(name) {
			names[i] = "?"
		}
	}
	return strings.Join(names, ".") + " " + f.Says
}

// settingFaults collects the faults of an app.
type settingFaults struct{ list []SettingFault }

// add takes in a fault of a setting, whose names are joined by dots.
func (l *settingFaults) add(setting, format string, args ...any) {
	l.at(strings.Split(setting, "."), format, args...)
}

func (l *settingFaults) at(path []string, format string, args ...any) {
	l.list = append(l.list, SettingFault{Path: path, Says: fmt.Sprintf(format, args...)})
}

func (l *settingFaults) missing(setting, todo string) {
	l.list = append(l.list, SettingFault{Path: strings.Split(setting, "."), Missing: true, Says: "is missing; " + todo})
}

// unknown takes in a fault of a setting that is none of those that there are. What is
// unknown is the setting's last name, or its value.
func (l *settingFaults) unknown(path, known []string) {
	l.list = append(l.list, SettingFault{Path: path, Known: known, Says: "is not known: there are " + strings.Join(known, ", ")})
}

// CheckSettings says what is wrong with the settings of an app that depend on its platform:
// its params, how it gets tokens by OAuth 2.0, and its refresh token. That a refresh token
// is there is not looked at: it may be on record, see [App.WantsRefresh].
func (p *Platform) CheckSettings(a *App) []SettingFault {
	var l settingFaults
	l.params(p, a)
	switch {
	case p.OAuth2 && a.OAuth2 == nil:
		l.missing("oauth2", "say at which token_url, or of which issuer, tokens are got")
	case !p.OAuth2 && a.OAuth2 != nil:
		l.add("oauth2", "has no meaning: the platform %s itself says where its tokens are got; remove it", p.Name)
	case a.OAuth2 != nil:
		l.oauth2(a)
	}
	if !a.Refresh.IsZero() {
		switch {
		case !p.OAuth2:
			l.add("refresh_token", "has no meaning: the platform %s gives tokens without one; remove it", p.Name)
		case a.Mode != RefreshMode:
			l.add("refresh_token", "is only for the mode %s; remove it", RefreshMode)
		case len(a.Refresh.Reveal()) > MaxSecret || strings.ContainsFunc(a.Refresh.Reveal(), func(c rune) bool { return c <= ' ' || c > '~' }):
			l.add("refresh_token", "is none: it is longer than %d bytes, or has spaces or other characters in it that no token has", MaxSecret)
		}
	}
	return l.list
}

// params checks what the platform wants to know.
func (l *settingFaults) params(p *Platform, a *App) {
	params, mode := a.Params, a.Mode
	if mode == "" && len(p.Modes) > 0 {
		mode = p.Modes[0]
	}
	var needs []string
	if p.Needs != nil {
		needs = p.Needs(mode)
	}
	known := make([]string, len(p.Params))
	for i, x := range p.Params {
		known[i] = x.Name
		switch _, given := params[x.Name]; {
		case given:
		case x.Required:
			l.missing("params."+x.Name, cmp.Or(x.Help, "the platform "+p.Name+" wants to know it"))
		case slices.Contains(needs, x.Name):
			l.missing("params."+x.Name, strings.TrimSuffix("the mode "+mode+" of the platform "+p.Name+" cannot do without it: "+x.Help, ": "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		switch path := []string{"params", name}; {
		case len(known) == 0:
			l.at(path, "is not known: the platform %s has no params; remove it", p.Name)
		case !slices.Contains(known, name):
			l.unknown(path, known)
		case !shortText(params[name]):
			l.at(path, "is no param: write 1 to %d bytes of printable text", MaxParam)
		}
	}
}

// shortText reports whether s may be a param: it gets into URLs, bodies and answers.
func shortText(s string) bool {
	return s != "" && len(s) <= MaxParam && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}
