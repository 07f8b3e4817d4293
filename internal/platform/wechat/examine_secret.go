package wechat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// secrets finds out by each of the app's secrets whether the platform takes it, and
// whether it lets this machine's address in.
//
// In both modes it asks stable_token, without force, because that gives the token again
// that is there. An app in classic mode is not touched by it: the two endpoints know
// nothing of each other, and neither ends a token of the other [A]. In stable mode it is
// the call that the next renewal makes. In the last five minutes of a token, when one is
// due in any case, it may bring the new one early; the old one then lives to its own
// expiry all the same [A*], so that no promise breaks, and the renewal gets that same
// new one. What came is dropped: only a renewal stores tokens.
//
// Every attempt from an address that waits to be confirmed may send the administrator a
// message [A*], and no other secret would fare better there, so it ends the round. So
// does everything else that is not about the one secret.
func (x examiner) secrets(ctx context.Context, app *broker.App) (secret, whitelist broker.Finding) {
	t := trial{of: len(app.Secrets)}
	if len(app.Secrets) == 0 {
		t.end = refusalHere(codeNoSecret)
	}
	for _, s := range app.Secrets {
		took, err := x.try(ctx, app, s)
		t.took += took
		switch {
		case err == nil:
			t.said = append(t.said, nil)
			continue
		case err.Class == broker.BadCredential:
			t.said = append(t.said, err)
			continue
		}
		t.end = err
		break
	}
	return t.secret(), t.whitelist()
}

func (x examiner) try(ctx context.Context, app *broker.App, s broker.Secret) (time.Duration, *broker.Error) {
	ctx, cancel := context.WithTimeout(ctx, maxExamined)
	defer cancel()
	began := time.Now()
	_, err := stableIssuer{x.client}.Issue(ctx, broker.IssueRequest{App: app, Secret: s})
	took := time.Since(began)
	if err != nil {
		return took, settled(err)
	}
	return took, nil
}

// trial is what came of trying secrets.
type trial struct {
	of   int             // how many there are
	said []*broker.Error // of each that the platform looked at; nil: it was taken
	end  *broker.Error   // why the others were not tried
	took time.Duration
}

func (t trial) taken() bool { return slices.Contains(t.said, nil) }

// refused is the first refusal of a secret, if any.
func (t trial) refused() *broker.Error {
	for _, e := range t.said {
		if e != nil {
			return e
		}
	}
	return nil
}

func (t trial) secret() broker.Finding {
	f := broker.Finding{Name: findSecret, State: broker.FindingOK, Detail: t.story(), Took: t.took}
	refused := t.refused()
	switch {
	case refused != nil && t.taken():
		// Tokens do come, by way of a call in vain each time.
		e := *refused
		e.Hint = "tokens are issued with the other; take the refused one out of the app's secrets, if no rotation is under way"
		f.State, f.Err = broker.FindingFault, &e
	case refused != nil:
		f.State, f.Err = broker.FindingFault, refused
	case t.end == nil:
	case aboutAddress(t.end):
		f.State = broker.FindingUnknown
	case t.end.Class.Permanent():
		f.State, f.Err = broker.FindingFault, t.end
	default:
		f.State, f.Err = broker.FindingUnknown, t.end
	}
	return f
}

// story says what became of the secrets, by their position.
func (t trial) story() string {
	var parts []string
	for i, e := range t.said {
		what := "the app secret"
		if t.of > 1 {
			what = fmt.Sprintf("secret %d of %d", i+1, t.of)
		}
		if e == nil {
			parts = append(parts, what+" is taken")
		} else {
			parts = append(parts, what+" is refused: "+e.Error())
		}
	}
	switch {
	case t.end == nil:
	case aboutAddress(t.end):
		parts = append(parts, "the platform keeps this machine out before it looks at a secret")
	default:
		parts = append(parts, t.end.Error())
	}
	return strings.Join(parts, "; ")
}

func (t trial) whitelist() broker.Finding {
	switch {
	case t.end != nil && aboutAddress(t.end):
		return blockedFinding(t.end, t.took)
	case t.taken():
		return broker.Finding{Name: findWhitelist, State: broker.FindingOK, Detail: "the platform lets this machine's address in"}
	default:
		// Which of secret and address it looks at first is not known.
		return unknown(findWhitelist, "it is seen only once the platform takes a secret")
	}
}

// blockedFinding names the address that the platform saw.
func blockedFinding(e *broker.Error, took time.Duration) broker.Finding {
	detail := e.Error()
	if ip := callerIP(e.PlatformMessage); ip != "" {
		detail = "the platform sees this machine as " + ip + ": " + detail
	}
	return broker.Finding{Name: findWhitelist, State: broker.FindingFault, Detail: detail, Took: took, Err: e}
}

// aboutAddress reports whether the platform refuses where a call comes from.
func aboutAddress(e *broker.Error) bool {
	switch e.Code {
	case codeNotListed, codeNotConfirmed, codeIPRefused, codeIPNotAllowed:
		return true
	default:
		return false
	}
}
