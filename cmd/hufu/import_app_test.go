package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
)

var importedAt = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// appReader reads apps at a certain time, of a file that was written ten minutes before.
func appReader(t *testing.T) *importReader {
	t.Helper()
	r := &importReader{
		dir: t.TempDir(), since: importedAt.Add(-10 * time.Minute), now: importedAt, ids: map[string]int{},
		getenv: func(name string) (string, bool) { return "from " + name, name != "UNSET" },
	}
	for name, text := range map[string]string{"one.secret": "\ufefffrom a file\n", "token": "TOKEN-IN-FILE", "empty": " \n", "long": strings.Repeat("x", maxSecret+1)} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// row reads one app of a table with these columns and cells.
func row(r *importReader, columns, cells string) (importApp, []importFault) {
	items, _, faults := readTable([]byte(columns+"\n"+cells+"\n"), true)
	if len(faults) > 0 {
		return importApp{}, faults
	}
	return r.read(items[0])
}

func TestAnAppIsMadeOfARow(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		columns, cells string
		want           api.App
		tokens         map[string]time.Duration // how long they live at importedAt
		note           string
	}{
		"the least": {"id,app_id,secret", "shop,wx01,one", api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"one"}}, nil, ""},
		"much": {
			"id,platform,app_id,secret,mode,base_url,overlap,renew.every,page_hosts", "shop,wechat,wx01,one two,classic,http://a.internal,1m,30m,a.example.com",
			api.App{
				ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"one", "two"}, Mode: "classic", BaseURL: "http://a.internal",
				Overlap: api.Duration(time.Minute), Renew: api.Renew{Every: api.Duration(30 * time.Minute)}, PageHosts: []string{"a.example.com"},
			},
			nil, "",
		},
		"from the environment": {"id,app_id,secret", "shop,wx01,${SHOP}", api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"from SHOP"}}, nil, ""},
		"from a file":          {"id,app_id,secret_file", "shop,wx01,one.secret", api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"from a file"}}, nil, ""},
		"a token for seconds from when the file was written": {
			"id,app_id,secret,token,expires_in", "shop,wx01,one,TOKEN,7200",
			api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"one"}},
			map[string]time.Duration{"access_token": 110 * time.Minute},
			"",
		},
		"tokens until": {
			"id,app_id,secret,token,expiry,jsapi_ticket,jsapi_ticket_expiry,wx_card_ticket_file,wx_card_ticket_expires_in", "shop,wx01,one,TOKEN,2026-11-21T18:30:00+08:00,TICKET,1795255260,token,3600",
			api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"one"}},
			map[string]time.Duration{"access_token": 30 * time.Minute, "jsapi_ticket": time.Minute, "wx_card_ticket": 50 * time.Minute},
			"",
		},
		"a token in the column of its kind": {
			"id,app_id,secret,access_token,expires_in,jsapi_ticket,jsapi_ticket_expires_in", "shop,wx01,one,TOKEN,7200,TICKET,3600",
			api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"one"}},
			map[string]time.Duration{"access_token": 110 * time.Minute, "jsapi_ticket": 50 * time.Minute},
			"",
		},
		"another kind": {
			"id,app_id,secret,kind,token,expires_in", "shop,wx01,one,jsapi_ticket,TOKEN,7200",
			api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"one"}},
			map[string]time.Duration{"jsapi_ticket": 110 * time.Minute},
			"",
		},
		"a token that has expired": {
			"id,app_id,secret,token,expires_in", "shop,wx01,one,TOKEN,600",
			api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"one"}},
			nil, "access_token has expired and is left out",
		},
		"a secret like a reference": {"id,app_id,secret", "shop,wx01,x${SHOP}", api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Secret: api.Secrets{"x${SHOP}"}}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, faults := row(appReader(t), tc.columns, tc.cells)
			if d := cmp.Diff(tc.want, a.app); d != "" || len(faults) > 0 {
				t.Errorf("%v (-want +got):\n%s", faults, d)
			}
			got := map[string]time.Duration{}
			for _, x := range a.tokens {
				got[x.kind] = x.ends.Sub(importedAt)
				if !strings.HasPrefix(x.token.Reveal(), "T") {
					t.Errorf("%s is another token", x.kind)
				}
			}
			if tc.tokens == nil {
				tc.tokens = map[string]time.Duration{}
			}
			if d := cmp.Diff(tc.tokens, got); d != "" || strings.Join(a.notes, "") != tc.note {
				t.Errorf("%v (-want +got):\n%s", a.notes, d)
			}
		})
	}
}

// A list has its fields in each other, and those that there are not are told with their whole
// names.
func TestAFieldOfAListThatThereIsNotIsTold(t *testing.T) {
	t.Parallel()
	items, wrong := readList([]byte("- id: shop\n  app_id: wx01\n  renew: {evry: 1h}\n  corp_id: SECRET\n  params: {x: y}\n"))
	if len(items) != 1 || len(wrong) > 0 {
		t.Fatal(items, wrong)
	}
	_, faults := appReader(t).read(items[0])
	want := []importFault{
		{1, `no column or field is called "corp_id"; did you mean "params.corp_id"?`},
		{1, `no column or field is called "renew.evry"; did you mean "renew.every"?`},
	}
	if d := cmp.Diff(want, faults, cmp.AllowUnexported(importFault{})); d != "" {
		t.Error(d)
	}
}

// All faults of a row are told, and none with a value (I6).
func TestFaultsOfAnAppQuoteNoValue_I6(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ columns, cells, want string }{
		{"id,app_id,overlap", "shop,wx01,SECRET", "want a form such as"},
		{"id,app_id,renew", "shop,wx01,SECRET", `the field "renew" has the wrong form`},
		{"id,app_id,secret", "Shop SECRET,wx01,one", "the id: want 1 to 64 of a-z"},
		{"id,app_id,secret", ",wx01,SECRET", "id is missing"},
		{"id,app_id,secret", "shop,,SECRET", "app_id is missing"},
		{"id,app_id,secret", "shop,wx01,${UNSET}", "the environment variable UNSET is not set"},
		{"id,app_id,secret,secret_file", "shop,wx01,SECRET,one.secret", "secret and secret_file are both there"},
		{"id,app_id,secret_file", "shop,wx01,SECRET", "secret_file: it cannot be opened"},
		{"id,app_id,secret_file", "shop,wx01,empty", "is empty"},
		{"id,app_id,secret_file", "shop,wx01,long", "too long"},
		{"id,app_id,token", "shop,wx01,SECRET", "access_token: want expires_in or expiry"},
		{"id,app_id,token,expires_in,expiry", "shop,wx01,SECRET,1,2026-11-21T10:00:00Z", "access_token: want expires_in or expiry"},
		{"id,app_id,expires_in", "shop,wx01,7200", "access_token: there is when it ends, and no token"},
		{"id,app_id,access_token,access_token_expires_in,expires_in", "shop,wx01,SECRET,1,2", "access_token: there is when it ends, and no token"},
		{"id,app_id,token,expires_in", "shop,wx01,SECRET,SECRET", "expires_in is not a number"},
		{"id,app_id,token,expires_in", "shop,wx01,SECRET,-1", "expires_in is not a number"},
		{"id,app_id,token,expiry", "shop,wx01,SECRET,SECRET", "expiry: want a time such as"},
		{"id,app_id,kind,token,expires_in,jsapi_ticket,jsapi_ticket_expires_in", "shop,wx01,jsapi_ticket,SECRET,9000,SECRET,9000", `two tokens of kind "jsapi_ticket"`},
	} {
		_, faults := row(appReader(t), tc.columns, tc.cells)
		if len(faults) != 1 || !strings.Contains(faults[0].String(), "line 2: ") || !strings.Contains(faults[0].String(), tc.want) || strings.Contains(faults[0].String(), "SECRET") {
			t.Errorf("%s: %v, want %s", tc.columns, faults, tc.want)
		}
	}
	_, faults := row(appReader(t), "id,app_id,token", "Shop,,SECRET")
	if len(faults) != 3 {
		t.Errorf("not all faults are told: %v", faults)
	}
	r := appReader(t)
	row(r, "id,app_id,secret", "shop,wx01,one")
	if _, faults := row(r, "id,app_id,secret", "shop,wx02,one"); len(faults) != 1 || !strings.Contains(faults[0].String(), `"shop" is that of line 2 too`) {
		t.Errorf("%v", faults)
	}
	items, _ := readList([]byte("- {id: shop, app_id: wx01, tokens: [{kind: access_token, token: SECRET, expires: 5}]}\n- {id: shop2, app_id: wx02, tokens: [SECRET]}"))
	for _, item := range items {
		_, faults := appReader(t).read(item)
		if len(faults) != 1 || strings.Contains(faults[0].String(), "SECRET") {
			t.Errorf("%v", faults)
		}
	}
}

func TestASpreadsheetsTimesAreThoseOfThisMachine(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 11, 21, 18, 30, 0, 0, time.Local)
	for _, s := range []string{"2026-11-21 18:30:00", "2026-11-21 18:30", "2026/11/21 18:30:00", "2026/11/21 18:30"} {
		if got, err := readInstant(s); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "18:30", "7200", "21/11/2026 18:30", "17952552600"} {
		if got, err := readInstant(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}
