package renew_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// checkedPlatform is a fakePlatform that can be asked whether a token lives.
type checkedPlatform struct {
	*fakePlatform
	check func() (broker.Verdict, error)
}

// Check implements [broker.Checker].
func (p checkedPlatform) Check(context.Context, *broker.App, broker.Secret) (broker.Verdict, error) {
	return p.check()
}

func (p checkedPlatform) platforms(v *valve) []broker.Platform {
	all := p.fakePlatform.platforms(v)
	rot := p.rotation
	all[0].Kinds = func(string) map[broker.Kind]broker.Source {
		return map[broker.Kind]broker.Source{broker.AccessToken: {Rotation: rot, Issuer: p}}
	}
	return all
}

func TestAPanickingCheckCondemnsNoToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := checkedPlatform{newFake(families()["late"]), func() (broker.Verdict, error) { panic("check") }}
		f := newFleet(t, fleetConfig{mode: "fake", platforms: p.platforms})
		defer f.close()
		r := f.replicas[0]
		tok := f.token(r)
		for range 3 {
			if got, err := r.Report(t.Context(), accessToken, tok.Version); err != nil || got.Version != tok.Version {
				t.Errorf("got version %d and %v, want the token as it is", got.Version, err)
			}
			time.Sleep(1100 * time.Millisecond)
		}
		if p.called() != 1 {
			t.Errorf("%d issues, want 1", p.called())
		}
	})
}

func TestAVerdictIsAboutOneVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		checks := 0
		verdict := broker.VerdictRejected
		p := checkedPlatform{newFake(families()["late"]), func() (broker.Verdict, error) {
			checks++
			return verdict, nil
		}}
		f := newFleet(t, fleetConfig{mode: "fake", platforms: p.platforms})
		defer f.close()
		r := f.replicas[0]
		first := f.token(r)
		second, err := r.Report(t.Context(), accessToken, first.Version)
		if err != nil || second.Version == first.Version || checks != 1 {
			t.Fatalf("got version %d and %v after %d checks", second.Version, err, checks)
		}
		// The next token is judged by itself.
		verdict = broker.VerdictOK
		if got, err := r.Report(t.Context(), accessToken, second.Version); err != nil || got.Version != second.Version || checks != 2 {
			t.Errorf("got version %d and %v after %d checks, want the second after 2", got.Version, err, checks)
		}
	})
}
