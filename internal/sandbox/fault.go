package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// FaultKind is a way in which a platform fails.
type FaultKind string

// The kinds of faults. All but FaultSlow, FaultLate, FaultLost, FaultTruncated
// and FaultQuoted keep the platform from acting at all.
const (
	FaultHang      FaultKind = "hang"      // never answers; ends when the caller gives up
	FaultSlow      FaultKind = "slow"      // waits Delay, then acts and answers
	FaultLate      FaultKind = "late"      // acts at once, answers after Delay
	FaultStatus    FaultKind = "status"    // answers with HTTP Status and a proxy's HTML page
	FaultReset     FaultKind = "reset"     // resets the connection
	FaultLost      FaultKind = "lost"      // acts, waits Delay, then closes the connection without an answer
	FaultGarbage   FaultKind = "garbage"   // answers 200 with a web page instead of JSON
	FaultTruncated FaultKind = "truncated" // acts, then closes the connection in the middle of the answer
	FaultHuge      FaultKind = "huge"      // answers with 64 MiB
	FaultErrcode   FaultKind = "errcode"   // refuses with Errcode, in the platform's own form
	FaultQuoted    FaultKind = "quoted"    // acts, and writes the errcode of its answer as text: "40029"
)

// FaultKinds lists every kind.
func FaultKinds() []FaultKind {
	return []FaultKind{
		FaultHang, FaultSlow, FaultLate, FaultStatus, FaultReset, FaultLost,
		FaultGarbage, FaultTruncated, FaultHuge, FaultErrcode, FaultQuoted,
	}
}

// Fault makes calls fail. Each call suffers at most one fault: the first
// injected one that matches. Control pages never suffer.
//
// Beware of FaultLost and FaultReset over a real connection: Go's own
// http.Transport silently sends a GET again when a connection that it has used
// before breaks before the first byte of the answer. On cgi-bin/token that is
// a second issue, on the real platform too.
type Fault struct {
	// Path is the beginning of the paths that fail. Empty means all.
	Path string
	// App is the app whose calls fail. Empty means all.
	App string
	// Kind is how they fail.
	Kind FaultKind
	// Delay is waited before the fault shows; FaultHang does not look at it.
	Delay time.Duration
	// Status is the HTTP status of FaultStatus. Zero means 502.
	Status int
	// Errcode is the code of FaultErrcode. Zero means the one that says that the
	// platform is busy, such as -1.
	Errcode int
	// Code is that of FaultErrcode for platforms whose codes are words. Status goes
	// with it.
	Code string
	// Times is how many calls fail. Zero means all until the faults are
	// cleared.
	Times int
	// Probability is how likely a matching call fails. Zero means always.
	Probability float64
}

// Validate reports what is wrong with a fault that came from outside.
func (f Fault) Validate() error {
	switch {
	case !slices.Contains(FaultKinds(), f.Kind):
		return fmt.Errorf("unknown fault kind %q; there are: %s", f.Kind, kindNames())
	case f.Delay < 0:
		return fmt.Errorf("negative delay %v", f.Delay)
	case f.Times < 0:
		return fmt.Errorf("negative times %d", f.Times)
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Errorf("probability %v is not between 0 and 1", f.Probability)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not between 200 and 599", f.Status)
	}
	return nil
}

func kindNames() string {
	var names []string
	for _, k := range FaultKinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// FaultState is a fault that is in force.
type FaultState struct {
	Fault
	// Fired is how many calls have suffered it.
	Fired int
}

// faults is the list of what goes wrong. Its lock is a leaf: nothing is called
// while it is held.
type faults struct {
	rand func() float64

	mu   sync.Mutex
	list []*FaultState
}

func (l *faults) inject(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, &FaultState{Fault: f})
}

func (l *faults) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}

func (l *faults) state() []FaultState {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]FaultState, 0, len(l.list))
	for _, f := range l.list {
		out = append(out, *f)
	}
	return out
}

// pick returns the fault that an app's call suffers, or nil, and counts it.
func (l *faults) pick(path, app string) *Fault {
	l.mu.Lock()
	empty := len(l.list) == 0
	l.mu.Unlock()
	if empty {
		return nil
	}
	draw := l.rand() // not ours, so without the lock

	l.mu.Lock()
	defer l.mu.Unlock()
	for i, f := range l.list {
		if !strings.HasPrefix(path, f.Path) || f.App != "" && f.App != app {
			continue
		}
		if f.Probability > 0 && draw >= f.Probability {
			continue
		}
		f.Fired++
		picked := f.Fault
		if f.Times > 0 && f.Fired >= f.Times {
			l.list = slices.Delete(l.list, i, i+1)
		}
		return &picked
	}
	return nil
}

// Inject makes calls fail until the fault has been suffered Times times or
// [Sandbox.ClearFaults] is called.
func (s *Sandbox) Inject(f Fault) { s.faults.inject(f) }

// ClearFaults ends all faults. Calls that already suffer one go on suffering.
func (s *Sandbox) ClearFaults() { s.faults.clear() }

// Faults returns the faults in force, the oldest first.
func (s *Sandbox) Faults() []FaultState { return s.faults.state() }

// nginxPage is what stands in front of a platform says when the platform is
// not there.
func nginxPage(status int) string {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
		"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
}
