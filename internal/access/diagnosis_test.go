package access

import (
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Where a new token ends no other, it does no harm that others have the secret. Of a refresh
// token that is not so: who uses it elsewhere ends the authorization.
func TestWhatIsToBeDoneAboutTokensThatEndEarly(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for refreshes, want := range map[bool]string{false: "does no harm", true: "uses the refresh token elsewhere"} {
		rot := broker.Rotation{Family: broker.Independent, Lifetime: time.Hour, UsesRefresh: refreshes}
		f := foreign(broker.Foreign{Count: 1, Last: now}, rot, now.Add(time.Minute))
		if f.State != broker.FindingFault || f.Err.Code != "token_ended_early" || !strings.Contains(f.Err.Hint, want) || refreshes && strings.Contains(f.Err.Hint, "no harm") {
			t.Errorf("by a refresh token: %v: %+v, %+v", refreshes, f, f.Err)
		}
		if !strings.HasSuffix(f.Detail, "until 2026-01-02T00:00:00Z") {
			t.Errorf("for how long it is shown: %s", f.Detail)
		}
	}
}
