package platformtest

import (
	"cmp"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// rotates asks the simulated platform again and again, and compares what becomes of
// the tokens with what the platform's rotation says as data.
func (k contract) rotates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sb := k.h.Open(t)
		r := &rotor{t: t, k: k, sb: sb}
		rot := k.h.New(platform.NewCaller(nil)).Kinds(k.c.Mode)[k.c.Kind].Rotation
		switch rot.Family {
		case broker.Eager:
			r.eager(rot)
		case broker.Late:
			r.late(rot)
		case broker.Fixed:
			r.fixed(rot)
		case broker.Sliding:
			r.sliding(rot)
		case broker.Independent:
			r.independent()
		}
	})
}

// rotor issues at a simulated platform.
type rotor struct {
	t  *testing.T
	k  contract
	sb Sandbox
}

func (r *rotor) base() string { return cmp.Or(r.sb.BaseURL, host) }

func (r *rotor) issue() broker.Issued {
	r.t.Helper()
	got, err := r.k.ask(r.t.Context(), r.sb.Transport, r.base(), r)
	if err != nil {
		r.t.Fatal(err)
	}
	r.lives(got, true)
	return got
}

func (r *rotor) lives(i broker.Issued, want bool) {
	r.t.Helper()
	if got := r.sb.Live(r.k.c.Kind, i.Token); got != want {
		r.t.Errorf("after %v the token lives: %v, want %v", i.Lifetime, got, want)
	}
}

func (r *rotor) same(a, b broker.Issued, want bool) {
	r.t.Helper()
	if got := a.Token.Equal(b.Token); got != want {
		r.t.Errorf("asked again, the platform gives the same token: %v, want %v", got, want)
	}
}

const moment = time.Second

func (r *rotor) eager(rot broker.Rotation) {
	first := r.issue()
	time.Sleep(rot.Overlap + moment)
	second := r.issue()
	r.same(first, second, false)
	time.Sleep(rot.Overlap - moment)
	r.lives(first, true)
	time.Sleep(2 * moment)
	r.lives(first, false)
	r.lives(second, true)
}

func (r *rotor) late(rot broker.Rotation) {
	first := r.issue()
	time.Sleep(first.Lifetime - rot.Window - moment)
	before := r.issue()
	r.same(first, before, true)
	if before.Lifetime != rot.Window+moment {
		r.t.Errorf("a token with %v left is given for %v", rot.Window+moment, before.Lifetime)
	}
	time.Sleep(2 * moment)
	second := r.issue()
	r.same(first, second, false)
	r.lives(first, true)
	time.Sleep(rot.Window - 2*moment)
	r.lives(first, true)
	time.Sleep(2 * moment)
	r.lives(first, false)
	r.lives(second, true)
	r.forced(rot, second)
}

// forced replaces a token before its time.
func (r *rotor) forced(rot broker.Rotation, old broker.Issued) {
	src := r.k.h.New(platform.NewCaller(r.sb.Transport)).Kinds(r.k.c.Mode)[r.k.c.Kind]
	forcer, ok := src.Issuer.(broker.Forcer)
	if !ok {
		return
	}
	app := r.k.app(r.base())
	req := broker.IssueRequest{App: app, Key: broker.Key{App: app.ID, Kind: r.k.c.Kind}, Secret: app.Secrets[0], Tokens: r}
	for range 2 {
		next, err := forcer.Force(r.t.Context(), req)
		if err != nil {
			r.t.Fatal(err)
		}
		r.same(old, next, false)
		r.lives(next, true)
		old = next
		time.Sleep(rot.Limits.ForceGap)
	}
}

func (r *rotor) fixed(rot broker.Rotation) {
	first := r.issue()
	time.Sleep(rot.Lifetime - moment)
	again := r.issue()
	r.same(first, again, true)
	if want := moment; !rot.AgeUnknown && again.Lifetime != want || rot.AgeUnknown && again.Lifetime != rot.Lifetime {
		r.t.Errorf("a token with %v left is given for %v, and its age is unknown: %v", moment, again.Lifetime, rot.AgeUnknown)
	}
	time.Sleep(2 * moment)
	r.same(first, r.issue(), false)
}

func (r *rotor) sliding(rot broker.Rotation) {
	first := r.issue()
	time.Sleep(rot.Lifetime - moment)
	again := r.issue()
	r.same(first, again, true)
	time.Sleep(2 * moment)
	r.lives(again, true)
}

func (r *rotor) independent() {
	first := r.issue()
	second := r.issue()
	r.same(first, second, false)
	r.lives(first, true)
	time.Sleep(first.Lifetime + moment)
	r.lives(first, false)
}

// Token implements [broker.Tokens] for derived kinds, by an issue each time.
func (r *rotor) Token(ctx context.Context, key broker.Key) (broker.Token, error) {
	src := r.k.h.New(platform.NewCaller(r.sb.Transport)).Kinds(r.k.c.Mode)[key.Kind]
	app := r.k.app(r.base())
	got, err := src.Issuer.Issue(ctx, broker.IssueRequest{App: app, Key: key, Secret: app.Secrets[0]})
	return broker.Token{Key: key, Secret: got.Token, Version: 1}, err
}

// Renew implements [broker.Tokens].
func (r *rotor) Renew(ctx context.Context, key broker.Key, _ broker.Version) (broker.Token, error) {
	return r.Token(ctx, key)
}
