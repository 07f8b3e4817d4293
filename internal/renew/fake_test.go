package renew_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

// fakePlatform is a platform that does as a test tells it. It gives the names of its
// tokens in order: t1, t2, ….
type fakePlatform struct {
	rotation broker.Rotation
	lifetime time.Duration

	mu    sync.Mutex
	n     int
	calls int
	issue func(ctx context.Context, n int) error // before the n-th call gives a token
}

// platforms is for fleetConfig. The app of a fleet is of the platform "wechat".
func (p *fakePlatform) platforms(*valve) []broker.Platform {
	return []broker.Platform{{
		Name: wechat.Name, Modes: []string{"fake"}, BaseURL: "http://fake",
		Kinds: func(string) map[broker.Kind]broker.Source {
			return map[broker.Kind]broker.Source{broker.AccessToken: {Rotation: p.rotation, Issuer: p}}
		},
	}}
}

// Issue implements [broker.Issuer].
func (p *fakePlatform) Issue(ctx context.Context, _ broker.IssueRequest) (broker.Issued, error) {
	p.mu.Lock()
	p.calls++
	n, issue := p.calls, p.issue
	p.mu.Unlock()
	if issue != nil {
		if err := issue(ctx, n); err != nil {
			return broker.Issued{}, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	return broker.Issued{Token: broker.NewSecret(fmt.Sprintf("t%d", p.n)), Lifetime: p.lifetime}, nil
}

func (p *fakePlatform) called() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

func (p *fakePlatform) behave(issue func(ctx context.Context, n int) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.issue = issue
}

// families are a rotation of each family, with lifetimes of 20 s.
func families() map[string]broker.Rotation {
	limits := broker.Limits{PerDay: 2000, Unplanned: 100}
	const life, tail = 20 * time.Second, 6 * time.Second
	return map[string]broker.Rotation{
		"eager":       {Family: broker.Eager, Lifetime: life, Overlap: tail, Limits: limits},
		"late":        {Family: broker.Late, Lifetime: life, Window: tail, Limits: limits},
		"fixed":       {Family: broker.Fixed, Lifetime: life, Limits: limits},
		"sliding":     {Family: broker.Sliding, Lifetime: life, Limits: limits},
		"independent": {Family: broker.Independent, Lifetime: life, Limits: limits},
	}
}

func newFake(rot broker.Rotation) *fakePlatform {
	return &fakePlatform{rotation: rot, lifetime: rot.Lifetime}
}

// fakeFleet is a fleet whose platform is p.
func fakeFleet(t tester, p *fakePlatform, c fleetConfig) *fleet {
	c.mode, c.platforms = "fake", p.platforms
	return newFleet(t, c)
}
