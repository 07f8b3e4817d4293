package e2e_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
)

// site is the web site of a business that has its users log in through Hufu. It does what the
// documentation asks of one, and nothing more.
type site struct {
	t      *testing.T
	url    string // with a host of its own
	server *process
	public string // URL of the server for browsers
	app    string
	key    string
	mode   string // of the login; empty: the usual one

	mu     sync.Mutex
	logins map[string]string // state → PKCE verifier
}

func newSite(t *testing.T, host string) *site {
	t.Helper()
	s := &site{t: t, logins: map[string]string{}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + net.JoinHostPort(host, port)
	return s
}

// redirectURI is where its users come back to.
func (s *site) redirectURI() string { return s.url + "/login/done" }

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/login":
		s.begin(w, r)
	case "/login/done":
		s.done(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *site) begin(w http.ResponseWriter, r *http.Request) {
	state, verifier := rand.Text(), rand.Text()+rand.Text()
	s.mu.Lock()
	s.logins[state] = verifier
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "site_state", Value: state, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	challenge := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"redirect_uri": {s.redirectURI()}, "state": {state}, "scope": {"snsapi_userinfo"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	if scope := r.URL.Query().Get("scope"); scope != "" {
		q.Set("scope", scope)
	}
	if s.mode != "" {
		q.Set("mode", s.mode)
	}
	http.Redirect(w, r, s.public+"/oauth/"+s.app+"/authorize?"+q.Encode(), http.StatusFound)
}

// done shows who has logged in, or what went wrong.
func (s *site) done(w http.ResponseWriter, r *http.Request) {
	show := func(id, text string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><p id=%s>%s</p>", id, html.EscapeString(text))
	}
	q := r.URL.Query()
	c, err := r.Cookie("site_state")
	if err != nil || c.Value != q.Get("state") {
		show("wrong", "the state is not this browser's")
		return
	}
	if e := q.Get("error"); e != "" {
		show("wrong", e)
		return
	}
	if s.mode == "code" {
		show("code", q.Get("code"))
		return
	}
	s.mu.Lock()
	verifier := s.logins[c.Value]
	delete(s.logins, c.Value)
	s.mu.Unlock()
	var user struct {
		OpenID string `json:"openid"`
		Code   string `json:"code"`
	}
	s.ask(http.MethodPost, "/users/exchange", map[string]string{"code": q.Get("code"), "code_verifier": verifier, "redirect_uri": s.redirectURI()}, &user)
	if user.OpenID == "" {
		show("wrong", user.Code)
		return
	}
	var profile struct {
		Nickname  string `json:"nickname"`
		TokenKind string `json:"token_kind"`
		Code      string `json:"code"`
	}
	s.ask(http.MethodGet, "/users/"+user.OpenID+"/profile", nil, &profile)
	show("who", profile.Nickname+profile.Code+" "+user.OpenID+" "+profile.TokenKind)
}

// ask calls Hufu as the site's server, with its client key.
func (s *site) ask(method, path string, body, into any) {
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Error(err)
		return
	}
	req, err := http.NewRequest(method, s.server.url+"/v1/apps/"+s.app+path, bytes.NewReader(b))
	if err != nil {
		s.t.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		s.t.Error(err)
	}
}
