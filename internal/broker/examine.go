package broker

import (
	"context"
	"time"
)

// Finding is what came of one examination of an app.
type Finding struct {
	Name   string // reachability | clock | secret | whitelist | token
	State  FindingState
	Detail string        // what was seen, in words
	Took   time.Duration // of the call at the platform; zero: none was made
	Err    *Error        // what is wrong, with a hint; nil where nothing is
}

// FindingState says how a finding is to be taken.
type FindingState string

// The states.
const (
	FindingOK      FindingState = "ok"
	FindingFault   FindingState = "fault"
	FindingUnknown FindingState = "unknown" // it could not be found out
)

// Examiner finds out what stands between an app and its tokens: whether the platform can
// be reached, takes the secrets, and lets this machine's address in. It changes nothing
// there: no token is replaced by it. It is bounded by ctx and safe for concurrent use.
type Examiner interface {
	// Examine asks the platform. The token is the app's own; zero if there is none.
	Examine(ctx context.Context, app *App, token Secret) []Finding
}
