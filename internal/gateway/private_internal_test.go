package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// FuzzEscapes holds that a key is found in a JSON body however much of it is escaped: what
// the platform would read is what is looked at (I6).
func FuzzEscapes(f *testing.F) {
	f.Add("hufu_0123456789", uint64(0), "")
	f.Add("hufu_0123456789", uint64(1), `\u0068`)
	f.Add(`a"b\c/d`, uint64(0b1010), `\\u`)
	f.Add("schlüssel-0123", ^uint64(0), "\\ud800")
	f.Fuzz(func(t *testing.T, key string, escaped uint64, before string) {
		if key == "" {
			return
		}
		var text strings.Builder
		for i, c := range key {
			if c > 0xffff || c == '\uFFFD' || c < ' ' {
				return // nor these
			}
			switch some := escaped&(1<<(i%64)) != 0; {
			case some && strings.ContainsRune(`/"\`, c):
				text.WriteString(`\` + string(c))
			case some || c == '"' || c == '\\':
				fmt.Fprintf(&text, `\u%04x`, c)
			default:
				text.WriteRune(c)
			}
		}
		body, err := json.Marshal(before)
		if err != nil {
			return
		}
		body = fmt.Appendf(nil, `{"a":%s,"key":"%s"}`, body, text.String())
		var read struct {
			Key string `json:"key"`
		}
		if err := json.Unmarshal(body, &read); err != nil || read.Key != key {
			return // it is another key to who reads it
		}
		if !strings.Contains(string(body), key) && !escapes(body, key) {
			t.Errorf("I6: %q is not found in %s", key, body)
		}
	})
}

func TestWhatIsNotEscapedIsLeftAlone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`abc`: `abc`, `\u0061bc`: `abc`, `\u00`: `\u00`, `\u`: `\u`, `\uzzzz`: `\uzzzz`, `\\u0061`: `\u0061`, `\n\t\"\/\`: `\n\t"/\`, `\u4e2d`: `中`, `x\u0061`: `xa`,
	} {
		if got := string(unescaped([]byte(text))); got != want {
			t.Errorf("%s is read as %s, want %s", text, got, want)
		}
	}
}
