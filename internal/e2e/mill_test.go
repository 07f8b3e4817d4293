package e2e_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	patrons = 60 // users who log in again and again
	tills   = 4  // browsers at a time
	askers  = 8  // callers who want users' tokens
)

// mill has users log in, codes redeemed and tokens renewed, all at once, while its server
// is killed and started again.
type mill struct {
	t         *testing.T
	up        *upstream
	refreshes refreshes
	url       string // of the server, whichever runs
	rotates   bool
	kills     atomic.Int64 // those that were begun and those that are over
	transport *http.Transport

	mu    sync.Mutex
	known []string         // open ids of users who logged in
	held  map[string]token // the newest token that was answered, of each of them

	logins, redeemed, cut, tokens, ended atomic.Int64
}

func newMill(t *testing.T, rotates bool) *mill {
	t.Helper()
	m := &mill{t: t, rotates: rotates, held: map[string]token{}, transport: onThisMachine(t)}
	// Less than what a user's token has to last to be handed out as it is, so that every
	// request for one wants it renewed; some have ended by then, and are replaced.
	m.up = startUpstream(t, sandbox.Config{Lifetime: 3 * time.Second, Overlap: time.Second, RotateRefresh: rotates}, m.refreshes.before)
	return m
}

func (m *mill) configure(dir, address string) {
	m.t.Helper()
	text := fmt.Sprintf(`listen: %[1]s
public_url: http://%[1]s
apps:
  - id: shop
    platform: wechat
    app_id: %[2]s
    secret: %[3]s
    base_url: %[4]s
    overlap: 1s
    login: {authorize_url: "%[4]s", redirect_uris: ["%[5]s"]}
clients:
  - {name: e2e, key: %[6]s, apps: [shop], allow: [users]}
`, address, stableID, secret, m.up.url, landing, key)
	if err := os.WriteFile(filepath.Join(dir, "hufu.yaml"), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mill) repeat(stop <-chan struct{}, pause time.Duration, f func()) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(mathrand.N(2 * pause)):
			f()
		}
	}
}

// undisturbed reports whether the server ran all the time since kills was n.
func (m *mill) undisturbed(n int64) bool { return n%2 == 0 && m.kills.Load() == n }

// know keeps that a user has logged in.
func (m *mill) know(user string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.held[user]; !known {
		m.held[user] = token{}
		m.known = append(m.known, user)
	}
}

// anybody is somebody who has logged in, and the newest token that was answered of them.
func (m *mill) anybody() (string, token) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) == 0 {
		return "", token{}
	}
	user := m.known[mathrand.N(len(m.known))]
	return user, m.held[user]
}

// hold compares a token that was answered with one that was answered before it was asked
// for: what a server has told is not lost with it.
func (m *mill) hold(user string, was, is token) {
	if is.Version < was.Version || is.Version == was.Version && is.Token != was.Token {
		m.t.Errorf("I5: version %d of the token of %s was answered after version %d", is.Version, user, was.Version)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if is.Version > m.held[user].Version {
		m.held[user] = is
	}
}

// logIn is one login of somebody, from the site's link to the redeemed code, by one protocol
// or the other. Where the server dies, the browser asks again, as people do.
func (m *mill) logIn() {
	user := fmt.Sprintf("o-patron-%02d", mathrand.N(patrons))
	v := newVisitor(m.t, m.transport)
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	q := url.Values{
		"redirect_uri": {landing}, "state": {state},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
	link, redeem := "/oauth/shop/authorize?", m.exchange
	if mathrand.N(3) == 0 {
		link, redeem = "/oauth/shop/oidc/authorize?", m.exchangeOpenID
		q.Set("client_id", "e2e")
		q.Set("response_type", "code")
		q.Set("scope", "openid")
	} else {
		q.Set("scope", "snsapi_userinfo")
	}
	begun := m.kills.Load()
	page, err := v.get(m.url + link + q.Encode())
	if err != nil {
		if m.undisturbed(begun) {
			m.t.Errorf("a login could not begin: %v", err)
		}
		return
	}
	asked, err := url.Parse(page.to)
	if err != nil || page.to == "" {
		m.t.Errorf("a login could not begin: %v", page)
		return
	}
	code, err := m.up.NewCode(stableID, user, sandbox.ScopeUserInfo)
	if err != nil {
		m.t.Error(err)
		return
	}
	back := m.url + "/oauth/shop/callback?" + url.Values{"code": {code}, "state": {asked.Query().Get("state")}}.Encode()
	begun = m.kills.Load()
	for range 20 {
		if page, err = v.get(back); err == nil {
			break
		}
		<-time.After(100 * time.Millisecond)
	}
	home, _ := url.Parse(page.to)
	switch {
	case err != nil:
	case page.status == http.StatusSeeOther && home.Query().Get("code") != "" && home.Query().Get("state") == state:
		m.logins.Add(1)
		m.know(user)
		m.redeem(user, func() (int, userAnswer, error) { return redeem(home.Query().Get("code"), verifier) })
	case page.status == http.StatusConflict && !m.undisturbed(begun):
		// It was used, and what came of it was lost on the way.
	default:
		m.t.Errorf("a login ends with %v", page)
	}
}

// exchange redeems a code as sites do.
func (m *mill) exchange(code, verifier string) (int, userAnswer, error) {
	return m.call(m.t.Context(), http.MethodPost, "/users/exchange", fmt.Sprintf(`{"code":%q,"code_verifier":%q}`, code, verifier))
}

// exchangeOpenID redeems one as programs do that know OpenID Connect.
func (m *mill) exchangeOpenID(code, verifier string) (int, userAnswer, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {landing}, "code_verifier": {verifier}}
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.url+"/oauth/shop/oidc/token", strings.NewReader(form.Encode()))
	if err != nil {
		return 0, userAnswer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("e2e", key)
	status, a, err := m.do(req)
	if a.Error == "invalid_grant" {
		a.Code = "bad_code"
	}
	if parts := strings.Split(a.IDToken, "."); len(parts) == 3 {
		// Whether it is signed is looked at elsewhere.
		claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
		err = errors.Join(err, json.Unmarshal(claims, &a))
	}
	return status, a, err
}

// redeem has two servers of the business redeem a code at the same time, each of which
// tries again where it got no answer.
func (m *mill) redeem(user string, exchange func() (int, userAnswer, error)) {
	var good, cut atomic.Int64
	var at sync.WaitGroup
	for range 2 {
		at.Go(func() {
			for range 20 {
				status, a, err := exchange()
				switch {
				case err != nil:
					cut.Add(1)
					<-time.After(100 * time.Millisecond)
					continue
				case status == http.StatusOK && a.OpenID == user:
					good.Add(1)
				case status == http.StatusOK:
					m.t.Errorf("I8: a code of %s was redeemed for %q", user, a.OpenID)
				case a.Code != "bad_code":
					m.t.Errorf("a code was answered with %d %s%s", status, a.Code, a.Error)
				}
				return
			}
		})
	}
	at.Wait()
	m.redeemed.Add(good.Load())
	m.cut.Add(cut.Load())
	switch n := good.Load(); {
	case n > 1:
		m.t.Errorf("a code of %s was redeemed %d times", user, n)
	case n == 0 && cut.Load() == 0:
		m.t.Errorf("I5: a code of %s was not good, and no answer about it was lost", user)
	}
}

// call asks the server as a business does.
func (m *mill) call(ctx context.Context, method, path, body string) (status int, a userAnswer, err error) {
	req, err := http.NewRequestWithContext(ctx, method, m.url+"/v1/apps/shop"+path, strings.NewReader(body))
	if err != nil {
		return 0, a, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	return m.do(req)
}

func (m *mill) do(req *http.Request) (status int, a userAnswer, err error) {
	return askUsers(&http.Client{Transport: m.transport}, req)
}

// askUsers makes a call about users.
func askUsers(c *http.Client, req *http.Request) (status int, a userAnswer, err error) {
	res, err := c.Do(req)
	if err != nil {
		return 0, a, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, a, err
	}
	return res.StatusCode, a, json.Unmarshal(b, &a)
}

// userAnswer is what the calls about users answer, or why not.
type userAnswer struct {
	token
	OpenID    string `json:"openid"`
	TokenKind string `json:"token_kind"`
	// Of OpenID Connect.
	IDToken string `json:"id_token"`
	Error   string `json:"error"`
}

// askToken asks for the token of somebody who has logged in, or reports it as dead.
func (m *mill) askToken() {
	user, was := m.anybody()
	if user == "" {
		return
	}
	// Where a server died that renewed it, the next one waits until that is certain.
	ctx, cancel := context.WithTimeout(m.t.Context(), 2*time.Second)
	defer cancel()
	begun, asked := m.kills.Load(), time.Now()
	status, a, err := m.call(ctx, http.MethodGet, "/users/"+user+"/token", "")
	if err == nil && status == http.StatusOK && mathrand.N(10) == 0 {
		m.hold(user, was, a.token)
		was, asked = a.token, time.Now()
		status, a, err = m.call(ctx, http.MethodPost, "/users/"+user+"/token/renew", fmt.Sprintf(`{"version":%d}`, a.Version))
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
	case err != nil && m.undisturbed(begun):
		m.t.Errorf("a token of %s: %v", user, err)
	case err != nil:
	case status == http.StatusOK:
		m.tokens.Add(1)
		m.hold(user, was, a.token)
		m.wantLive(user, a, asked)
	case status == http.StatusForbidden && a.Code == "authorization_ended" && m.rotates:
		m.ended.Add(1)
	default:
		m.t.Errorf("I5: the token of %s, who has logged in, was answered with %d %s", user, status, a.Code)
	}
}

// wantLive asks the platform whether a token works that was promised.
func (m *mill) wantLive(user string, a userAnswer, asked time.Time) {
	live := m.up.LiveUser(a.Token)
	if !live && time.Now().Before(asked.Add(time.Duration(a.ExpiresIn)*time.Second)) {
		m.t.Errorf("I2: a token of %s that was promised for %d s is dead", user, a.ExpiresIn)
	}
}
