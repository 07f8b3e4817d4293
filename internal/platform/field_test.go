package platform_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

func TestFieldsAreReadWithinBounds(t *testing.T) {
	t.Parallel()
	const limit = 8
	a, ok := platform.ReadAnswer(&http.Response{StatusCode: http.StatusOK, Header: http.Header{}}, []byte(`{
		"word":"o6_bm","words":"two w","line":"微信","long":"123456789","number":7,"null":null,"empty":"","object":{},
		"lines":["a","微信"],"odd":["a",1],"longs":["123456789"],"integers":[1,"2",3.0],"halves":[1.5],"none":[],"mixed":[1,[]]}`))
	if !ok {
		t.Fatal("no answer")
	}
	for name, want := range map[string]struct{ line, word string }{
		"word": {"o6_bm", "o6_bm"}, "words": {"two w", "!"}, "line": {"微信", "!"}, "long": {"!", "!"}, "number": {"!", "!"},
		"null": {"", ""}, "gone": {"", ""}, "empty": {"", ""}, "object": {"!", "!"}, "lines": {"!", "!"},
	} {
		line, err := a.Line(name, limit)
		hold(t, name, line, want.line, err)
		word, err := a.Word(name, limit)
		hold(t, name, word, want.word, err)
	}
	for name, want := range map[string]string{"lines": "a 微信", "odd": "!", "longs": "!", "number": "!", "gone": "", "null": "", "none": "", "object": "!"} {
		got, err := a.Lines(name, limit)
		hold(t, name, strings.Join(got, " "), want, err)
	}
	if got, err := a.Integers("integers"); err != nil || !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("integers: %v, %v", got, err)
	}
	for name, fails := range map[string]bool{"halves": true, "mixed": true, "word": true, "none": false, "gone": false, "null": false} {
		if got, err := a.Integers(name); (err != nil) != fails || len(got) > 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// hold compares what was read of a field; "!" is an error.
func hold(t *testing.T, name, got, want string, err error) {
	t.Helper()
	if want != "!" {
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
		return
	}
	if e := broker.AsError(err); err == nil || got != "" || e.Code != platform.CodeGarbage || !e.Unknown || !strings.Contains(e.Message, name) {
		t.Errorf("%s: %q, %v; want garbage", name, got, err)
	}
}

func TestFieldsInsideOfOthersAreNamedByDots(t *testing.T) {
	t.Parallel()
	a, ok := platform.ReadAnswer(&http.Response{StatusCode: http.StatusOK, Header: http.Header{}}, []byte(`{
		"data":{"token":"inner","deep":{"n":7},"null":null},"data.token":"flat","list":[{"token":"x"}],"text":"{\"token\":\"x\"}"}`))
	if !ok {
		t.Fatal("no answer")
	}
	for name, want := range map[string]string{
		"data.token": "inner", "data.none": "", "data.null": "", "data.token.x": "", "list.token": "", "text.token": "", "none.token": "", "data.": "", ".token": "",
	} {
		if got := a.Text(name); got != want || a.Has(name) != (want != "") {
			t.Errorf("%s is %q, there: %v; want %q", name, got, a.Has(name), want)
		}
	}
	if n, found, err := a.Integer("data.deep.n"); n != 7 || !found || err != nil {
		t.Errorf("%d, %v, %v", n, found, err)
	}
}

func TestCodesAreComparedAsDecimalTexts(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`40001`: "40001", `"40001"`: "40001", `" 40001 "`: "40001", `4.0001e4`: "40001", `-1`: "-1", `0`: "0", `-0.0`: "0", `"0"`: "0",
		`"InvalidAuthentication"`: "InvalidAuthentication", `"4e1"`: "4e1", `true`: "true", `false`: "false", `null`: "", `""`: "", `"  "`: "",
		`[]`: "!", `{}`: "!", `1.5`: "!", `99999999999999999999`: "!", `"\u0007"`: "!", `"` + strings.Repeat("x", 200) + `"`: "!",
	} {
		a, ok := platform.ReadAnswer(&http.Response{StatusCode: http.StatusOK, Header: http.Header{}}, []byte(`{"code":`+raw+`}`))
		got, found, err := a.Code("code")
		if !ok || (err != nil) != (want == "!") || err == nil && (got != want || found != (want != "")) {
			t.Errorf("%s is the code %q, %v, %v; want %q", raw, got, found, err, want)
		}
	}
}
