package dropin

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
)

// FuzzStable feeds the body of stable_token, which strangers write. Whatever it is, it
// is read as what the JSON says, or refused with one of the platform's codes.
func FuzzStable(f *testing.F) {
	for _, seed := range []string{
		"", "{}", " {} ", "[]", "null", `"x"`, "{", `{"appid":"wx1","secret":"s","grant_type":"client_credential","force_refresh":true}`,
		`{"appid":1}`, `{"force_refresh":"true"}`, `{"force_refresh":{}}`, `{"APPID":"wx1"}`, `{"appid":"a","appid":"b"}`, "\ufeff{}",
		`{"appid":"\ud800"}`, `{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}", "{}{}", "a=b&c=d",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		cr, code := parseStable(body)
		if code != 0 {
			if (cr != credentials{}) || code != codeEmptyBody && code != codeBadJSON {
				t.Errorf("refused with %d, and yet read as %+v", code, cr)
			}
			return
		}
		var fields map[string]any
		if err := json.Unmarshal(body, &fields); err != nil {
			t.Fatalf("%q was accepted: %v", body, err)
		}
		if cr.force && !strings.Contains(string(body), "rue") && !strings.Contains(string(body), "1") {
			t.Errorf("force was read from %q", body)
		}
	})
}

// FuzzAppendString holds the short way of writing a token against encoding/json.
func FuzzAppendString(f *testing.F) {
	for _, seed := range []string{"", "83_abc-DEF", `"`, `\`, "\x00", "é", "\xff", "<&>", "\u2028", "a\xef\x91\ufffd"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil {
			t.Fatalf("%q is not written as JSON: %v", s, err)
		}
		// Each byte that is no text becomes a replacement character.
		if want := string([]rune(s)); got != want {
			t.Errorf("%q is read back as %q, want %q", s, got, want)
		}
	})
}

func TestRidsHaveThePlatformsForm(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 9, 17, 14, 59, 38, 0, time.UTC)
	x := newRids()
	a, b := x.next(at), x.next(at)
	if !regexp.MustCompile(`^6aac005a-[0-9a-f]{8}-[0-9a-f]{8}$`).MatchString(a) || a == b {
		t.Errorf("rids %s and %s", a, b)
	}
}
