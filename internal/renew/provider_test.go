package renew_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

// provider gives tokens for refresh tokens. It uses those up, and one that comes again
// ends the grant, as RFC 9700 has it.
type provider struct {
	rotation broker.Rotation
	grace    time.Duration // in which the one before the newest is taken again

	mu        sync.Mutex
	given     []string // refresh tokens, in order
	replaced  time.Time
	tokens    map[string]time.Time // access tokens, and their ends
	asked     int
	reused    int // refresh tokens that came again
	ended     bool
	running   map[string]int
	together  int                            // calls that ran at once with one refresh token
	kept      bool                           // refresh tokens are not used up, and no other is given
	before    func(*valve) error             // before it acts; an error is the call's
	after     func(*valve) error             // after it has acted; an error is the call's
	alter     func(*broker.Issued) error     // what the answer says
	onReuse   func(successor string)         // the one that was given for the one that came again
	delivered func(v *valve, refresh string) // an answer was given
}

const seed = "rt-0000-mustnotbeseen"

func newProvider() *provider {
	return &provider{
		rotation: broker.Rotation{Family: broker.Independent, UsesRefresh: true, Lifetime: 10 * time.Minute, Limits: broker.Limits{PerDay: 2000, Unplanned: 100}},
		given:    []string{seed}, tokens: map[string]time.Time{}, running: map[string]int{},
	}
}

// access is one replica's way to the provider.
type access struct {
	p *provider
	v *valve
}

func (p *provider) platforms(v *valve) []broker.Platform {
	return []broker.Platform{{
		Name: wechat.Name, Modes: []string{"fake"}, BaseURL: "http://fake",
		Kinds: func(string) map[broker.Kind]broker.Source {
			return map[broker.Kind]broker.Source{broker.AccessToken: {Rotation: p.rotation, Issuer: access{p, v}}}
		},
	}}
}

func lostAnswer() error {
	return &broker.Error{Code: "platform_timeout", Class: broker.Transient, Unknown: true, Message: "no answer"}
}

// Issue implements [broker.Issuer].
func (a access) Issue(_ context.Context, req broker.IssueRequest) (broker.Issued, error) {
	p, used := a.p, req.Refresh.Reveal()
	p.mu.Lock()
	p.asked++
	if p.running[used]++; p.running[used] > 1 {
		p.together++
	}
	before, after := p.before, p.after
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.running[used]--
	}()
	if before != nil {
		if err := before(a.v); err != nil {
			return broker.Issued{}, err
		}
	}
	got, err := p.act(a.v, used)
	if after != nil {
		if lost := after(a.v); lost != nil {
			return broker.Issued{}, lost
		}
	}
	return got, err
}

func (p *provider) act(v *valve, used string) (broker.Issued, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := -1
	for i, r := range p.given {
		if r == used {
			at = i
		}
	}
	newest := len(p.given) - 1
	switch {
	case at < 0, p.ended:
		return broker.Issued{}, broker.ErrRefreshEnded
	case at < newest && (at < newest-1 || !time.Now().Before(p.replaced.Add(p.grace))):
		p.reused++
		p.ended = true
		if p.onReuse != nil {
			p.onReuse(p.given[at+1])
		}
		return broker.Issued{}, broker.ErrRefreshEnded
	}
	tok := fmt.Sprintf("at-%04d-mustnotbeseen", len(p.tokens)+1)
	p.tokens[tok] = time.Now().Add(p.rotation.Lifetime)
	got := broker.Issued{Token: broker.NewSecret(tok), Lifetime: p.rotation.Lifetime}
	if !p.kept {
		next := fmt.Sprintf("rt-%04d-mustnotbeseen", len(p.given))
		p.given, p.replaced = append(p.given, next), time.Now()
		got.Refresh = broker.NewSecret(next)
		if p.delivered != nil {
			p.delivered(v, next)
		}
	}
	if p.alter != nil {
		return got, p.alter(&got)
	}
	return got, nil
}

// grant begins anew, as if the app had been authorized again.
func (p *provider) grant(refresh string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = false
	p.given = append(p.given, refresh)
}

func (p *provider) set(f func(*provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

func (p *provider) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *provider) live(tok broker.Token) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.tokens[tok.Secret.Reveal()])
}

// abused reports whether a refresh token came again, or twice at once.
func (p *provider) abused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reused > 0 || p.together > 0 || p.ended
}

func (p *provider) newest() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.given[len(p.given)-1]
}

// grantFleet is a fleet whose app begins with the provider's seed, and renews every two
// minutes.
func grantFleet(t tester, p *provider, c fleetConfig) *fleet {
	c.mode, c.platforms, c.refresh, c.quiet = "fake", p.platforms, seed, true
	c.policy = broker.Policy{Every: 2 * time.Minute}
	return newFleet(t, c)
}

// chain is the refresh token that is stored; the configured one where there is none.
func (f *fleet) chain() string {
	f.t.Helper()
	r := f.record(accessToken)
	if len(r.Refresh) == 0 {
		return f.app.Refresh.Reveal()
	}
	plain, err := plainSealer{}.Open(r.Refresh, r.Key.RefreshData())
	if err != nil {
		f.t.Error(err)
	}
	if first, _, _ := strings.Cut(r.Seed, ","); first != f.app.Refresh.Fingerprint() {
		f.t.Errorf("the refresh token descends from %q", r.Seed)
	}
	return string(plain)
}

// keeps checks what has to be true of a grant that nothing has happened to.
func (f *fleet) keeps(p *provider) {
	f.t.Helper()
	for _, r := range f.replicas {
		if tok := f.token(r); !p.live(tok) {
			f.t.Errorf("%s hands out a dead token", r.name)
		}
	}
	if p.abused() {
		f.t.Error("I5: a refresh token came again, or twice at once")
	}
	if f.chain() != p.newest() {
		f.t.Errorf("I5: %s is stored, and the provider gave %s", f.chain(), p.newest())
	}
	for _, s := range []string{"at-0", "rt-0"} {
		if strings.Contains(f.log.String(), s) {
			f.t.Error("I6: a token is in the log")
		}
	}
}

// gone makes every access of a replica's store fail from now on, for a while.
func gone(s *memstore.Store, d time.Duration) {
	s.Fail(errStoreGone)
	time.AfterFunc(d, func() { s.Fail(nil) })
}
