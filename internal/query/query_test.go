package query_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/query"
)

// FuzzValue holds the short way of reading a parameter against the library's.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{
		"", "secret=x", "a=1&secret=x&secret=y", "secret", "secret=", "secret=&secret=x", "=x", "=secret", "&&secret=x&", "a=1;secret=x",
		"secret=a;b&secret=c", "%73ecret=x", "sec%ret=x&secret=y", "secret=%zz&secret=y", "%zz=1&secret=y", "secret=a+b%20c%2F", "+secret=x",
		"SECRET=x", "secret=a=b", "secret%3Dx", "xsecret=1", "access%5Ftoken=T", strings.Repeat("&", 1000) + "secret=x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, q string) {
		want, _ := url.ParseQuery(q) // it returns what it could read
		for _, name := range []string{"secret", "appid", "grant_type", "access_token", "type"} {
			if got := query.Value(q, name); got != want.Get(name) {
				t.Errorf("Value(%q, %q) = %q, want %q", q, name, got, want.Get(name))
			}
		}
	})
}

func TestReplaceLeavesTheOthersAsTheyWere(t *testing.T) {
	t.Parallel()
	for q, want := range map[string]string{
		"":                                "access_token=T%2F1",
		"a=1":                             "access_token=T%2F1&a=1",
		"z=%E4&a=+&b=%2f&a=2&c":           "access_token=T%2F1&z=%E4&a=+&b=%2f&a=2&c",
		"a=1&access_token=U&b=2":          "access_token=T%2F1&a=1&b=2",
		"access_token=U&access_token=V":   "access_token=T%2F1",
		"access%5Ftoken=U&%61ccess_token": "access_token=T%2F1",
		"Access_Token=U&ACCESS%5fTOKEN=V": "access_token=T%2F1",
		"a=1;access_token=U":              "access_token=T%2F1&a=1%3Baccess_token=U",
		"access_token=U;a=1":              "access_token=T%2F1",
		"a=1#&access_token=U#":            "access_token=T%2F1&a=1%23",
		"access%5ftoken%=U&%zz=1&a=%zz":   "access_token=T%2F1&a=%zz",
		"secret=S&&a=1":                   "access_token=T%2F1&a=1",
	} {
		got := query.Replace(q, query.Param{Name: "access_token", Value: "T/1"}, query.Param{Name: "secret"})
		if got != want {
			t.Errorf("%q becomes %q, want %q", q, got, want)
		}
	}
	if got := query.Replace("access_token=U", query.Param{Name: "access_token"}); got != "" {
		t.Errorf("what is taken out leaves %q", got)
	}
}

func FuzzReplace(f *testing.F) {
	for _, s := range []string{
		"a=1&access_token=x", "a=1;access_token=x;b=2", "access%5Ftoken=x&%=1", "a=%3Baccess_token=x", "access_token;=x", "a#;b",
		"ACCESS_TOKEN=1&acceſs_token=2",
	} {
		f.Add(s, "83_token")
	}
	f.Add("access_token=1", "a&access_token=2;access_token=3#%+ \x00")
	f.Fuzz(func(t *testing.T, q, token string) {
		if token == "" {
			return
		}
		const name = "access_token"
		put := query.Param{Name: name, Value: token}
		got := query.Replace(q, put)
		before, _ := url.ParseQuery(q)
		after, err := url.ParseQuery(got)
		if vs := after[name]; !slices.Equal(vs, []string{token}) {
			t.Errorf("net/url reads the tokens %q of %q", vs, got)
		}
		if err == nil && strings.Contains(got, ";") {
			t.Errorf("a semicolon is left in %q", got)
		}
		var naive []string
		for _, pair := range strings.FieldsFunc(got, func(r rune) bool { return r == '&' || r == ';' }) {
			k, v, _ := strings.Cut(pair, "=")
			if k, err := url.QueryUnescape(k); err == nil && strings.EqualFold(k, name) {
				v, _ = url.QueryUnescape(v)
				naive = append(naive, v)
			}
		}
		if !slices.Equal(naive, []string{token}) {
			t.Errorf("a reader that splits at semicolons reads the tokens %q of %q", naive, got)
		}
		for k, vs := range before {
			if !strings.EqualFold(k, name) && !contains(after[k], vs) {
				t.Errorf("%q had %q=%q and has %q in %q", q, k, vs, after[k], got)
			}
		}
		if again := query.Replace(got, put); again != got {
			t.Errorf("put in twice, %q becomes %q", got, again)
		}
	})
}

// contains reports whether the values are among the others, in their order: pairs with a
// semicolon, which net/url ignores, become readable.
func contains(all, values []string) bool {
	for _, v := range all {
		if len(values) > 0 && v == values[0] {
			values = values[1:]
		}
	}
	return len(values) == 0
}
