package wechat

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
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

// examiner is the platform's [broker.Examiner].
type examiner struct{ client client }

// Examine implements [broker.Examiner]. If the platform cannot be reached, nothing else
// is asked: it would be the same again, and take its time.
func (x examiner) Examine(ctx context.Context, app *broker.App, token broker.Secret) []broker.Finding {
	reach, clock := x.reach(ctx, app)
	if reach.State != broker.FindingOK {
		const detail = "not asked, because the platform gave no usable answer"
		return []broker.Finding{reach, clock, unknown(findSecret, detail), unknown(findWhitelist, detail), unknown(findToken, detail)}
	}
	secret, whitelist := x.secrets(ctx, app)
	live, blocked := x.token(ctx, app, token)
	if blocked != nil {
		whitelist = *blocked
	}
	return []broker.Finding{reach, clock, secret, whitelist, live}
}

func unknown(name, detail string) broker.Finding {
	return broker.Finding{Name: name, State: broker.FindingUnknown, Detail: detail}
}

// reach makes a call without any credential. The platform's own refusal of it proves
// that it is the platform who answers.
func (x examiner) reach(ctx context.Context, app *broker.App) (reach, clock broker.Finding) {
	ctx, cancel := context.WithTimeout(ctx, maxExamined)
	defer cancel()
	reach, clock = broker.Finding{Name: findReach}, unknown(findClock, "the platform did not say its time")
	base := cmp.Or(app.BaseURL, BaseURL)
	began := time.Now()
	a, err := x.client.caller.Call(ctx, http.MethodGet, base, pathDomainIP, nil, nil)
	ended := time.Now()
	reach.Took = ended.Sub(began)
	if err == nil {
		clock = compareClocks(began, ended, a.Date)
		if err = judge(a, atCall); err != nil && broker.AsError(err).PlatformCode != "" {
			err = nil
		} else if err == nil {
			err = &broker.Error{
				Code: platform.CodeGarbage, Class: broker.Misconfigured,
				Message: "something in the place of the platform answered",
				Hint:    "check the app's base_url, and that no proxy or login page answers in the platform's place",
			}
		}
	}
	if err != nil {
		reach.State, reach.Err = broker.FindingFault, settled(err)
		reach.Detail = reach.Err.Error()
		return reach, clock
	}
	reach.State = broker.FindingOK
	reach.Detail = fmt.Sprintf("the platform answers at %s in %s", host(base), round(reach.Took))
	return reach, clock
}

// host is what an operator gets to see of a base URL.
func host(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return "its base_url"
	}
	return platform.Clean(u.Host)
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

// token has the app's token checked by a call that changes nothing. It says, too, if the
// platform keeps this machine out.
func (x examiner) token(ctx context.Context, app *broker.App, token broker.Secret) (live broker.Finding, blocked *broker.Finding) {
	if token.IsZero() {
		return unknown(findToken, "there is no token here now"), nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxExamined)
	defer cancel()
	f := broker.Finding{Name: findToken, State: broker.FindingOK, Detail: "the token opens the platform"}
	began := time.Now()
	a, err := x.client.get(ctx, app, pathDomainIP, url.Values{}, token)
	f.Took = time.Since(began)
	if err == nil && a.List("ip_list") {
		return f, nil
	}
	f.State, f.Detail = broker.FindingUnknown, "the platform answered with something else than expected"
	if err == nil {
		return f, nil
	}
	f.Err = settled(err)
	switch e := f.Err; {
	case rejects(e):
		f.State, f.Detail = broker.FindingFault, "the platform rejects the token that is handed out here: "+e.Error()
	case throttles(e):
		// It says so of good tokens only [I], which is not enough to build on.
		f.Detail = "the platform throttles the call that would tell: " + e.Error()
	case aboutAddress(e):
		w := blockedFinding(e, f.Took)
		f.Err, f.Detail, blocked = nil, "the platform keeps this machine out before it looks at the token", &w
	default:
		f.Detail = "the platform could not tell: " + e.Error()
	}
	return f, blocked
}
