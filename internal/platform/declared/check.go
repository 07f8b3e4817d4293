package declared

import (
	"context"
	"fmt"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// checkedIssuer is an issuer whose tokens a call of the platform takes. It is a
// [broker.Checker].
type checkedIssuer struct {
	issuer
	check *check
}

// check is a [Check] as a request.
type check struct {
	request *request
	field   string
}

// Check implements [broker.Checker]. It says nothing about other calls: a token may be
// good and an API forbidden.
func (i checkedIssuer) Check(ctx context.Context, app *broker.App, tok broker.Secret) (broker.Verdict, error) {
	a, said, err := i.ask(ctx, i.mode, i.check.request, valuesOf(app, broker.Secret{}), app, AtCall, nil, tok)
	if err == nil {
		if i.answers(a) {
			return broker.VerdictOK, nil
		}
		return broker.VerdictUnknown, platform.Settled(platform.Garbage("one to a check that is none of the platform's"))
	}
	e := *broker.AsError(err)
	switch {
	case said.Rejects:
		return broker.VerdictRejected, nil
	case said.Lives:
		return broker.VerdictOK, nil
	case throttles(&e):
		return broker.VerdictThrottled, nil
	}
	e.Unknown = false // a check issues nothing
	return broker.VerdictUnknown, fmt.Errorf("check a token of app %q: %w", app.ID, &e)
}

// answers reports whether a success is one of the platform.
func (i checkedIssuer) answers(a platform.Answer) bool {
	if i.check.field != "" {
		return a.Has(i.check.field)
	}
	s := i.surface(i.check.request.Path)
	_, found, _, err := s.read(a)
	return s.Errors.ByStatus || found && err == nil
}

// throttles reports whether the platform says that a quota is used up.
func throttles(e *broker.Error) bool { return e.Class == broker.Throttled && e.PlatformCode != "" }
