package sandbox

import (
	"strconv"
	"strings"
	"time"
)

// words say the same in both languages of the page.
type words struct{ english, chinese string }

// and appends to both.
func (w words) and(more words) words {
	return words{w.english + more.english, w.chinese + more.chinese}
}

// chineseSpan is a duration as people write it: 1 小时 59 分 58 秒.
func chineseSpan(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		d    time.Duration
		name string
	}{{time.Hour, "小时"}, {time.Minute, "分"}, {time.Second, "秒"}, {time.Millisecond, "毫秒"}} {
		if n := int64(d / unit.d); n > 0 {
			parts = append(parts, strconv.FormatInt(n, 10)+" "+unit.name)
			d %= unit.d
		}
	}
	if len(parts) == 0 {
		return "0 秒"
	}
	return strings.Join(parts, " ")
}
