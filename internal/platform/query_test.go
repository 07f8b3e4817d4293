package platform_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/platform"
)

func TestQueryValueReadsAsNetURLDoes(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		"", "access_token=T", "a=1&access_token=T&access_token=U", "access%5Ftoken=T", "access_token=a%2Fb+c", "access_token",
		"access_token=&access_token=T", "access_token=%zz&access_token=T", "access_token=x;y&access_token=T", "%zz=1&access_token=T",
		"Access_Token=T", "a=1;access_token=T", "&&access_token=T", "access_token=T=U", "=access_token", "xaccess_token=1",
	} {
		values, _ := url.ParseQuery(query) // it returns what it could read
		if got, want := platform.QueryValue(query, "access_token"), values.Get("access_token"); got != want {
			t.Errorf("of %q: %q, want %q", query, got, want)
		}
	}
}

func TestReplaceQueryLeavesTheOthersAsTheyWere(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
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
		got := platform.ReplaceQuery(query, platform.QueryParam{Name: "access_token", Value: "T/1"}, platform.QueryParam{Name: "secret"})
		if got != want {
			t.Errorf("%q becomes %q, want %q", query, got, want)
		}
	}
	if got := platform.ReplaceQuery("access_token=U", platform.QueryParam{Name: "access_token"}); got != "" {
		t.Errorf("what is taken out leaves %q", got)
	}
}

func FuzzReplaceQuery(f *testing.F) {
	for _, s := range []string{
		"a=1&access_token=x", "a=1;access_token=x;b=2", "access%5Ftoken=x&%=1", "a=%3Baccess_token=x", "access_token;=x", "a#;b",
		"ACCESS_TOKEN=1&acceſs_token=2",
	} {
		f.Add(s, "83_token")
	}
	f.Add("access_token=1", "a&access_token=2;access_token=3#%+ \x00")
	f.Fuzz(func(t *testing.T, query, token string) {
		if token == "" {
			return
		}
		const name = "access_token"
		put := platform.QueryParam{Name: name, Value: token}
		got := platform.ReplaceQuery(query, put)
		before, _ := url.ParseQuery(query)
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
				t.Errorf("%q had %q=%q and has %q in %q", query, k, vs, after[k], got)
			}
		}
		if again := platform.ReplaceQuery(got, put); again != got {
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
