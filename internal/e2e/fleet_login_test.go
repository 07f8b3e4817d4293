package e2e_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/hufu-io/hufu/internal/sandbox"
)

const (
	// fleetURL is where browsers reach a fleet. Tests go to its servers by themselves, to
	// choose among them.
	fleetURL = "http://fleet.test"
	siteKey  = "e2e-site-key-0123456789abcdef0123456789abcd"
)

func newLoginFleet(t *testing.T, b backend) *fleet {
	t.Helper()
	return newFleet(t, b, fleetConfig{lifetime: "2h", overlap: "5m", policy: "overlap: 5m", logins: true})
}

// at is an address of the fleet at one of its servers.
func (f *fleet) at(i int, address string) string {
	return f.replicas[i].Load().url + strings.TrimPrefix(address, fleetURL)
}

// users asks a server about users, as a site does.
func (f *fleet) users(i int, method, path, body string) (status int, a userAnswer, err error) {
	return f.usersAs(siteKey, i, method, path, body)
}

func (f *fleet) usersAs(key string, i int, method, path, body string) (status int, a userAnswer, err error) {
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.at(i, "/v1/apps/shop/users"+path), strings.NewReader(body))
	if err != nil {
		return 0, a, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	return askUsers(http.DefaultClient, req)
}

// begun is a login whose user has come to the platform and agreed.
type begun struct {
	visitor               *visitor
	user, state, verifier string
	callback              string
}

// begin begins a login at one server.
func (f *fleet) begin(i int, user string) begun {
	f.t.Helper()
	l := begun{visitor: newVisitor(f.t, http.DefaultTransport), user: user, state: rand.Text(), verifier: oauth2.GenerateVerifier()}
	q := url.Values{
		"redirect_uri": {landing}, "state": {l.state}, "scope": {"snsapi_userinfo"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(l.verifier)}, "code_challenge_method": {"S256"},
	}
	seen, err := l.visitor.get(f.at(i, "/oauth/shop/authorize?"+q.Encode()))
	if err == nil && strings.HasPrefix(seen.to, f.sandbox.url) {
		seen, err = l.visitor.send(http.MethodPost, seen.to, agree(user))
	}
	if l.callback = seen.to; err != nil || !strings.HasPrefix(seen.to, fleetURL+"/oauth/shop/callback?") {
		f.t.Errorf("a login that begins at server %d gets %v (%v)", i, seen, err)
	}
	return l
}

// comeBack has the browser come back to one server, and returns the code for the site.
func (f *fleet) comeBack(i int, l begun) string {
	f.t.Helper()
	seen, err := l.visitor.get(f.at(i, l.callback))
	to, perr := url.Parse(seen.to)
	if err != nil || perr != nil || !strings.HasPrefix(seen.to, landing) || to.Query().Get("code") == "" || to.Query().Get("state") != l.state {
		f.t.Errorf("a browser that comes back to server %d gets %v (%v)", i, seen, err)
		return ""
	}
	return to.Query().Get("code")
}

func (f *fleet) redeem(i int, l begun, code string) (int, userAnswer) {
	f.t.Helper()
	status, a, err := f.users(i, http.MethodPost, "/exchange", fmt.Sprintf(`{"code":%q,"code_verifier":%q,"redirect_uri":%q}`, code, l.verifier, landing))
	if err != nil {
		f.t.Error(err)
	}
	return status, a
}

// logIn has somebody log in, each step at a server of its own.
func (f *fleet) logIn(user string, begin, back, redeem int) {
	f.t.Helper()
	l := f.begin(begin, user)
	code := f.comeBack(back, l)
	status, a := f.redeem(redeem, l, code)
	if status != http.StatusOK || a.OpenID != sandbox.OpenID(loginApp, user) {
		f.t.Errorf("%s logs in at %d, comes back to %d and is redeemed at %d: %d %s %s", user, begin, back, redeem, status, a.Code, a.OpenID)
	}
}

// refreshed counts the refreshes of users' tokens that the platform has seen.
func (f *fleet) refreshed() int {
	f.t.Helper()
	s, raw := f.sandbox.state(f.t, loginApp)
	if len(s.Apps) != 1 {
		f.t.Fatalf("the platform does not know the app: %s", raw)
	}
	return s.Apps[0].Counts.Refreshes
}

func TestI5I9AFleetLogsUsersInWhicheverServersTheyComeBy(t *testing.T) {
	eachEngine(t, func(t *testing.T, b backend) {
		f := newLoginFleet(t, b)
		people := []string{"alice", "xiaoming", "bob", "xiaohong"}
		for i := range replicas {
			for j := range replicas {
				for k := range replicas {
					f.logIn(people[(i+j+k)%len(people)], i, j, k)
				}
			}
		}
		if n := exchanges(t, f.sandbox); n != replicas*replicas*replicas {
			t.Errorf("%d codes were exchanged at the platform for %d logins", n, replicas*replicas*replicas)
		}

		// Whoever is asked twice does a thing once, wherever the two are.
		l := f.begin(0, "alice")
		var codes, redeemed atomic.Int64
		var code atomic.Value
		var at sync.WaitGroup
		for i := range 30 {
			at.Go(func() {
				seen, err := l.visitor.get(f.at(i%replicas, l.callback))
				if err != nil {
					t.Error(err)
				}
				if to, err := url.Parse(seen.to); err == nil && seen.status == http.StatusSeeOther {
					codes.Add(1)
					code.Store(to.Query().Get("code"))
				} else if seen.status != http.StatusConflict && seen.status != http.StatusForbidden {
					t.Errorf("a callback that comes again is answered with %v", seen)
				}
			})
		}
		at.Wait()
		if codes.Load() != 1 {
			t.Fatalf("30 callbacks of one login brought %d codes", codes.Load())
		}
		for i := range 30 {
			at.Go(func() {
				status, a := f.redeem(i%replicas, l, code.Load().(string)) //nolint:forcetypeassert // it was stored above
				switch {
				case status == http.StatusOK:
					redeemed.Add(1)
				case a.Code != "bad_code":
					t.Errorf("a code that comes again is answered with %d %s", status, a.Code)
				}
			})
		}
		at.Wait()
		if n := redeemed.Load(); n != 1 {
			t.Errorf("one code was redeemed %d times", n)
		}
		wantNoMisuse(t, f.sandbox)
	})
}

func TestI4AThousandWantOneUsersTokenOfAFleet(t *testing.T) {
	eachEngine(t, func(t *testing.T, b backend) {
		f := newLoginFleet(t, b)
		user := f.expired("alice")
		everywhere := func(what string, ask func(i int) (int, userAnswer, error)) (last token) {
			t.Helper()
			before := f.refreshed()
			var at sync.WaitGroup
			var mu sync.Mutex
			answers := map[token]int{}
			for i := range 1000 {
				at.Go(func() {
					status, a, err := ask(i % replicas)
					if err != nil || status != http.StatusOK {
						t.Errorf("%s: %d %s %v", what, status, a.Code, err)
					}
					mu.Lock()
					defer mu.Unlock()
					answers[token{Token: a.Token, Version: a.Version}]++
				})
			}
			at.Wait()
			if n := f.refreshed() - before; n != 1 || len(answers) != 1 {
				t.Errorf("I4: %s cost %d refreshes and got %d different answers", what, n, len(answers))
			}
			for last = range answers {
			}
			return last
		}
		first := everywhere("1000 requests for a token that has expired", func(i int) (int, userAnswer, error) {
			return f.users(i, http.MethodGet, "/"+user+"/token", "")
		})
		post(t, f.sandbox.url+"/_sandbox/apps/"+loginApp+"/kill-user", `{"user":"alice"}`)
		second := everywhere("1000 reports of a token that is dead", func(i int) (int, userAnswer, error) {
			return f.users(i, http.MethodPost, "/"+user+"/token/renew", fmt.Sprintf(`{"version":%d}`, first.Version))
		})
		if second.Token == first.Token || second.Version <= first.Version {
			t.Errorf("I4: the token that was reported was answered again: version %d after %d", second.Version, first.Version)
		}
		wantNoMisuse(t, f.sandbox)
	})
}

// expired gives the fleet a user whose token has expired, and returns who that is.
func (f *fleet) expired(name string) string {
	f.t.Helper()
	q := url.Values{"grant_type": {"authorization_code"}, "appid": {loginApp}, "secret": {secret}, "code": {sandboxCode(f.t, f.sandbox, name)}}
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.sandbox.url+"/sns/oauth2/access_token?"+q.Encode(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	had, err := ask(r)
	if err != nil || !had.ok() {
		f.t.Fatalf("log in elsewhere: %v %v", had, err)
	}
	body, err := json.Marshal(map[string]any{"users": []any{map[string]any{
		"openid": had.OpenID, "scope": "snsapi_userinfo", "access_token": had.AccessToken, "refresh_token": had.Refresh,
		"authorized": time.Now().Add(-3 * time.Hour), "expiry": time.Now().Add(-time.Hour), "deadline": time.Now().Add(24 * time.Hour),
	}}})
	if err != nil {
		f.t.Fatal(err)
	}
	status, a, err := f.usersAs(key, 0, http.MethodPost, "/import", string(body))
	if err != nil || status != http.StatusOK {
		f.t.Fatalf("import: %d %s %v", status, a.Code, err)
	}
	return had.OpenID
}

func TestI9AUserWhomOneServerOfAFleetForgetsIsGoneFromAllAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, b backend) {
		f := newLoginFleet(t, b)
		user := sandbox.OpenID(loginApp, "alice")
		for round := range 4 * replicas {
			f.logIn("alice", round%replicas, (round+1)%replicas, (round+2)%replicas)
			for i := range replicas {
				if status, a, err := f.users(i, http.MethodGet, "/"+user+"/token", ""); err != nil || status != http.StatusOK {
					t.Fatalf("server %d does not have the token: %d %s %v", i, status, a.Code, err)
				}
			}
			if status, a, err := f.users(round%replicas, http.MethodDelete, "/"+user, ""); err != nil || status != http.StatusOK {
				t.Fatalf("delete: %d %s %v", status, a.Code, err)
			}
			for i := range replicas {
				for _, path := range []string{"/token", "", "/profile"} {
					if status, a, err := f.users(i, http.MethodGet, "/"+user+path, ""); err != nil || status != http.StatusNotFound || a.Code != "no_grant" {
						t.Errorf("server %d on %q of a user who was deleted: %d %s %v, want no_grant", i, path, status, a.Code, err)
					}
				}
			}
		}
	})
}

func TestI9AFleetLogsUsersInWhileOneOfItsServersRotatesTheKeys(t *testing.T) {
	eachEngine(t, func(t *testing.T, b backend) {
		f := newLoginFleet(t, b)
		waiting := f.begin(1, "bob") // is at the platform's page when the keys are rotated
		held := f.comeBack(2, waiting)
		late := f.begin(2, "xiaohong")
		stop := make(chan struct{})
		var logins atomic.Int64
		var at sync.WaitGroup
		for _, who := range []string{"alice", "xiaoming", "mallory"} {
			at.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						f.logIn(who, mathrand.N(replicas), mathrand.N(replicas), mathrand.N(replicas))
						logins.Add(1)
					}
				}
			})
		}
		more := func(n int64) {
			before := logins.Load()
			waitFor(t, "logins", func() bool { return logins.Load() >= before+n || t.Failed() })
		}
		more(20)
		if status, x, err := f.replicas[0].Load().call(http.MethodPost, "/v1/keys/rotate", ""); err != nil || status != http.StatusOK {
			t.Errorf("rotate: %d %+v %v", status, x, err)
		}
		more(60)
		close(stop)
		at.Wait()
		if status, a := f.redeem(0, waiting, held); status != http.StatusOK {
			t.Errorf("a code from before the rotation: %d %s", status, a.Code)
		}
		if code := f.comeBack(1, late); code != "" {
			if status, a := f.redeem(0, late, code); status != http.StatusOK {
				t.Errorf("a login from before the rotation: %d %s", status, a.Code)
			}
		}
		for _, who := range []string{"alice", "xiaoming", "mallory", "bob", "xiaohong"} {
			for i := range replicas {
				status, a, err := f.users(i, http.MethodGet, "/"+sandbox.OpenID(loginApp, who)+"/token", "")
				if err != nil || status != http.StatusOK || a.Token == "" {
					t.Errorf("the token of %s at server %d: %d %s %v", who, i, status, a.Code, err)
				}
			}
		}
		for i := range replicas {
			if strings.Contains(f.replicas[i].Load().stderr.String(), "cannot be opened") {
				t.Errorf("server %d could not open a box", i)
			}
		}
		t.Logf("%d logins", logins.Load())
		wantNoMisuse(t, f.sandbox)
	})
}
