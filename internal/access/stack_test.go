package access_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/stacktest"
)

const (
	appID   = stacktest.AppID
	otherID = stacktest.OtherID
	secret  = stacktest.Secret
)

// stack is a server whose callers come to the service itself.
type stack struct {
	*stacktest.Stack
	*access.Service
}

func newStack(tb testing.TB, c stacktest.Config) *stack {
	tb.Helper()
	s := stacktest.New(tb, c)
	return &stack{Stack: s, Service: s.Service}
}

// inBubble runs a test on a stack whose tokens are there already.
func inBubble(t *testing.T, c stacktest.Config, f func(*testing.T, *stack)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, c)
		s.Settle()
		f(t, s)
	})
}

func client(name string, rights broker.Right, apps ...string) *broker.Client {
	return stacktest.Client(name, stacktest.Key(name), rights, apps...)
}

// caller is a request of a client.
func (s *stack) caller(name string) broker.Caller {
	return broker.Caller{Client: s.Authenticate(stacktest.Key(name)), Remote: "10.0.0.1:4711", RequestID: "r-" + name}
}

// entries are those of the audit, with the reads so far.
func (s *stack) entries() []broker.AuditEntry {
	time.Sleep(1100 * time.Millisecond) // reads are written within a second
	return s.Entries()
}
