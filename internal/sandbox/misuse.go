package sandbox

import (
	"slices"
	"sync"
	"time"
)

// MisuseKind says what a caller did that it should not have.
type MisuseKind string

// The kinds of misuse. KilledToken and OutsideToken are nobody's fault as
// such, but a test that does not provoke them wants to know.
const (
	IssueInsideOverlap MisuseKind = "issue-inside-overlap" // cgi-bin/token asked again while the token before the current one has its overlap
	SupersededToken    MisuseKind = "superseded-token"     // a call with a token that a newer one has replaced
	ExpiredToken       MisuseKind = "expired-token"        // a call with a token past its lifetime
	KilledToken        MisuseKind = "killed-token"         // a call with a token that Kill ended
	OutsideToken       MisuseKind = "outside-token"        // a call with a token that a rotation from outside ended
	ForcedTooOften     MisuseKind = "forced-too-often"     // a forced refresh beyond the day's quota
	ForcedTooSoon      MisuseKind = "forced-too-soon"      // a forced refresh too close to the last one
	MixedUpToken       MisuseKind = "mixed-up-token"       // an app's token in the place of a user's, or a user's in the place of an app's, or one of another mode
	CodeUsedTwice      MisuseKind = "code-used-twice"      // a user's code that was exchanged before
	RefreshUsedTwice   MisuseKind = "refresh-used-twice"   // a refresh token that was used up before, see Config.RotateRefresh
	MisplacedSecret    MisuseKind = "misplaced-secret"     // an app's secret where the platform does not want it: with a business call, or in the query instead of the body
	BadState           MisuseKind = "bad-state"            // a state of a login page with other characters than letters and digits
)

// MisuseKinds lists every kind.
func MisuseKinds() []MisuseKind {
	return []MisuseKind{
		IssueInsideOverlap, SupersededToken, ExpiredToken, KilledToken, OutsideToken, ForcedTooOften, ForcedTooSoon,
		MixedUpToken, CodeUsedTwice, RefreshUsedTwice, MisplacedSecret, BadState,
	}
}

// Misuse is one thing a caller should not have done.
type Misuse struct {
	At     time.Time  `json:"at"`
	App    string     `json:"app"`
	What   MisuseKind `json:"what"`
	Detail string     `json:"detail"`
	// Probe marks a call that only asks whether a token lives. It is a misuse of a kind
	// like any other to tests, and none to people who look.
	Probe bool `json:"probe,omitempty"`

	words words // of the detail
}

// maxMisuses bounds the list; the oldest are forgotten first.
const maxMisuses = 10_000

// misuses is the list. Its lock is a leaf, taken while a platform's lock is
// held.
type misuses struct {
	allowed map[MisuseKind]bool

	mu   sync.Mutex
	list []Misuse
}

func newMisuses(allow []MisuseKind) *misuses {
	m := &misuses{allowed: make(map[MisuseKind]bool, len(allow))}
	for _, k := range allow {
		m.allowed[k] = true
	}
	return m
}

func (m *misuses) add(e Misuse) {
	if m.allowed[e.What] {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = appendBounded(m.list, e, maxMisuses)
}

// Misuses returns what callers did wrong, the oldest first, at most the last
// ten thousand.
func (s *Sandbox) Misuses() []Misuse {
	s.misuses.mu.Lock()
	defer s.misuses.mu.Unlock()
	return slices.Clone(s.misuses.list)
}

// appendBounded appends e and drops the older half when the list is full, so
// that the cost per entry stays constant.
func appendBounded[E any](list []E, e E, limit int) []E {
	if len(list) >= limit {
		list = slices.Delete(list, 0, len(list)-limit/2)
	}
	return append(list, e)
}
