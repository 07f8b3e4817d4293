package wechat

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// FuzzStable feeds the body of stable_token, which strangers write. Whatever it is, it
// is read as what the JSON says, or refused with one of the platform's faults.
func FuzzStable(f *testing.F) {
	for _, seed := range []string{
		"", "{}", " {} ", "[]", "null", `"x"`, "{", `{"appid":"wx1","secret":"s","grant_type":"client_credential","force_refresh":true}`,
		`{"appid":1}`, `{"force_refresh":"true"}`, `{"force_refresh":{}}`, `{"APPID":"wx1"}`, `{"appid":"a","appid":"b"}`, "\ufeff{}",
		`{"appid":"\ud800"}`, `{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}", "{}{}", "a=b&c=d",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, refused := askStable(nil, body)
		if refused != nil {
			if !reflect.ValueOf(a).IsZero() || !errors.Is(refused, broker.ErrEmptyBody) && !errors.Is(refused, broker.ErrBadBody) {
				t.Errorf("refused with %v, and yet read as %+v", refused, a)
			}
			return
		}
		var fields map[string]any
		if err := json.Unmarshal(body, &fields); err != nil {
			t.Fatalf("%q was accepted: %v", body, err)
		}
		if a.Force && !strings.Contains(string(body), "rue") && !strings.Contains(string(body), "1") {
			t.Errorf("force was read from %q", body)
		}
	})
}
