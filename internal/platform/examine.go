package platform

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Names of findings.
const (
	findReach     = "reachability"
	findClock     = "clock"
	findSecret    = "secret"
	findWhitelist = "whitelist"
	findToken     = "token"
)

const (
	maxExamined = 5 * time.Second // for each call
	maxSkew     = 2 * time.Minute
)

// Examiner finds out what stands between an app and its tokens, by what a platform lends
// it. It is a [broker.Examiner].
type Examiner struct {
	// Base is where the app's calls go.
	Base func(app *broker.App) string
	// Probe makes a call that changes nothing, with a token, or without any if that is zero.
	// A success is one of the platform; anything else is an error, which has a PlatformCode
	// where the platform itself refused. What was answered comes in any case.
	Probe func(ctx context.Context, app *broker.App, token broker.Secret) (Answer, error)
	// Try has the platform look at one secret. It must not end any token. Nil: the app's way
	// to issue has no such call.
	Try func(app *broker.App) func(ctx context.Context, s broker.Secret) error
	// TryTells says that the platform looks at the caller's address wherever it looks at a
	// secret. Else it is known only from a call with a token.
	TryTells bool
	// Open says that nothing is known of a whitelist of the platform, so that a call that
	// came through proves nothing of one.
	Open bool
	// Rejects, Throttles and Blocks say of an error that the platform does not take the token,
	// is called too often, or keeps the caller's address out.
	Rejects, Throttles, Blocks func(*broker.Error) bool
	// Address finds the address that the platform saw in its words; "" if there is none.
	Address func(message string) string
}

// Examine implements [broker.Examiner]. If the platform cannot be reached, nothing else
// is asked: it would be the same again, and take its time.
func (x Examiner) Examine(ctx context.Context, app *broker.App, token broker.Secret) []broker.Finding {
	reach, clock := x.reach(ctx, app)
	if reach.State != broker.FindingOK {
		const detail = "not asked, because the platform gave no usable answer"
		return []broker.Finding{reach, clock, unknown(findSecret, detail), unknown(findWhitelist, detail), unknown(findToken, detail)}
	}
	secret, whitelist := x.secrets(ctx, app)
	live, seen := x.token(ctx, app, token)
	if seen != nil && (seen.State == broker.FindingFault || !x.TryTells && whitelist.State == broker.FindingUnknown) {
		whitelist = *seen
	}
	if x.Open {
		whitelist = unknown(findWhitelist, "it is not known here whether the platform has a whitelist of addresses")
	}
	return []broker.Finding{reach, clock, secret, whitelist, live}
}

func unknown(name, detail string) broker.Finding {
	return broker.Finding{Name: name, State: broker.FindingUnknown, Detail: detail}
}

// reach makes a call without any credential. The platform's own refusal of it proves
// that it is the platform who answers.
func (x Examiner) reach(ctx context.Context, app *broker.App) (reach, clock broker.Finding) {
	ctx, cancel := context.WithTimeout(ctx, maxExamined)
	defer cancel()
	reach = broker.Finding{Name: findReach}
	began := time.Now()
	a, err := x.Probe(ctx, app, broker.Secret{})
	ended := time.Now()
	reach.Took = ended.Sub(began)
	clock = compareClocks(began, ended, a.Date)
	switch {
	case err == nil, broker.AsError(err).Code == CodeGarbage:
		err = &broker.Error{
			Code: CodeGarbage, Class: broker.Misconfigured,
			Message: "something in the place of the platform answered",
			Hint:    "check the app's base_url, and that no proxy or login page answers in the platform's place",
		}
	case broker.AsError(err).PlatformCode != "":
		err = nil
	}
	if err != nil {
		reach.State, reach.Err = broker.FindingFault, Settled(err)
		reach.Detail = reach.Err.Error()
		return reach, clock
	}
	reach.State = broker.FindingOK
	reach.Detail = fmt.Sprintf("the platform answers at %s in %s", hostOf(x.Base(app)), round(reach.Took))
	return reach, clock
}

// hostOf is what an operator gets to see of a base URL.
func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return "its base_url"
	}
	return Clean(u.Host)
}

func round(d time.Duration) time.Duration {
	if d >= time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}

// compareClocks compares this machine's time between began and ended with what the
// platform said its time was, in whole seconds, at some point between the two.
func compareClocks(began, ended, theirs time.Time) broker.Finding {
	f := broker.Finding{Name: findClock, State: broker.FindingOK}
	if theirs.IsZero() {
		return unknown(findClock, "the platform did not say its time")
	}
	off, which := began.Sub(theirs.Add(time.Second)), "ahead of"
	if behind := theirs.Sub(ended); behind > off {
		off, which = behind, "behind"
	}
	off = off.Round(time.Second)
	if off <= 0 {
		f.Detail = "this machine's clock agrees with the platform's"
		return f
	}
	f.Detail = fmt.Sprintf("this machine's clock is %s %s the platform's", off, which)
	if off > maxSkew {
		f.State = broker.FindingFault
		f.Err = &broker.Error{
			Code: "clock_skew", Class: broker.Misconfigured, Message: f.Detail,
			Hint: "set it by NTP (chrony, systemd-timesyncd): the expiry that callers are told, the ends of the platform's quotas and the check of its certificate all count on it",
		}
	}
	return f
}

// token has the app's token checked by a call that changes nothing. It says, too, what it
// saw of this machine's address; nil: nothing.
func (x Examiner) token(ctx context.Context, app *broker.App, token broker.Secret) (live broker.Finding, address *broker.Finding) {
	if token.IsZero() {
		return unknown(findToken, "there is no token here now"), nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxExamined)
	defer cancel()
	f := broker.Finding{Name: findToken, State: broker.FindingOK, Detail: "the token opens the platform"}
	began := time.Now()
	_, err := x.Probe(ctx, app, token)
	f.Took = time.Since(began)
	if err == nil {
		return f, &broker.Finding{Name: findWhitelist, State: broker.FindingOK, Detail: letIn}
	}
	f.State = broker.FindingUnknown
	f.Err = Settled(err)
	switch e := f.Err; {
	case e.Code == CodeGarbage:
		f.Err, f.Detail = nil, "the platform answered with something else than expected"
	case x.Rejects(e):
		f.State, f.Detail = broker.FindingFault, "the platform rejects the token that is handed out here: "+e.Error()
	case x.Blocks(e):
		w := x.blocked(e, f.Took)
		f.Err, f.Detail, address = nil, "the platform keeps this machine out before it looks at the token", &w
	case x.Throttles(e):
		// It says so of good tokens only [I], which is not enough to build on.
		f.Detail = "the platform throttles the call that would tell: " + e.Error()
	default:
		f.Detail = "the platform could not tell: " + e.Error()
	}
	return f, address
}

const letIn = "the platform lets this machine's address in"

// blocked names the address that the platform saw.
func (x Examiner) blocked(e *broker.Error, took time.Duration) broker.Finding {
	detail := e.Error()
	if ip := x.Address(e.PlatformMessage); ip != "" {
		detail = "the platform sees this machine as " + ip + ": " + detail
	}
	return broker.Finding{Name: findWhitelist, State: broker.FindingFault, Detail: detail, Took: took, Err: e}
}
