package broker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// App is one registration on a platform. A value that has been handed over is not
// changed any more; a change makes a new one.
type App struct {
	ID       string // our name
	Platform string
	AppID    string // the platform's name for it
	Secrets  []Secret
	Mode     string // platform's way to issue; empty: its default
	BaseURL  string // empty: the platform's own
	// Params are what the platform wants to know besides, see [Platform.Params]. Apps that
	// differ in them are different apps to the platform.
	Params map[string]string
	// OAuth2 says how tokens are got from a provider of OAuth 2.0. Nil: not so.
	OAuth2 *OAuth2
	// Refresh is the refresh token to begin with, where tokens are issued by one. What
	// comes after it is kept with the tokens.
	Refresh Secret
	Policy  *Policy
	Sinks   []Sink
	// Deny are the patterns of paths that only administrators may call through the
	// gateway. Nil: the platform's own list. Empty and not nil: none.
	Deny []string
	// Login says how users log in to the app in their browsers. Nil: they do not.
	Login *Login
	// PageHosts are the hosts, with their ports where they name any, whose pages may use
	// the app's JS-SDK. A host that begins with "*." stands for all below it.
	PageHosts []string
	Origin    Origin
	Version   Version // of the stored definition; zero for apps from the file
	// Stamp tells stored definitions of one version apart, such as one that was removed and
	// added again.
	Stamp uint64
}

// Policy is what an operator may say about renewing. Zero values mean the defaults.
type Policy struct {
	Overlap      time.Duration // zero: what the platform documents
	Every        time.Duration // zero: an hour, or half of the lifetime where that is longer
	Ahead        time.Duration // zero: ten minutes; of a window all
	InitialDelay time.Duration // of the first issue after a start
}

// Bounds of what may be configured.
const (
	MinPeriod  = time.Second
	MaxPeriod  = 30 * 24 * time.Hour
	MaxSecrets = 8 // one that is tried in vain costs a call at the platform
)

// Check says what is wrong with a policy: zero stands for the default, and everything
// else has to be from [MinPeriod] to [MaxPeriod]; InitialDelay may be shorter.
func (p Policy) Check() error {
	for _, d := range []struct {
		name string
		d    time.Duration
		min  time.Duration
	}{{"overlap", p.Overlap, MinPeriod}, {"renew.every", p.Every, MinPeriod}, {"renew.ahead", p.Ahead, MinPeriod}, {"renew.initial_delay", p.InitialDelay, 0}} {
		if d.d != 0 && (d.d < d.min || d.d > MaxPeriod) {
			return fmt.Errorf("%s is %v: want %v to %v", d.name, d.d, d.min, MaxPeriod)
		}
	}
	return nil
}

// The defaults of [Policy]: WeChat advises an hour, which is half of a lifetime there and
// leaves the other half as slack when the platform is down.
const (
	DefaultEvery = time.Hour
	DefaultAhead = 10 * time.Minute
)

// Renew returns the app's policy. What it leaves out depends on the token.
func (a *App) Renew() Policy {
	if a.Policy == nil {
		return Policy{}
	}
	return *a.Policy
}

// fit fills in the defaults for a token of a lifetime, and clamps what does not fit into it.
// A token that lives for days is not replaced every hour for a slack that is there anyway,
// and one that is only replaced in its window is as soon as it may be.
func (p Policy) fit(rot Rotation, lifetime time.Duration) Policy {
	if p.Every <= 0 {
		p.Every = max(DefaultEvery, lifetime/2)
	}
	if p.Ahead <= 0 {
		p.Ahead = DefaultAhead
		if rot.Family == Late {
			p.Ahead = rot.Window
		}
	}
	p.Every, p.Ahead = clampHalf(p.Every, lifetime), clampHalf(p.Ahead, lifetime)
	return p
}

// Source names the registration at the platform, and how tokens are asked for, in
// one short word without secrets. Apps that differ in it never share a token (I8).
func (a *App) Source() string {
	b := make([]byte, 0, 128)
	for _, s := range [...]string{a.Platform, a.AppID, a.Mode, a.BaseURL} {
		// The lengths keep parts apart that would read the same when joined.
		b = append(strconv.AppendInt(b, int64(len(s)), 10), ':')
		b = append(b, s...)
	}
	// What not all apps have is added only where it is there, with a mark before it, so that
	// the others keep the name they always had.
	if len(a.Params) > 0 {
		b = append(b, 'p')
		for _, name := range slices.Sorted(maps.Keys(a.Params)) {
			for _, s := range [...]string{name, a.Params[name]} {
				b = append(strconv.AppendInt(b, int64(len(s)), 10), ':')
				b = append(b, s...)
			}
		}
	}
	if a.OAuth2 != nil {
		b = a.OAuth2.identity(append(b, 'o'))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Same reports whether two have one [App.Source], as an app and what it is after a change of
// what is no part of that.
func (a *App) Same(other *App) bool { return a == other || a.Source() == other.Source() }

// Registrations name what no two apps may share, in one short word each: where tokens are asked
// for, as whom, in which way and for what. Two apps that have one of them in common would end
// each other's tokens, or have one token between them (I1).
// The app's mode is filled in. Where it is counts as [Platform.Entry], so that a test and a
// production environment are two. Of apps with a refresh token it is that token, which is used
// up whatever it is used for: others of the same client were authorized apart.
//
// The first tells without the secrets, which may be changed. Where there are params that are
// [Param.Idle], the others are each of the secrets, with whatever is said in those params.
func (p *Platform) Registrations(a *App) []string {
	if !a.Refresh.IsZero() {
		return []string{(&App{Platform: a.Platform, AppID: a.AppID}).Source() + a.Refresh.Fingerprint()}
	}
	x := *a
	x.BaseURL = p.Entry(a.BaseURL)
	if p.OneToken {
		x.Mode, x.Params = "", nil
	}
	names := []string{x.Source()}
	if !slices.ContainsFunc(p.Params, func(p Param) bool { return p.Idle }) {
		return names
	}
	x.Params = maps.Clone(x.Params)
	for _, param := range p.Params {
		if param.Idle {
			delete(x.Params, param.Name)
		}
	}
	for _, secret := range x.Secrets {
		names = append(names, x.Source()+secret.Fingerprint())
	}
	return names
}

// Fits reports whether the app may be the one of whose params that is said: none that it has is
// another one. Of those that it does not have nobody knows.
func (a *App) Fits(params map[string]string) bool {
	for name, said := range params {
		if has, known := a.Params[name]; known && has != said {
			return false
		}
	}
	return true
}

// Origin says where a definition comes from and so who may change it.
type Origin string

// The origins of apps and clients.
const (
	FromFile Origin = "file" // read-only in the API
	FromAPI  Origin = "api"
)
