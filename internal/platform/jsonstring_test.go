package platform_test

import (
	"encoding/json"
	"testing"

	"github.com/hufu-io/hufu/internal/platform"
)

// FuzzAppendJSONString holds the short way of writing a token against encoding/json.
func FuzzAppendJSONString(f *testing.F) {
	for _, seed := range []string{"", "83_abc-DEF", `"`, `\`, "\x00", "é", "\xff", "<&>", "\u2028", "a\xef\x91\ufffd"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(platform.AppendJSONString(nil, s), &got); err != nil {
			t.Fatalf("%q is not written as JSON: %v", s, err)
		}
		// Each byte that is no text becomes a replacement character.
		if want := string([]rune(s)); got != want {
			t.Errorf("%q is read back as %q, want %q", s, got, want)
		}
	})
}
