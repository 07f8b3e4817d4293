package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
)

// appShelf is a server that keeps apps and their tokens, and says what it was asked for.
type appShelf struct {
	apps   map[string]api.App
	tokens map[string]string // by app and kind
	calls  []string
	old    bool // it cannot be asked what is wrong with an app
}

func shelf(apps ...api.App) *appShelf {
	s := &appShelf{apps: map[string]api.App{}, tokens: map[string]string{}}
	for _, a := range apps {
		s.apps[a.ID] = a
	}
	return s
}

func (s *appShelf) App(_ context.Context, id string) (api.App, error) {
	a, ok := s.apps[id]
	if !ok {
		return a, &api.Problem{Status: 404, Code: api.CodeUnknownApp}
	}
	return a, nil
}

func (s *appShelf) CheckApp(_ context.Context, a api.App) error {
	switch {
	case s.old:
		return &api.Problem{Status: 404, Code: "unknown_path"}
	case a.Platform != "wechat":
		return &api.Problem{Status: 400, Code: "unknown_platform", Detail: `app "` + a.ID + `": no platform is called "` + a.Platform + `"`, Hint: "there are: wechat"}
	}
	return nil
}

func (s *appShelf) PutApp(ctx context.Context, a api.App) (api.App, error) {
	s.calls = append(s.calls, "put "+a.ID)
	for _, t := range a.Tokens {
		if _, err := s.bring(a.ID, t); err != nil {
			return a, err
		}
	}
	a.Secret, a.Tokens, a.Origin = nil, nil, "api"
	if a.Mode == "" {
		a.Mode = "stable"
	}
	s.apps[a.ID] = a
	return a, nil
}

func (s *appShelf) ImportToken(_ context.Context, app string, t api.TokenState) (api.TokenState, error) {
	s.calls = append(s.calls, "token "+app+" "+t.Kind)
	return s.bring(app, t)
}

func (s *appShelf) bring(app string, t api.TokenState) (api.TokenState, error) {
	k := app + " " + t.Kind
	switch now, lives := s.tokens[k]; {
	case t.ExpiresIn < 1:
		return t, &api.Problem{Status: 400, Code: api.CodeInvalid, Detail: "it has expired"}
	case now == t.Token:
		t.Result = api.ImportUnchanged
	case lives && !t.Replace:
		return t, &api.Problem{Status: 409, Code: api.CodeConflict, Detail: "another one lives"}
	default:
		s.tokens[k] = t.Token
		t.Result = api.ImportDone
	}
	return t, nil
}

func shopRow(t *testing.T, more, cells string) importApp {
	t.Helper()
	r := &importReader{since: time.Now(), now: time.Now(), ids: map[string]int{}}
	a, faults := row(r, "id,app_id,secret,token,expires_in"+more, "shop,wx01,one,TOKEN,7200"+cells)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return a
}

// told is a result in a few words.
func told(r appResult) string {
	s := r.Result
	for _, t := range r.Tokens {
		s += fmt.Sprintf(", %s %s", t.Kind, t.Result)
	}
	if r.Error != "" {
		s += ": " + r.Error
	}
	return s
}

func TestAnImportIsDoneOnceHoweverOftenItIsRun(t *testing.T) {
	t.Parallel()
	s := shelf()
	i := &appImporter{server: s}
	a := shopRow(t, ",renew.every", ",60m")
	for _, want := range []string{"imported, access_token imported", "unchanged, access_token unchanged"} {
		if got := told(i.run(t.Context(), a)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	// The token has been renewed since.
	s.tokens["shop access_token"] = "NEWER"
	if got := told(i.run(t.Context(), a)); got != "unchanged, access_token kept" || s.tokens["shop access_token"] != "NEWER" {
		t.Errorf("%s", got)
	}
	if d := cmp.Diff([]string{"put shop", "token shop access_token", "token shop access_token"}, s.calls); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	i.replaceTokens = true
	if got := told(i.run(t.Context(), a)); got != "imported, access_token imported" || s.tokens["shop access_token"] != "TOKEN" {
		t.Errorf("%s", got)
	}
}

func TestAnAppThatDiffersIsReplacedOnlyOnDemand(t *testing.T) {
	t.Parallel()
	s := shelf(api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Mode: "classic", BaseURL: "https://api.weixin.qq.com", Origin: "api"})
	a := shopRow(t, ",mode", ",stable")
	i := &appImporter{server: s}
	got := told(i.run(t.Context(), a))
	if !strings.HasPrefix(got, "failed: the app is there already and differs in mode; give --replace") || len(s.calls) > 0 {
		t.Errorf("%s, %v", got, s.calls)
	}
	i.replace = true
	if got := told(i.run(t.Context(), a)); got != "replaced, access_token imported" || s.apps["shop"].Mode != "stable" {
		t.Errorf("%s", got)
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	t.Parallel()
	s := shelf(api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Tokens: []api.TokenState{{Kind: "access_token", Usable: true}}})
	i := &appImporter{server: s, dry: true, replace: true}
	a, b := shopRow(t, "", ""), shopRow(t, "", "")
	b.app.ID, b.fields["id"] = "blog", "blog"
	for want, a := range map[string]importApp{"replaced, access_token kept": a, "imported, access_token imported": b} {
		if r := i.run(t.Context(), a); told(r) != want || len(r.Notes) > 0 {
			t.Errorf("%s, want %s: %v", told(r), want, r.Notes)
		}
	}
	b.tokens = nil
	if r := i.run(t.Context(), b); r.Result != imported || len(r.Notes) != 1 || r.Notes[0] != "gets a new token" {
		t.Errorf("%+v", r)
	}
	a.tokens = nil
	if r := i.run(t.Context(), a); len(r.Notes) > 0 {
		t.Errorf("of an app that is there: %+v", r)
	}
	if len(s.calls) > 0 {
		t.Errorf("%v", s.calls)
	}
}

func TestTokensOnlyLeavesAppsAlone(t *testing.T) {
	t.Parallel()
	s := shelf(api.App{ID: "shop", Platform: "wechat", AppID: "wx01", Origin: "file"})
	i := &appImporter{server: s, tokensOnly: true, replace: true}
	a := shopRow(t, ",mode", ",classic")
	if got := told(i.run(t.Context(), a)); got != "imported, access_token imported" {
		t.Errorf("%s", got)
	}
	a.app.ID = "none"
	if got := told(i.run(t.Context(), a)); !strings.HasPrefix(got, "failed: there is no such app") {
		t.Errorf("%s", got)
	}
	a = shopRow(t, "", "")
	a.app.AppID, a.fields["app_id"] = "wx02", "wx02"
	if got := told(i.run(t.Context(), a)); got != "failed: the app at the server has another app_id" { // I8
		t.Errorf("%s", got)
	}
	if d := cmp.Diff([]string{"token shop access_token"}, s.calls); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// I6: nothing that is printed of a result has a secret or a token in it.
func TestAReportHasNoSecret_I6(t *testing.T) {
	t.Parallel()
	a := shopRow(t, "", "")
	a.app.Secret, a.tokens[0].token = api.Secrets{"SECRET"}, broker.NewSecret("SECRET")
	r := (&appImporter{server: shelf()}).run(t.Context(), a)
	var b strings.Builder
	if err := writeJSON(&b, importReport{[]appResult{r}}); err != nil {
		t.Fatal(err)
	}
	if text := b.String() + fmt.Sprintf("%v %+v", r, r); strings.Contains(text, "SECRET") {
		t.Error(text)
	}
	if !strings.HasPrefix(b.String(), `{"results":[{"line":2,"id":"shop","platform":"wechat","result":"imported","tokens":[{"kind":"access_token","result":"imported","expires_in":7`) {
		t.Error(b.String())
	}
}

// What the server has against an app is told before any other is imported.
func TestAppsAreCheckedAtTheServerBeforeAnyIsImported(t *testing.T) {
	t.Parallel()
	apps := []importApp{
		{line: 2, app: api.App{ID: "shop", Platform: "wechat"}},
		{line: 3, app: api.App{ID: "blog", Platform: "wecm"}, fields: map[string]any{"platform": "wecm"}},
		{line: 4, app: api.App{ID: "news", Platform: "acme"}, fields: map[string]any{"platform": "acme"}},
		{line: 5, app: api.App{ID: "here", Platform: "wecm"}, fields: map[string]any{"platform": "wecm"}},
	}
	for name, tc := range map[string]struct {
		importer appImporter
		old      bool
		want     []importFault
		err      error
	}{
		"apps that are not there": {want: []importFault{
			{3, `no platform is called "wecm"; there are: wechat`}, {4, `no platform is called "acme"; there are: wechat`},
		}},
		"and those that are replaced": {importer: appImporter{replace: true}, want: []importFault{
			{3, `no platform is called "wecm"; there are: wechat`},
			{4, `no platform is called "acme"; there are: wechat`},
			{5, `no platform is called "wecm"; there are: wechat`},
		}},
		"tokens alone":    {importer: appImporter{tokensOnly: true}},
		"an older server": {old: true, err: errUnchecked},
	} {
		s := shelf(api.App{ID: "here", Platform: "wechat"})
		s.old = tc.old
		tc.importer.server = s
		faults, err := tc.importer.check(t.Context(), apps)
		if d := cmp.Diff(tc.want, faults, cmp.AllowUnexported(importFault{})); d != "" || !errors.Is(err, tc.err) || len(s.calls) > 0 {
			t.Errorf("%s: %v, %v (-want +got):\n%s", name, err, s.calls, d)
		}
	}
}
