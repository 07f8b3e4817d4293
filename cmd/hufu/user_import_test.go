package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
)

// takes is a server that imports all but those it is told to refuse, and keeps what it was
// sent.
type takes struct {
	calls  [][]api.ImportedUser
	refuse string
	fail   int // the call that fails, counted from 1
}

func (s *takes) send(_ context.Context, _ string, users []api.ImportedUser) ([]api.Imported, error) {
	s.calls = append(s.calls, append([]api.ImportedUser{}, users...))
	if len(s.calls) == s.fail {
		return nil, errors.New("the store is away")
	}
	out := make([]api.Imported, len(users))
	for i, u := range users {
		out[i] = api.Imported{OpenID: u.OpenID, Result: api.ImportDone}
		if u.OpenID == s.refuse {
			out[i].Result, out[i].Problem = api.ImportFailed, &api.Problem{Detail: "no such scope"}
		}
	}
	return out, nil
}

func imports(s *takes, text string) (*importer, error) {
	i := &importer{app: "shop", send: s.send, counts: map[string]int{}}
	return i, i.run(context.Background(), strings.NewReader(text))
}

func grantLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"openid":"user-%d","scope":"snsapi_base","refresh_token":"RT_%d"}`+"\n\n", i, i)
	}
	return b.String()
}

func TestAFileIsImportedInPortions(t *testing.T) {
	t.Parallel()
	s := &takes{refuse: "user-450"}
	i, err := imports(s, strings.TrimSpace(grantLines(451)))
	if err != nil || len(s.calls) != 3 || len(s.calls[0]) != importAtOnce || len(s.calls[2]) != 51 {
		t.Fatalf("%v, %d calls", err, len(s.calls))
	}
	if d := cmp.Diff(map[string]int{"imported": 450, "failed": 1}, i.counts); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"line 901, user-450: no such scope"}, i.told); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	last := s.calls[2][50]
	if last.OpenID != "user-450" || last.RefreshToken != "RT_450" || len(i.all().Results) != 451 {
		t.Errorf("%s", last.OpenID)
	}
	// Long tokens make smaller portions.
	s = &takes{}
	long := fmt.Sprintf(`{"openid":"u","scope":"s","refresh_token":%q}`+"\n", strings.Repeat("x", 30<<10))
	if _, err := imports(s, strings.Repeat(long, 10)); err != nil || len(s.calls) != 2 {
		t.Errorf("%v, %d calls", err, len(s.calls))
	}
}

// I6: no error about a line has anything of it but names of fields.
func TestAnImportStopsAtALineThatIsNone_I6(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`{"openid":"u","refresh_token":"SECRET"`:          "cannot be read",
		`{"openid":"u","refresh_token":SECRET}`:           "syntax error at byte",
		`{"openid":"u","refresh":"SECRET"}`:               `unknown field "refresh"`,
		`{"openid":7,"refresh_token":"SECRET"}`:           `field "openid" has the wrong type`,
		`{"openid":"u","expiry":"SECRET"}`:                "times are written as",
		`{"openid":"u","refresh_token":"SECRET"} {"a":1}`: "something follows",
		`["SECRET"]`: "wrong type",
		`u,SECRET`:   "syntax error at byte",
		`{"openid":"u","x":"` + strings.Repeat("SECRET", maxImportLine/6) + `"}`: "too long",
	} {
		s := &takes{}
		_, err := imports(s, grantLines(2)+line+"\n"+grantLines(1))
		if err == nil || !strings.Contains(err.Error(), "line 5") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%.60s: %v, want %q", line, err, want)
		}
		if len(s.calls) != 1 || len(s.calls[0]) != 2 {
			t.Errorf("%.60s: what comes before it was not imported: %d calls", line, len(s.calls))
		}
	}
}

func TestAnImportThatBreaksOffSaysWhere(t *testing.T) {
	t.Parallel()
	s := &takes{fail: 2}
	i, err := imports(s, grantLines(500))
	if err == nil || !strings.Contains(err.Error(), "import lines 401 to 799, and nothing after them: the store is away") || len(s.calls) != 2 {
		t.Errorf("%v after %d calls", err, len(s.calls))
	}
	if i.counts[api.ImportDone] != importAtOnce {
		t.Errorf("%v", i.counts)
	}
	i, err = imports(&takes{}, "\n\n")
	if err != nil || len(i.all().Results) != 0 {
		t.Errorf("an empty file: %v", err)
	}
}
