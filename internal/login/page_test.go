package login_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/login"
)

func page(t *testing.T, language string, p login.Page) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, public+"/", http.NoBody)
	if language != "" {
		r.Header.Set("Accept-Language", language)
	}
	rec := httptest.NewRecorder()
	newStack(t).relay.Page(rec, r, http.StatusBadRequest, p)
	return rec
}

var words = login.Page{Title: login.Words{English: "A title", Chinese: "标题"}, Text: login.Words{English: "A text.", Chinese: "正文。"}}

// TestPageSpeaksTheReadersLanguage.
func TestPageSpeaksTheReadersLanguage(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"": "en", "en": "en", "en-GB,en;q=0.5": "en", "fr": "en", "*": "en", "fr,zh;q=0.1": "zh-CN",
		"zh": "zh-CN", "zh-CN": "zh-CN", "zh-TW,zh;q=0.9,en-US;q=0.8": "zh-CN", "ZH-hans": "zh-CN",
		"en;q=0.3, zh;q=0.9": "zh-CN", "zh;q=0.3, en": "en", "zh,en": "zh-CN", "en,zh": "en", "zh;q=0": "en", "zh;q=x,en;q=0.1": "en",
		",;,-,q=1;zh": "en", "zhx": "en", "zh;q=1;en;q=0": "en",
	} {
		rec := page(t, accept, words)
		if got := rec.Header().Get("Content-Language"); got != want || !strings.Contains(rec.Body.String(), `<html lang="`+want+`">`) {
			t.Errorf("for %q the page is in %s, want %s", accept, got, want)
		}
		if has := strings.Contains(rec.Body.String(), "标题"); has != (want == "zh-CN") {
			t.Errorf("for %q the page is %s", accept, rec.Body)
		}
	}
}

// TestPageRunsNothing: what gets into a page stays text, leads to http and https only, and
// needs nothing from elsewhere.
func TestPageRunsNothing(t *testing.T) {
	t.Parallel()
	const bad = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	p := words
	p.Detail, p.Again, p.Back = bad, "javascript:alert(1)", `https://www.example.com/?a=`+bad
	p.Title.English = bad
	body := page(t, "", p).Body.String()
	for _, no := range []string{"<script", "<img", "javascript:", "onerror=alert(1)>", "http-equiv", "@import", "url("} {
		if strings.Contains(body, no) {
			t.Errorf("%q is in the page: %s", no, body)
		}
	}
	if !strings.Contains(body, "Back to www.example.com") {
		t.Error("the page does not say where its link leads")
	}
}

// TestPolicyIsOfThisStyle: a browser shows the style only if its hash is that of the policy.
func TestPolicyIsOfThisStyle(t *testing.T) {
	t.Parallel()
	rec := page(t, "", words)
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(rec.Body.String())
	if len(style) != 2 {
		t.Fatal("the page has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	csp := rec.Header().Get("Content-Security-Policy")
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(csp, want) || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %q, want %s", csp, want)
	}
}
