package dropin

import (
	"regexp"
	"testing"
	"time"
)

func TestRidsHaveThePlatformsForm(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 9, 17, 14, 59, 38, 0, time.UTC)
	x := newRids()
	a, b := x.next(at), x.next(at)
	if !regexp.MustCompile(`^6aac005a-[0-9a-f]{8}-[0-9a-f]{8}$`).MatchString(a) || a == b {
		t.Errorf("rids %s and %s", a, b)
	}
}
