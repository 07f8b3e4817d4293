package platform

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
// From an address that is kept out no other secret would fare better, and every attempt may
// send somebody a message, so that it ends the round. So does everything else that is not
// about the one secret.
func (x Examiner) secrets(ctx context.Context, app *broker.App) (secret, whitelist broker.Finding) {
	var try func(context.Context, broker.Secret) error
	if x.Try != nil {
		try = x.Try(app)
	}
	if try == nil {
		return unknown(findSecret, "not tried, because every call with the secret gives a new token and may end the current one; the next renewal shows it"),
			unknown(findWhitelist, "it is seen at the next renewal")
	}
	t := trial{of: len(app.Secrets), examiner: x}
	if len(app.Secrets) == 0 {
		// The platform is not asked: it would only refuse.
		t.end = Settled(try(ctx, broker.Secret{}))
	}
	for _, s := range app.Secrets {
		took, err := attempt(ctx, try, s)
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

func attempt(ctx context.Context, try func(context.Context, broker.Secret) error, s broker.Secret) (time.Duration, *broker.Error) {
	ctx, cancel := context.WithTimeout(ctx, maxExamined)
	defer cancel()
	began := time.Now()
	err := try(ctx, s)
	took := time.Since(began)
	if err != nil {
		return took, Settled(err)
	}
	return took, nil
}

// trial is what came of trying secrets.
type trial struct {
	of       int             // how many there are
	said     []*broker.Error // of each that the platform looked at; nil: it was taken
	end      *broker.Error   // why the others were not tried
	took     time.Duration
	examiner Examiner
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

func (t trial) blocked() bool { return t.end != nil && t.examiner.Blocks(t.end) }

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
	case t.blocked():
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
	case t.blocked():
		parts = append(parts, "the platform keeps this machine out before it looks at a secret")
	default:
		parts = append(parts, t.end.Error())
	}
	return strings.Join(parts, "; ")
}

func (t trial) whitelist() broker.Finding {
	switch {
	case t.blocked():
		return t.examiner.blocked(t.end, t.took)
	case !t.examiner.TryTells:
		return unknown(findWhitelist, "it is seen only once the platform takes a token")
	case t.taken():
		return broker.Finding{Name: findWhitelist, State: broker.FindingOK, Detail: letIn}
	default:
		// Which of secret and address it looks at first is not known.
		return unknown(findWhitelist, "it is seen only once the platform takes a secret")
	}
}
