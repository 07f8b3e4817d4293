package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// inUTF16 is a text as Excel saves it under "Unicode text".
func inUTF16(s string, big bool) string {
	out := []byte("\xff\xfe")
	if big {
		out = []byte("\xfe\xff")
	}
	for _, u := range utf16.Encode([]rune(s)) {
		lo, hi := byte(u), byte(u>>8)
		if big {
			lo, hi = hi, lo
		}
		out = append(out, lo, hi)
	}
	return string(out)
}

const plainTable = "id,app_id,secret\nshop,wx01,one\n"

func TestATableIsReadAsSpreadsheetsWriteIt(t *testing.T) {
	t.Parallel()
	want := []importItem{{line: 2, fields: map[string]any{"id": "shop", "app_id": "wx01", "secret": []any{"one"}}}}
	for name, tc := range map[string]struct {
		text string
		line int
	}{
		"plain":                    {plainTable, 2},
		"without a last newline":   {strings.TrimSpace(plainTable), 2},
		"Windows":                  {strings.ReplaceAll(plainTable, "\n", "\r\n"), 2},
		"a byte order mark":        {"\xef\xbb\xbf" + plainTable, 2},
		"UTF-16, little endian":    {inUTF16(strings.ReplaceAll(plainTable, ",", "\t"), false), 2},
		"UTF-16, big endian":       {inUTF16(plainTable, true), 2},
		"semicolons":               {strings.ReplaceAll(plainTable, ",", ";"), 2},
		"tabs":                     {strings.ReplaceAll(plainTable, ",", "\t"), 2},
		"the separator named":      {"sep=;\r\n" + strings.ReplaceAll(plainTable, ",", ";"), 3},
		"quoted":                   {`"id","app_id","secret"` + "\n" + `"shop","wx01","one"`, 2},
		"spaces nobody sees":       {"id , app_id\u00a0,secret\n\u3000shop,\u200bwx01 ,one\ufeff\n", 2},
		"blank lines and rows":     {"\n\nid,app_id,secret\n,,\n\n  , ,\nshop,wx01,one\n\n,,,,\n", 7},
		"a remark":                 {"id,app_id,secret\n# the shops\nshop,wx01,one\n", 3},
		"capitals":                 {"ID,App ID,Secret\nshop,wx01,one\n", 2},
		"a column without a name":  {"id,app_id,,secret\nshop,wx01,whatever,one\n", 2},
		"a column in Chinese":      {"id,备注,app_id,secret\nshop,商店,wx01,one\n", 2},
		"a column in Chinese, GBK": {"id,\xb1\xb8\xd7\xa2,app_id,secret\nshop,\xc9\xcc\xb5\xea,wx01,one\n", 2},
		"a column of remarks":      {"id,#why,app_id,secret\nshop,\"two\nlines\",wx01,one\n", 2},
		"a cell after the last":    {"id,app_id,secret\nshop,wx01,one,,\n", 2},
	} {
		items, _, faults := readTable([]byte(tc.text), true)
		want[0].line = tc.line
		if d := cmp.Diff(want, items, cmp.AllowUnexported(importItem{})); d != "" || len(faults) > 0 {
			t.Errorf("%s: %v (-want +got):\n%s", name, faults, d)
		}
	}
}

func TestFieldsLieInEachOther(t *testing.T) {
	t.Parallel()
	items, ignored, faults := readTable([]byte("id,params.corp_id,params.agent_id,renew.every,page_hosts,secret,说明\nhr,ww1,1000002,30m,a.example.com *.b.example.com,one two,x\n"), true)
	want := []importItem{{line: 2, fields: map[string]any{
		"id": "hr", "params": map[string]any{"corp_id": "ww1", "agent_id": "1000002"}, "renew": map[string]any{"every": "30m"},
		"page_hosts": []any{"a.example.com", "*.b.example.com"}, "secret": []any{"one", "two"},
	}}}
	if d := cmp.Diff(want, items, cmp.AllowUnexported(importItem{})); d != "" || len(faults) > 0 {
		t.Errorf("%v (-want +got):\n%s", faults, d)
	}
	if d := cmp.Diff([]string{"说明"}, ignored); d != "" {
		t.Error(d)
	}
	// What cannot be read is not printed.
	if _, ignored, _ := readTable([]byte("id,app_id,\xb1\xb8\xd7\xa2,secret\nshop,wx01,\xc9\xcc\xb5\xea,one\n"), true); len(ignored) != 1 || ignored[0] != "number 3" {
		t.Error(ignored)
	}
}

// Where the platform is named in words that are not known here, the secrets are not taken
// for WeChat's (I8).
func TestATableThatMayNameItsPlatformsOtherwiseIsRefused_I8(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"id,类型,app_id,secret":            `the column "类型" is not read, and none is called platform`,
		"id,\xc0\xe0,app_id,secret":      `the column "number 2" is not read, and none is called platform`,
		"id,#type,app_id,secret":         "",
		"id,类型,app_id,secret,platform":   "",
		"id,备注,平台,secret":                "",
		"id,platfom,app_id,secret":       `"platfom"; did you mean "platform"?`,
		"id,平台,app_id,secret,platform":   `there are two columns "platform"`,
		"id,,app_id,secret":              "",
		"id,平台,App_ID,Secret,base_url,x": `"x"`,
	} {
		_, _, faults := readTable([]byte(header+"\n"), false)
		if got := fmt.Sprint(faults); want == "" && len(faults) > 0 || !strings.Contains(got, want) {
			t.Errorf("I8: %s: %v, want %s", header, faults, want)
		}
	}
	// Tokens alone go to apps whose platform the server knows.
	if _, _, faults := readTable([]byte("id,类型,token\n"), true); len(faults) > 0 {
		t.Error(faults)
	}
}

func TestTheWordsOfTheConsolesNameColumns(t *testing.T) {
	t.Parallel()
	items, ignored, faults := readTable([]byte("id,平台,应用ID,密钥,模式\nhr,wecom,ww1,one two,m\n"), false)
	want := []importItem{{line: 2, fields: map[string]any{"id": "hr", "platform": "wecom", "app_id": "ww1", "secret": []any{"one", "two"}, "mode": "m"}}}
	if d := cmp.Diff(want, items, cmp.AllowUnexported(importItem{})); d != "" || len(faults)+len(ignored) > 0 {
		t.Errorf("%v %v (-want +got):\n%s", faults, ignored, d)
	}
	items, _, faults = readTable([]byte("id,Platform,AppID,AppSecret\nshop,wechat,wx01,one\n"), false)
	want = []importItem{{line: 2, fields: map[string]any{"id": "shop", "platform": "wechat", "app_id": "wx01", "secret": []any{"one"}}}}
	if d := cmp.Diff(want, items, cmp.AllowUnexported(importItem{})); d != "" || len(faults) > 0 {
		t.Errorf("%v (-want +got):\n%s", faults, d)
	}
}

// A column that there is not is told once, with its whole name and the one that was meant.
func TestAColumnThatThereIsNotIsToldAtTheHeader(t *testing.T) {
	t.Parallel()
	for column, want := range map[string]string{
		"renew.evry":          `"renew.evry"; did you mean "renew.every"?`,
		"agent_id":            `"agent_id"; did you mean "params.agent_id"?`,
		"appp_id":             `"appp_id"; did you mean "app_id"?`,
		"secrets":             `"secrets"; did you mean "secret"?`,
		"token_url":           `"token_url"; did you mean "oauth2.token_url"?`,
		"access_token_expire": `"access_token_expire"; did you mean "access_token_expires_in"?`,
		"page_hosts.x":        `"page_hosts.x"; did you mean "page_hosts"?`,
		"whatever_else":       `"whatever_else"`,
	} {
		_, _, faults := readTable([]byte("\nid,app_id,"+column+"\nshop,wx01,SECRET\nblog,wx02,SECRET\n"), true)
		if want = "line 2: no column or field is called " + want; len(faults) != 1 || faults[0].String() != want {
			t.Errorf("%s: %v, want %s", column, faults, want)
		}
	}
	for _, column := range []string{"params.whatever", "oauth2.extra.x", "login.scopes", "renew.ahead", "jsapi_ticket_file", "refresh_token", "overlap"} {
		if what := newImportColumns().unknown(column); what != "" {
			t.Error(what)
		}
	}
}

// Every fault is told with its line, and none with a value (I6).
func TestFaultsOfATableHaveTheirLines_I6(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "line 1: there is no header row",
		"\n\n":                         "line 1: there is no header row",
		"app_id,secret\nwx,SECRET\n":   "line 1: no column is called id",
		"id,app_id,app_id\n":           `line 1: there are two columns "app_id"`,
		"id,app_id\nshop,wx,SECRET\n":  "line 2: it has 3 cells, and the header names 2 columns",
		"id,app_id\n\nshop,\"SECRET\n": "line 3: it cannot be read",
		"id,app_id\nshop,SE\"CRET\n":   "line 2: it cannot be read",
		"id,params,params.a\nshop,SECRET,SECRET\n": "line 2: the column \"params.a\" is there as a value",
	} {
		_, _, faults := readTable([]byte(text), true)
		if len(faults) == 0 || !strings.Contains(faults[0].String(), want) || strings.Contains(faults[0].String(), "SECRET") {
			t.Errorf("%q: %v, want %s", text, faults, want)
		}
	}
}

// A table without a header begins with an app, and its secret is not told as the name of a
// column (I6).
func TestNothingOfAFirstRowThatIsNoHeaderIsTold_I6(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"shop,wechat,wx1,SECRET\nblog,wechat,wx2,SECRET2\n", "shop,wx1,SECRET,SECRET\n", "shop,wx1,#SECRET\nid,app_id,secret\n",
	} {
		items, ignored, faults := readTable([]byte(text), true)
		if len(items)+len(ignored) > 0 || len(faults) != 1 || !strings.Contains(faults[0].String(), "no column is called id") {
			t.Errorf("I6: %q: %v %v %v", text, items, ignored, faults)
		}
	}
}

func TestAListIsReadFromYAMLAndJSON(t *testing.T) {
	t.Parallel()
	want := []importItem{{line: 1, fields: map[string]any{"id": "qq", "app_id": "102000000", "params": map[string]any{"a": "1"}, "secret": []any{"one", "two"}}}}
	for name, tc := range map[string]struct {
		text string
		line int
	}{
		"YAML":            {"- id: qq\n  app_id: 102000000\n  params: {a: 1}\n  mode:\n  secret: [one, two]\n", 1},
		"a configuration": {"listen: 127.0.0.1:1\napps:\n  - id: qq\n    app_id: 102000000\n    params.a: 1\n    secret: [one, two]\n", 3},
		"JSON":            {"[\n\t{\"id\":\"qq\",\t\"app_id\":\"102000000\",\"params\":{\"a\":\"1\"},\"secret\":[\"one\",\"two\"],\"mode\":null}\n]", 2},
		"JSON, apps":      {"\xef\xbb\xbf{\"apps\":[{\"id\":\"qq\",\"app_id\":102000000,\"params\":{\"a\":1},\"secret\":[\"one\",\"two\"]}]}", 1},
		"an alias":        {"x: &p {a: 1}\napps:\n  - {id: qq, app_id: 102000000, params: *p, secret: [one, two]}\n", 3},
	} {
		items, faults := readList([]byte(tc.text))
		want[0].line = tc.line
		if d := cmp.Diff(want, items, cmp.AllowUnexported(importItem{})); d != "" || len(faults) > 0 {
			t.Errorf("%s: %v (-want +got):\n%s", name, faults, d)
		}
	}
	for text, want := range map[string]string{
		"":                            "line 1: there is nothing",
		"id: shop\n":                  "want a list of apps",
		"apps: SECRET\n":              "want a list of apps",
		"- id: shop\n- SECRET\n":      "line 2: want an app",
		"- id: shop\n  id: SECRET\n":  "line 2: the field \"id\" is there twice",
		"- {id: shop, secret: SECRET": "it is not YAML or JSON",
		"- id: a\n  p: {a: {a: {a: {a: {a: {a: {a: {a: {a: SECRET}}}}}}}}}\n": "too deep",
		manyAliases(6, 40): "too many values",
	} {
		_, faults := readList([]byte(text))
		if len(faults) == 0 || !strings.Contains(faults[0].String(), want) || strings.Contains(faults[0].String(), "SECRET") {
			t.Errorf("%q: %v, want %s", text, faults, want)
		}
	}
}

// manyAliases is a short text that is very long once its aliases are put in.
func manyAliases(levels, wide int) string {
	text := "x0: &x0 SECRET\n"
	for i := 1; i <= levels; i++ {
		text += fmt.Sprintf("x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", i-1), wide), ","))
	}
	return text + fmt.Sprintf("apps:\n  - {id: shop, p: *x%d}\n", levels)
}

func FuzzImportFiles(f *testing.F) {
	for _, s := range []string{plainTable, "sep=;\nid;a\nx;\"y\"", "- id: a\n  b: {c: d}\n", `[{"id":"x"}]`, "\xff\xfei\x00d\x00", "a: &a [*a]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		readTable(data, false)
		readList(data)
	})
}
