package platform_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// answered lets a caller read body as an answer.
func answered(t testing.TB, body string) (platform.Answer, error) {
	t.Helper()
	c := platform.NewCaller(tripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}))
	return issue(t.Context(), c, "https://platform.test")
}

func mustAnswer(t testing.TB, body string) platform.Answer {
	t.Helper()
	a, err := answered(t, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestLifetimeIsTolerantButNeverGuesses(t *testing.T) {
	t.Parallel()
	const month = 30 * 24 * time.Hour
	for wire, want := range map[string]time.Duration{
		`7200`: 2 * time.Hour, `"7200"`: 2 * time.Hour, `" 7200 "`: 2 * time.Hour, `7200.0`: 2 * time.Hour,
		`7.2e3`: 2 * time.Hour, `7199.9`: 7199 * time.Second, `1`: time.Second, `300`: 5 * time.Minute,
		`2592000`: month, `2592001`: month, `9223372036854775807`: month, `99999999999999999999`: month, `1e400`: month, `"1e30"`: month,
		`0`: 0, `-1`: 0, `"0"`: 0, `0.9`: 0, `-1e400`: 0, `-9223372036854775808`: 0, `null`: 0, `""`: 0, `"soon"`: 0, `"NaN"`: 0, `"Inf"`: 0,
		`"0x1p20"`: 0, `"+7200"`: 0, `"7_200"`: 0, `true`: 0, `[]`: 0, `{}`: 0, `"-"`: 0,
	} {
		got, err := mustAnswer(t, `{"expires_in":`+wire+`}`).Lifetime("expires_in")
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("expires_in %s is read as %v, %v; want %v", wire, got, err, want)
		}
		if e := broker.AsError(err); err != nil && (e.Code != platform.CodeGarbage || !e.Unknown) {
			t.Errorf("expires_in %s: %v is not of unknown outcome", wire, err)
		}
	}
	if _, err := mustAnswer(t, `{}`).Lifetime("expires_in"); err == nil {
		t.Error("a missing lifetime is made up")
	}
}

func TestIntegerTakesNumbersAndStringsAndNothingElse(t *testing.T) {
	t.Parallel()
	type result struct {
		n         int64
		found, ok bool
	}
	for body, want := range map[string]result{
		`{"errcode":40013}`:    {40013, true, true},
		`{"errcode":"40029"}`:  {40029, true, true},
		`{"errcode":-1}`:       {-1, true, true},
		`{"errcode":4.0013e4}`: {40013, true, true},
		`{"errcode":0}`:        {0, true, true},
		fmt.Sprintf(`{"errcode":%d}`, int64(math.MinInt64)): {math.MinInt64, true, true},
		`{}`:                                 {0, false, true},
		`{"errcode":null}`:                   {0, false, true},
		`{"Errcode":5}`:                      {0, false, true},
		`{"errcode":0.5}`:                    {0, true, false},
		`{"errcode":"zero"}`:                 {0, true, false},
		`{"errcode":99999999999999999999}`:   {0, true, false},
		`{"errcode":false}`:                  {0, true, false},
		`{"errcode":{"errcode":40013}}`:      {0, true, false},
		`{"errcode":"NaN"}`:                  {0, true, false},
		`{"data":{"errcode":1},"errcode":2}`: {2, true, true},
	} {
		n, found, err := mustAnswer(t, body).Integer("errcode")
		if got := (result{n, found, err == nil}); got != want {
			t.Errorf("%s: %+v (%v), want %+v", body, got, err, want)
		}
	}
}

func TestTokenIsTakenOnlyIfItCanBeOne(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]string{
		`"83_abc-DEF_123"`: "83_abc-DEF_123", `"a.b~c+/="`: "a.b~c+/=",
		`""`: "", `null`: "", `7`: "", `"two words"`: "", `"line\nbreak"`: "", `"tab\u0009"`: "", `"密"`: "", `"nul\u0000"`: "", `["x"]`: "",
		`"` + strings.Repeat("A", 9<<10) + `"`: "",
	} {
		got, err := mustAnswer(t, `{"access_token":`+wire+`}`).Token("access_token")
		if got.Reveal() != want || (err != nil) != (want == "") {
			t.Errorf("access_token %.40s is read as %q, %v", wire, got.Reveal(), err)
		}
	}
}

func TestAnswerFindsFields(t *testing.T) {
	t.Parallel()
	a := mustAnswer(t, `{"data":{"list":[1]},"list":[1],"n":null}`)
	if !a.List("list") || a.List("data") || a.Has("n") || !a.Has("data") || a.Has("gone") || (platform.Answer{}).Has("x") {
		t.Error("a field is not what it is")
	}
}

func TestAnswerDoesNotPrintItsTokens(t *testing.T) {
	t.Parallel()
	a := mustAnswer(t, `{"access_token":"`+secret+`"}`)
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "a", a, "p", &a)
	type sibling struct {
		A platform.Answer
		P *platform.Answer
	}
	all := string(b) + log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{a, &a, sibling{a, &a}, []platform.Answer{a}} {
			all += fmt.Sprintf(verb, v) + "\n"
		}
	}
	hex, dec := fmt.Sprintf("%x", secret), strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")
	for _, form := range []string{secret, hex, dec} {
		if strings.Contains(all, form) {
			t.Errorf("I6: an answer prints as %s", all)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		`{"access_token":"83_x","expires_in":7200}`, `{"errcode":40013,"errmsg":"invalid appid rid: 6aac005a-01bfdbee-79769285"}`,
		`{"errcode":"-1"}`, `{"expires_in":1e999}`, `{"expires_in":"-0"}`, `{`, ``, `[]`, `{"access_token":"\u0000"}`, "\xef\xbb\xbf{}", `{"a":{"a":{"a":1}}}`, "\v{}", " \t\r\n{} ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		a, err := answered(t, body)
		if err != nil {
			if e := broker.AsError(err); e.Code != platform.CodeGarbage || !e.Unknown {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if !json.Valid([]byte(strings.TrimPrefix(body, "\xef\xbb\xbf"))) {
			t.Fatalf("%q is taken for JSON", body)
		}
		for _, name := range []string{"access_token", "expires_in", "errcode", "errmsg", "a"} {
			if d, err := a.Lifetime(name); (err == nil) != (d >= time.Second && d <= 30*24*time.Hour) {
				t.Errorf("%q: lifetime %v, %v", body, d, err)
			}
			if s, err := a.Token(name); (err == nil) == s.IsZero() || strings.ContainsAny(s.Reveal(), " \t\r\n\x00") {
				t.Errorf("%q: token %q, %v", body, s.Reveal(), err)
			}
			if n, found, err := a.Integer(name); found != a.Has(name) || n != 0 && err != nil {
				t.Errorf("%q: integer %d, %v, %v", body, n, found, err)
			}
			_ = a.Text(name)
		}
	})
}
