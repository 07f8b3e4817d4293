package grant_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	base  broker.Kind = "snsapi_base"
	info  broker.Kind = "snsapi_userinfo"
	login broker.Kind = "snsapi_login"

	lifetime = 2 * time.Hour
	month    = 30 * 24 * time.Hour
)

// The calls of a platform.
const (
	exchanging = "exchange"
	logging    = "session"
	refreshing = "refresh"
	checking   = "check"
	profiling  = "profile"
)

// owner is whom the platform has given a token for.
type owner struct {
	registration string // the app's id at the platform, and which platform that is
	user         string
	kind         broker.Kind
}

type issued struct {
	owner
	until time.Time
	ended bool // it was used up, or the user has taken it back
}

// fakePlatform knows whose its tokens are and which of them live, as a real one does.
type fakePlatform struct {
	mu       sync.Mutex
	usesUp   bool // a refresh uses the refresh token up
	silent   bool // an exchange does not say what was granted
	extends  bool // a refresh gives a token that lives once more, and for longer
	bad      map[string]bool
	codes    map[string]owner
	sent     map[string]int
	access   map[string]*issued
	refresh  map[string]*issued
	sessions map[string]*issued
	made     []string // all secrets there ever were
	calls    map[string]int
	reused   int // refresh tokens that were sent although they were used up
	before   func(ctx context.Context, call string) error
	after    func(ctx context.Context, call string) error
	alter    func(*broker.Granted)
	profile  func(*broker.Profile)
}

func newFake() *fakePlatform {
	return &fakePlatform{
		bad: map[string]bool{}, codes: map[string]owner{}, sent: map[string]int{}, calls: map[string]int{},
		access: map[string]*issued{}, refresh: map[string]*issued{}, sessions: map[string]*issued{},
	}
}

// platform is the platform as broker knows it; each process may have its own way there.
func (p *fakePlatform) platform(io func(context.Context, func() error) error) broker.Platform {
	return broker.Platform{Name: "fake", BaseURL: "http://fake", Web: web{p, io}, Mini: mini{web{p, io}}}
}

// code lets a user log in.
func (p *fakePlatform) code(app *broker.App, user string, kind broker.Kind) broker.Secret {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.newSecret("code")
	p.codes[c] = owner{registration(app), user, kind}
	return broker.NewSecret(c)
}

// newSecret expects mu to be held, as do all methods below that are not a call.
func (p *fakePlatform) newSecret(what string) string {
	s := fmt.Sprintf("%s-%04d-mustnotbeseen", what, len(p.made))
	p.made = append(p.made, s)
	return s
}

func (p *fakePlatform) count(call string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[call]
}

func (p *fakePlatform) set(f func(*fakePlatform)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

// kill ends all access tokens of a user, behind the server's back.
func (p *fakePlatform) kill(user string) {
	p.set(func(p *fakePlatform) {
		for _, a := range p.access {
			if a.user == user {
				a.until = time.Now()
			}
		}
	})
}

// end takes back what a user has granted.
func (p *fakePlatform) end(user string) {
	p.kill(user)
	p.set(func(p *fakePlatform) {
		for _, r := range p.refresh {
			if r.user == user {
				r.ended = true
			}
		}
	})
}

// opens says whose token it is, if it lives.
func (p *fakePlatform) opens(token broker.Secret) (owner, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.access[token.Reveal()]
	if a == nil || !time.Now().Before(a.until) {
		return owner{}, false
	}
	return a.owner, true
}

func (p *fakePlatform) secrets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made
}

// call runs one call as what happens to it lets it run.
func (p *fakePlatform) call(ctx context.Context, name string, act func() error) error {
	p.mu.Lock()
	before, after := p.before, p.after
	p.calls[name]++
	p.mu.Unlock()
	if before != nil {
		if err := before(ctx, name); err != nil {
			return err
		}
	}
	p.mu.Lock()
	err := act()
	p.mu.Unlock()
	if after != nil {
		if lost := after(ctx, name); lost != nil {
			return lost
		}
	}
	return err
}

func (p *fakePlatform) issue(o owner, refresh string) broker.Granted {
	a := p.newSecret("access")
	p.access[a] = &issued{owner: o, until: time.Now().Add(lifetime)}
	g := broker.Granted{
		Kind: o.kind, OpenID: o.user, UnionID: "union-" + o.user, Scope: string(o.kind),
		Access: broker.NewSecret(a), Lifetime: lifetime, Refresh: broker.NewSecret(refresh), RefreshLifetime: month,
	}
	if p.alter != nil {
		p.alter(&g)
	}
	return g
}

func (p *fakePlatform) newRefresh(o owner) string {
	r := p.newSecret("refresh")
	p.refresh[r] = &issued{owner: o, until: time.Now().Add(month)}
	return r
}

// admit takes a code, once.
func (p *fakePlatform) admit(app *broker.App, secret, code broker.Secret) (owner, error) {
	c := code.Reveal()
	p.sent[c+" by "+secret.Reveal()]++
	if p.bad[secret.Reveal()] {
		return owner{}, &broker.Error{Code: "bad_secret", Class: broker.BadCredential, Message: "invalid appsecret"}
	}
	p.sent[c]++
	o, ok := p.codes[c]
	delete(p.codes, c)
	if !ok || o.registration != registration(app) {
		return owner{}, &broker.Error{Code: "bad_login_code", Class: broker.Invalid, Message: "the login code is wrong"}
	}
	return o, nil
}

// sentTwice are the codes that were sent again: after the platform may have taken them, or
// with the same secret.
func (p *fakePlatform) sentTwice() (again []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for what, n := range p.sent {
		if n > 1 {
			again = append(again, what)
		}
	}
	return again
}

func registration(app *broker.App) string {
	return app.AppID + "@" + strings.TrimPrefix(app.BaseURL, "http://fake")
}

// away is how a platform fails that does not answer.
func away() *broker.Error {
	return &broker.Error{Code: "platform_timeout", Class: broker.Transient, Message: "the platform did not answer", Unknown: true}
}

var errDead = errors.New("this process is dead")
