package renew_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// lasting are the families whose platforms give the same token again, and have no force.
func lasting() map[string]broker.Rotation {
	limits := broker.Limits{PerDay: 2000, Unplanned: 20}
	return map[string]broker.Rotation{
		"late":    {Family: broker.Late, Lifetime: 2 * time.Hour, Window: 30 * time.Minute, Limits: limits},
		"fixed":   {Family: broker.Fixed, Lifetime: 2 * time.Hour, Limits: limits},
		"sliding": {Family: broker.Sliding, Lifetime: 2 * time.Hour, Limits: limits},
		"ticket":  {Family: broker.Fixed, Lifetime: 2 * time.Hour, AgeUnknown: true, Limits: limits},
	}
}

// repeating has the platform give the same token each time.
func (p *fakePlatform) repeating() {
	p.behave(func(context.Context, int) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.n = 0
		return nil
	})
}

func eachLasting(t *testing.T, test func(t *testing.T, p *fakePlatform, f *fleet)) {
	t.Helper()
	for name, rot := range lasting() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newFake(rot)
				p.repeating()
				f := fakeFleet(t, p, fleetConfig{replicas: 2})
				defer f.close()
				test(t, p, f)
			})
		})
	}
}

// A platform that has nothing else to give is asked once for a rejection, however many saw
// it, and its answer is taken: the token is not withheld from those whose calls it opens.
func TestI3I4ATokenThatThePlatformGivesAgainIsAskedForOnceAndServed(t *testing.T) {
	t.Parallel()
	eachLasting(t, func(t *testing.T, p *fakePlatform, f *fleet) {
		tok := f.token(f.replicas[0])
		time.Sleep(time.Minute)
		before := p.called()
		got := f.storm(func(r *replica) (broker.Token, error) { return r.Renew(t.Context(), accessToken, tok.Version) })
		if n := p.called() - before; n != 1 || len(got) != 1 || got[tok.Version] == 0 {
			t.Errorf("I4: the callers got %v after %d calls, want the token that is there after 1", got, n)
		}
		if rec := f.record(accessToken); rec.Foreign.Count != 0 {
			t.Errorf("%d foreign rotations of a token that the platform still gives", rec.Foreign.Count)
		}
	})
}

// I7: calls that are rejected for something else than the token cost few issues, and nobody
// goes without a token for them (I3).
func TestI3I7RejectionsWithoutAnEndWithholdNoTokenThatThePlatformStillGives(t *testing.T) {
	t.Parallel()
	eachLasting(t, func(t *testing.T, p *fakePlatform, f *fleet) {
		tok := f.token(f.replicas[0])
		time.Sleep(time.Minute)
		before := p.called()
		for range 60 * 60 {
			if got, err := f.replicas[0].Renew(t.Context(), accessToken, tok.Version); err != nil || got.Version != tok.Version {
				t.Fatalf("the reporter got version %d, %v", got.Version, err)
			}
			for _, r := range f.replicas {
				if got, err := r.Token(t.Context(), accessToken); err != nil || got.Version != tok.Version {
					t.Fatalf("I3: a reader got version %d, %v", got.Version, err)
				}
			}
			time.Sleep(time.Second)
		}
		if n := p.called() - before; n > 20+25 { // a ticket of unknown age is asked for every three minutes
			t.Errorf("I7: an hour of rejections cost %d calls", n)
		}
	})
}

// A token that the platform has given up is replaced all the same, when its time to be asked
// again has come.
func TestATokenThatThePlatformGivesAgainAndThenNotIsReplaced(t *testing.T) {
	t.Parallel()
	eachLasting(t, func(t *testing.T, p *fakePlatform, f *fleet) {
		tok := f.token(f.replicas[0])
		time.Sleep(time.Minute)
		if _, err := f.replicas[0].Renew(t.Context(), accessToken, tok.Version); err != nil {
			t.Fatal(err)
		}
		p.behave(nil) // the token was ended
		time.Sleep(2 * time.Second)
		got := f.storm(func(r *replica) (broker.Token, error) { return r.Renew(t.Context(), accessToken, tok.Version) })
		if len(got) != 1 || got[tok.Version] != 0 {
			t.Errorf("the callers got %v, want a new one", got)
		}
	})
}

// A leaked token that cannot be replaced is said to be so, after one call.
func TestALeakedTokenThatThePlatformGivesAgainIsSaidToBeThere(t *testing.T) {
	t.Parallel()
	eachLasting(t, func(t *testing.T, p *fakePlatform, f *fleet) {
		r := f.replicas[0]
		tok := f.token(r)
		time.Sleep(time.Minute)
		before := p.called()
		_, err := r.Replace(t.Context(), accessToken)
		if e := broker.AsError(err); e.Code != "given_again" || e.Hint == "" || p.called() != before+1 {
			t.Errorf("got %v after %d calls", err, p.called()-before)
		}
		if got := f.token(r); got.Version != tok.Version {
			t.Errorf("I3: version %d is served", got.Version)
		}
	})
}

// The word of a caller, which the platform could not be asked about, takes a token from
// nobody else while the platform is down.
func TestI3AnUnprovenReportWhileThePlatformFailsTakesNoTokenAway(t *testing.T) {
	t.Parallel()
	for name, rot := range families() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rot.Lifetime = 2 * time.Hour
				p := newFake(rot)
				f := fakeFleet(t, p, fleetConfig{replicas: 2, policy: broker.Policy{Every: time.Hour}})
				defer f.close()
				tok := f.token(f.replicas[0])
				time.Sleep(time.Minute)
				p.behave(func(context.Context, int) error { return &broker.Error{Code: "busy", Class: broker.Transient} })
				for range 10 {
					if got, err := f.replicas[0].Report(t.Context(), accessToken, tok.Version); err == nil {
						t.Errorf("the reporter got version %d", got.Version)
					}
					for _, r := range f.replicas {
						if got, err := r.Token(t.Context(), accessToken); err != nil || got.Version != tok.Version {
							t.Fatalf("I3: %s hands out version %d, %v", r.name, got.Version, err)
						}
					}
					time.Sleep(30 * time.Second)
				}
				p.behave(nil)
				time.Sleep(10 * time.Minute)
				if got, err := f.replicas[0].Report(t.Context(), accessToken, tok.Version); err != nil || got.Version == tok.Version {
					t.Errorf("when the platform is well the reporter gets version %d, %v", got.Version, err)
				}
			})
		})
	}
}
