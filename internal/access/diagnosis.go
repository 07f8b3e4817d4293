package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/renew"
)

// ownFindings are what this server knows itself.
func (d *Doctor) ownFindings(ctx context.Context, a *broker.App) []Finding {
	var out []Finding
	now := d.svc.Now()
	kinds := d.platforms[a.Platform].Kinds(a.Mode)
	for _, kind := range d.svc.tokens.Held(a.ID) {
		k := broker.Key{App: a.ID, Kind: kind}
		of := func(f broker.Finding) { out = append(out, Finding{Finding: f, Kind: kind}) }
		if st, err := d.svc.tokens.State(k); err == nil {
			of(renewal(st, now))
		}
		switch r, err := d.records.Get(ctx, k); {
		case err == nil:
			r = r.For(a)
			of(budget(r.Budget, kinds[kind].Rotation.Limits, now))
			of(foreign(r.Foreign, kinds[kind].Rotation, now))
		case !errors.Is(err, broker.ErrNotFound):
			// The cause is in the server's log, from everybody else who needs the store.
			of(broker.Finding{Name: "store", State: broker.FindingFault, Detail: "the record could not be read", Err: &broker.Error{
				Code: "store_unreachable", Class: broker.Transient, Message: "the store cannot be reached", Hint: "look at the store; tokens that live are served meanwhile",
			}})
		}
	}
	if d.meter != nil {
		out = append(out, Finding{Finding: circuits(d.meter.Of(a.ID))})
	}
	return out
}

func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// renewal is how one kind of token stands.
func renewal(st renew.State, now time.Time) broker.Finding {
	f := broker.Finding{Name: "renewal", State: broker.FindingOK}
	var says []string
	alive := fmt.Sprintf("version %d is alive until %s", st.Token.Version, at(st.Token.Expiry))
	switch e := st.Failure; {
	case e != nil:
		f.State, f.Err = broker.FindingFault, e
		says = append(says, count(st.Attempts, "attempt")+" in a row failed, the last one with: "+e.Message)
		if e.RetryAfter > 0 {
			says = append(says, "the next one may start at "+at(now.Add(e.RetryAfter)))
		}
		if st.Usable {
			says = append(says, alive)
		} else {
			says = append(says, "there is no live token")
		}
	case st.Usable:
		says = append(says, alive)
		if !st.Due.IsZero() {
			says = append(says, "the next renewal may start at "+at(st.Due))
		}
	case st.Token.Version != 0:
		f.State, f.Err = broker.FindingFault, &broker.Error{
			Code: broker.ErrNoToken.Code, Class: broker.Transient, Message: "there is no live token",
			Hint: "a new one is on its way; ask again in a moment, and look into the server's log if it does not come",
		}
		says = append(says, fmt.Sprintf("version %d is dead", st.Token.Version))
	default:
		f.State = broker.FindingUnknown
		says = append(says, "there was no token yet")
		if !st.Due.IsZero() {
			says = append(says, "the first attempt may start at "+at(st.Due))
		}
	}
	f.Detail = strings.Join(says, "; ")
	return f
}

// budget is what may still be asked of the platform today.
func budget(b broker.Budget, l broker.Limits, now time.Time) broker.Finding {
	// One more planned issue shows how the day stands: a count of another day is dropped.
	b = b.Spend(broker.CausePlanned, now)
	b.Issues--
	f := broker.Finding{Name: "budget", State: broker.FindingOK, Detail: "today " + spent(b.Issues, l.PerDay, "issues")}
	if l.Unplanned > 0 {
		f.Detail += ", " + spent(b.Unplanned, l.Unplanned, "of them unplanned")
	}
	if l.Forced > 0 {
		f.Detail += ", " + spent(b.Forced, l.Forced, "by force")
	}
	var hint string
	switch {
	case l.PerDay > 0 && b.Issues >= l.PerDay:
		hint = "no token is issued before midnight in Shanghai; look in the audit for what spent them"
	case l.Unplanned > 0 && b.Unplanned >= l.Unplanned:
		hint = "planned renewals go on; look in the audit for the client that keeps reporting tokens, and for another server that uses the same secret"
	default:
		return f
	}
	f.State = broker.FindingFault
	f.Err = &broker.Error{Code: broker.ErrBudget.Code, Class: broker.Throttled, Message: "a part of the day's budget is spent", Hint: hint}
	return f
}

func spent(n, most int, what string) string {
	if most <= 0 {
		return fmt.Sprintf("%d %s", n, what)
	}
	return fmt.Sprintf("%d of %d %s", n, most, what)
}

// foreignLately is for how long a rotation by somebody else is a fault that goes on: they
// refresh every two hours at the latest.
const foreignLately = 24 * time.Hour

// foreign tells whether somebody else uses the app's secret. Where a new token ends no other,
// and none can be forced, it was the platform who ended the token: of an app that lives by a
// refresh token perhaps because another one used that.
func foreign(x broker.Foreign, rot broker.Rotation, now time.Time) broker.Finding {
	f := broker.Finding{Name: "foreign_rotation", State: broker.FindingOK, Detail: "nobody else was seen to replace the token"}
	if x.Count == 0 {
		return f
	}
	harmless := !rot.EndedByOthers()
	who := "somebody else replaced the token"
	if harmless {
		who = "the platform ended the token early"
	}
	f.Detail = fmt.Sprintf("%s %s, the last time at about %s", who, count(x.Count, "time"), at(x.Last))
	if now.Sub(x.Last) >= foreignLately {
		return f
	}
	f.State = broker.FindingFault
	f.Detail += "; unless it happens again, this is a fault until " + at(x.Last.Add(foreignLately))
	switch {
	case harmless:
		f.Err = &broker.Error{
			Code: "token_ended_early", Class: broker.Misconfigured, Message: "the platform ends the app's tokens before their time",
			Hint: "see whether somebody changes the app secret, the app's state or its permissions at the platform; that others have the secret does no harm there",
		}
		if rot.UsesRefresh {
			f.Err.Hint = "see whether somebody has withdrawn the authorization at the provider, or uses the refresh token elsewhere, which ends the authorization and its tokens"
		}
	default:
		f.Err = &broker.Error{
			Code: "foreign_rotation", Class: broker.Misconfigured, Message: "somebody else replaces the app's token",
			Hint: "find the other program that has the app secret and let it ask here instead; if there is none, change the secret",
		}
	}
	return f
}

// namedPaths is how many throttled paths are named.
const namedPaths = 5

// circuits tells which paths the platform has throttled.
func circuits(paths []quota.Usage) broker.Finding {
	f := broker.Finding{Name: "quota", State: broker.FindingOK, Detail: "the platform has throttled no path"}
	var named []string
	n := 0
	for _, u := range paths {
		if u.Throttled == nil {
			continue
		}
		if n++; n <= namedPaths {
			named = append(named, u.Path+" until "+at(u.Until))
		}
		if f.Err == nil {
			f.State, f.Err = broker.FindingFault, u.Throttled
		}
	}
	if n == 0 {
		return f
	}
	f.Detail = "the platform has throttled " + strings.Join(named, ", ")
	if n > namedPaths {
		f.Detail += fmt.Sprintf(", and %d more", n-namedPaths)
	}
	return f
}

// count says how many there are of something whose plural ends in s.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
