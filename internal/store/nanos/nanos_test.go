package nanos_test

import (
	"math"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/store/nanos"
)

func TestTimesComeBackOrEndAtTheRange(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("UTC+8", 8*60*60)
	some := time.Date(2026, 3, 29, 9, 59, 59, 123456789, zone)
	for _, c := range []struct {
		in   time.Time
		n    int64
		back time.Time
	}{
		{time.Time{}, 0, time.Time{}},
		{time.Time{}.In(zone), 0, time.Time{}},
		{some, some.UnixNano(), some},
		{time.Unix(0, 0), 1, time.Unix(0, 1)},
		{time.Unix(0, -1), -1, time.Unix(0, -1)},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64, time.Unix(0, math.MaxInt64)},
		{time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC), math.MinInt64, time.Unix(0, math.MinInt64)},
	} {
		n := nanos.Of(c.in)
		if back := nanos.Time(n); n != c.n || !back.Equal(c.back) || back.Location() != time.UTC {
			t.Errorf("%v is %d, which is %v; want %d and %v", c.in, n, back, c.n, c.back)
		}
	}
}
