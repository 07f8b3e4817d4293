// Package platformtest is the contract that every platform passes: what its issuers
// do with each answer a server can give or fail to give, which outcomes they report,
// and that they say no secret. A platform's own tests call [Run] with a [Harness].
//
// Nearly all of it runs against a scripted server in process, whose answers are in the
// platform's own form. How tokens come and go is seen at the sandbox.
package platformtest

import (
	"net/http"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Harness describes a platform to the contract.
type Harness struct {
	// New makes the platform, as the server does.
	New func(*platform.Caller) broker.Platform
	// App is a registration with one secret, as the platform would give it out. Its
	// mode and base URL are set by the contract.
	App broker.App
	// Refuse is the body in which the platform says no.
	Refuse func(code, message string) string
	// RefuseStatus is the HTTP status that comes with it. Zero means 200.
	RefuseStatus int
	// Cases has one entry for every mode and kind.
	Cases []Case
	// Open makes a new simulated platform that knows App. It is called in a synctest
	// bubble.
	Open func(t *testing.T) Sandbox
}

// Case describes one kind of token in one mode.
type Case struct {
	Mode string
	Kind broker.Kind
	// Success is the body in which the platform gives a token. lifetime is JSON, such
	// as 7200 or "7200"; where it is empty the field is left out.
	Success func(token, lifetime string) string
	// Default is the lifetime where the platform says none. Zero: it has to. Silent says that
	// it never says one.
	Default time.Duration
	Silent  bool
	// Refuse and RefuseStatus are for this case, in the place of the harness's, and Check and
	// CheckStatus for its check. Nil: as everywhere.
	Refuse       func(code, message string) string
	RefuseStatus int
	Check        func(code, message string) string
	CheckStatus  int
	// Refusals has every documented code and what is to become of it.
	Refusals []Refusal
	// Rejected are the codes which say that the token shown is not good: to a check, or
	// to the issuer of a derived kind.
	Rejected []string
	// Throttled are those which say to a check that the quota is used up, and Lives those
	// that are only said to good tokens.
	Throttled, Lives []string
	// CheckOK is the body that says to a check that the token is good.
	CheckOK string
}

// Refusal is one code of the platform, with the error it has to become: its code,
// class, reset and whether the outcome is known are compared, its hint has to be there.
type Refusal struct {
	Code string
	Want broker.Error
}

// Sandbox is a simulated platform.
type Sandbox struct {
	Transport http.RoundTripper
	// BaseURL is where it is for the transport. Empty: anywhere.
	BaseURL string
	// Live says whether the platform takes the token now.
	Live func(kind broker.Kind, token broker.Secret) bool
}

// Run holds the platform to the contract.
func Run(t *testing.T, h Harness) {
	t.Helper()
	t.Run("the description is complete", func(t *testing.T) { complete(t, h) })
	for _, c := range h.Cases {
		t.Run(c.Mode+"/"+string(c.Kind), func(t *testing.T) {
			t.Parallel()
			k := contract{h: h, c: c}
			k.run(t)
		})
	}
}

// contract is what one case is held to.
type contract struct {
	h Harness
	c Case
}

func (k contract) run(t *testing.T) {
	t.Helper()
	src := k.h.New(platform.NewCaller(nil)).Kinds(k.c.Mode)[k.c.Kind]
	t.Run("issues", k.issues)
	t.Run("reads lifetimes", k.readsLifetimes)
	t.Run("refuses by code", k.refusesByCode)
	k.probe().run(t)
	if src.Derived {
		t.Run("replaces a rejected token once", k.replacesRejected)
		t.Run("gives up without a token", k.givesUpWithoutToken)
	}
	if _, ok := src.Issuer.(broker.Checker); ok {
		t.Run("checks", k.checks)
	}
	if k.h.Open != nil {
		t.Run("rotates as described", k.rotates)
	}
}

// complete checks that the table entry, and the harness, leave nothing out.
func complete(t *testing.T, h Harness) {
	t.Helper()
	p := h.New(platform.NewCaller(nil))
	if p.Name == "" || p.BaseURL == "" || len(p.Modes) == 0 {
		t.Errorf("platform %q at %q has modes %q", p.Name, p.BaseURL, p.Modes)
	}
	if p.Kinds("no-such-mode") != nil {
		t.Error("a mode that does not exist has kinds")
	}
	described := map[string]bool{}
	for _, c := range h.Cases {
		described[c.Mode+"/"+string(c.Kind)] = true
	}
	for _, mode := range p.Modes {
		for kind, src := range p.Kinds(mode) {
			if !described[mode+"/"+string(kind)] {
				t.Errorf("no case for %s/%s", mode, kind)
			}
			rot := src.Rotation
			if src.Issuer == nil || rot.Family == 0 || rot.Limits.PerDay <= 0 || rot.Limits.Unplanned <= 0 {
				t.Errorf("%s/%s: incomplete: %+v", mode, kind, rot)
			}
			if _, forces := src.Issuer.(broker.Forcer); forces != (rot.Limits.Forced > 0) {
				t.Errorf("%s/%s: can force: %v, but may %d times a day", mode, kind, forces, rot.Limits.Forced)
			}
			if rot.Family == broker.Eager && rot.Overlap <= 0 || rot.Family == broker.Late && rot.Window <= 0 {
				t.Errorf("%s/%s: a %v platform with overlap %v and window %v", mode, kind, rot.Family, rot.Overlap, rot.Window)
			}
		}
	}
}
