package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// loot is what a thief of logins would want, and where he may look for it.
type loot struct {
	t      *testing.T
	up     *upstream
	url    string // of the server
	server *process

	mu    sync.Mutex
	marks map[string]string
	// answers is all that may be seen by somebody who may not have any of it, and pages what
	// users see of their own logins: that has the site's own state in it, and nothing more.
	answers, pages bytes.Buffer
}

// ofTheSite begins the names of marks that a user's own page may have.
const ofTheSite = "the site's "

// mark has something looked for, and returns it.
func (l *loot) mark(what, value string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := what
	for i := 2; l.marks[name] != "" && l.marks[name] != value; i++ {
		name = fmt.Sprint(what, " ", i)
	}
	l.marks[name] = value
	return value
}

// all is what is marked by now.
func (l *loot) all() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.marks)
}

// watch marks what the platform gives for logins and refreshes.
func (l *loot) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/sns/") || len(l.up.Faults()) > 0 {
			h.ServeHTTP(w, r)
			return
		}
		done := httptest.NewRecorder()
		h.ServeHTTP(done, r)
		var a reply
		if json.Unmarshal(done.Body.Bytes(), &a) == nil {
			for what, value := range map[string]string{"access token": a.AccessToken, "refresh token": a.Refresh, "session key": a.SessionKey} {
				if value != "" {
					l.mark("user's "+what, value)
				}
			}
		}
		maps.Copy(w.Header(), done.Header())
		w.WriteHeader(done.Code)
		_, _ = w.Write(done.Body.Bytes())
	})
}

// ask makes a call whose answer may hold nothing of the loot.
func (l *loot) ask(method, path, auth, body string) {
	l.t.Helper()
	a := l.take(method, path, auth, body)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintln(&l.answers, method, a.status, a.header, a.text)
}

type taken struct {
	status int
	header http.Header
	text   string
	json   reply
	token  token
}

// take makes a call of somebody who may have what it brings.
func (l *loot) take(method, path, auth, body string) taken {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), method, l.url+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	if strings.HasSuffix(path, "/oidc/token") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := l.client().Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	a := taken{status: res.StatusCode, header: res.Header, text: string(b)}
	_, _ = json.Unmarshal(b, &a.json), json.Unmarshal(b, &a.token) // pages are none
	return a
}

// client goes nowhere by itself: where it is sent may be a secret that is its own.
func (l *loot) client() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// leave has a browser go from the server to the platform, and returns its state there.
func (l *loot) leave(v *visitor, link string) string {
	l.t.Helper()
	seen, err := v.get(link)
	to, perr := url.Parse(seen.to)
	if err != nil || perr != nil || to.Query().Get("state") == "" {
		l.t.Fatalf("a login cannot begin: %v %v", seen, err)
	}
	at, err := url.Parse(l.url + "/oauth/shop/callback")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, c := range v.jar.Cookies(at) {
		l.mark("cookie", c.Value)
	}
	return l.mark("state at the platform", to.Query().Get("state"))
}

// code is the platform's code of a user who has agreed.
func (l *loot) code() string {
	l.t.Helper()
	code, err := l.up.NewCode(stableID, sandbox.OpenID(stableID, "alice"), sandbox.ScopeUserInfo)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.mark("platform's code", code)
}

// comeBack has a browser come back from the platform, and returns the code that the site
// gets, if it does.
func (l *loot) comeBack(v *visitor, state, code string) string {
	l.t.Helper()
	seen, err := v.get(l.url + "/oauth/shop/callback?" + url.Values{"code": {code}, "state": {state}}.Encode())
	if err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	_, _ = fmt.Fprintln(&l.pages, seen.status, seen.text)
	l.mu.Unlock()
	to, err := url.Parse(seen.to)
	if err != nil {
		l.t.Fatal(err)
	}
	if ours := to.Query().Get("code"); ours != "" {
		if ours != code {
			l.mark("our code", ours)
		}
		return ours
	}
	return ""
}
