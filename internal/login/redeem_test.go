package login_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/login"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk~."

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// code is what a business' page gets of a user who logs in.
func (s *stack) code(t testing.TB, params ...string) string {
	t.Helper()
	b := s.browser(t)
	tr := begin(t, b, "shop", append([]string{"redirect_uri", business}, params...)...)
	return sentBack(t, b.get(t, tr.callback(s.platform.agree("shop", "o-1", tr.scope)))).Get("code")
}

// TestRedeem: a code is good for the app, the verifier and the address that it was made for, and is
// used up by whoever shows it.
func TestRedeem(t *testing.T) {
	t.Parallel()
	pkce := []string{"code_challenge", challenge(verifier), "code_challenge_method", "S256"}
	const short = "short-verifier" // which can be guessed
	for name, c := range map[string]struct {
		params   []string
		verifier string
		redirect string
		change   func(s *stack)
		wrong    string // in the message
	}{
		"as it is":               {},
		"with its verifier":      {params: pkce, verifier: verifier},
		"without the verifier":   {params: pkce, wrong: "code_verifier"},
		"with another verifier":  {params: pkce, verifier: verifier[1:] + "x", wrong: "code_verifier"},
		"with the challenge":     {params: pkce, verifier: challenge(verifier), wrong: "code_verifier"},
		"with a short verifier":  {params: []string{"code_challenge", challenge(short), "code_challenge_method", "S256"}, verifier: short, wrong: "code_verifier"},
		"with an undue verifier": {verifier: verifier, wrong: "without a code_challenge"},
		"with another address":   {redirect: business + "x", wrong: "redirect_uri"},
		"as another app's": {change: func(s *stack) {
			shop := *s.apps["club"]
			s.apps["shop"] = &shop
		}, wrong: "not one of this app"},
		"of another registration": {change: func(s *stack) {
			shop := *s.apps["shop"]
			shop.AppID = "wx9"
			s.apps["shop"] = &shop
		}, wrong: "another one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			code := s.code(t, c.params...)
			before := s.apps["shop"]
			if c.change != nil {
				c.change(s)
			}
			u, err := s.replica(t).Redeem(t.Context(), s.apps["shop"], code, c.verifier, cmp.Or(c.redirect, business))
			if c.wrong == "" {
				if err != nil || u.Key.Subject != "o-1" || u.Key.App != "shop" {
					t.Errorf("the code stands for %+v: %v", u, err)
				}
				return
			}
			e := broker.AsError(err)
			if e.Code != "bad_code" || e.Class != broker.Invalid || !strings.Contains(e.Message, c.wrong) || u != (broker.User{}) {
				t.Errorf("the code stands for %+v: %v", u, err)
			}
			clean(t, err.Error()+s.log.String(), code, c.verifier)
			var right string
			if c.params != nil {
				right = verifier
			}
			if _, err := s.relay.Redeem(t.Context(), before, code, right, business); broker.AsError(err).Code != "bad_code" {
				t.Errorf("the code was not used up: %v", err)
			}
		})
	}
}

func TestRedeemRefusesWhatIsNoCode(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for _, code := range []string{"", "x", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("A", 43) + "\n", strings.Repeat("=", 43), strings.Repeat("A", 42) + "B"} {
		if _, err := s.relay.Redeem(t.Context(), s.apps["shop"], code, "", business); broker.AsError(err).Code != "bad_code" {
			t.Errorf("%q is answered with %v", code, err)
		}
	}
	if n := s.oneTime.done()["take code"]; n != 0 {
		t.Errorf("the store was asked %d times for what is no code", n)
	}
	if _, err := s.relay.Redeem(t.Context(), s.apps["shop"], strings.Repeat("A", 43), "", business); broker.AsError(err).Code != "bad_code" {
		t.Errorf("a code of nobody is answered with %v", err)
	}
	for _, app := range []*broker.App{nil, s.apps["plain"]} {
		if _, err := s.relay.Redeem(t.Context(), app, strings.Repeat("A", 43), "", business); !errors.Is(err, broker.ErrNoLogin) {
			t.Errorf("an app without a login is answered with %v", err)
		}
	}
}

// TestACodeLastsForTwoMinutes, on the store's clock.
func TestACodeLastsForTwoMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t)
		fresh, old := s.code(t), s.code(t)
		time.Sleep(2*time.Minute - time.Second)
		if _, err := s.relay.Redeem(t.Context(), s.apps["shop"], fresh, "", business); err != nil {
			t.Errorf("a code of nearly two minutes is answered with %v", err)
		}
		time.Sleep(time.Second)
		if _, err := s.relay.Redeem(t.Context(), s.apps["shop"], old, "", business); broker.AsError(err).Code != "bad_code" {
			t.Errorf("a code of two minutes is answered with %v", err)
		}
	})
}

// TestOneOfManyRedeems: a code that many show at once, on several servers, is good for one.
func TestOneOfManyRedeems(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	code, other := s.code(t), s.replica(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for i := range 50 {
		r := s.relay
		if i%2 == 0 {
			r = other
		}
		wg.Go(func() {
			_, err := r.Redeem(t.Context(), s.apps["shop"], code, "", business)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				got++
			} else if broker.AsError(err).Code != "bad_code" {
				t.Errorf("a code that is used is answered with %v", err)
			}
		})
	}
	wg.Wait()
	if got != 1 {
		t.Errorf("%d got who logged in", got)
	}
}

// TestAUsedLoginStaysUsed for longer than any server takes its state for new, though their clocks differ.
func TestAUsedLoginStaysUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t)
		s.cfg.Now = func() time.Time { return time.Now().Add(-4 * time.Minute) }
		slow := s.replica(t)
		b := s.browser(t)
		tr := begin(t, b, "shop", "redirect_uri", business, "mode", "code")
		cookie := b.cookies("shop")[0]
		to := tr.callback(s.platform.agree("shop", "o-1", tr.scope))
		sentBack(t, b.get(t, to))
		time.Sleep(14*time.Minute - time.Second)
		again := s.browser(t)
		again.handler = slow
		again.header = http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}}
		wantPage(t, again.get(t, to), http.StatusConflict, "This login has ended")
	})
}

// TestACodeThatWasPutBackIsTooOld: whoever can write the store makes no code good again.
func TestACodeThatWasPutBackIsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t)
		code := s.code(t)
		sum := sha256.Sum256([]byte(code))
		name := "code/" + hex.EncodeToString(sum[:])
		box, err := s.oneTime.OneTimeStore.Look(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(8 * time.Minute)
		if err := s.oneTime.OneTimeStore.Add(t.Context(), name, box, time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, err := s.relay.Redeem(t.Context(), s.apps["shop"], code, "", business); broker.AsError(err).Code != "bad_code" {
			t.Errorf("a code of eight minutes is answered with %v", err)
		}
	})
}

// TestACodeOfOneSiteIsNoLoginAtAnotherI8: who runs one of an app's sites has the codes of
// those who log in there. He brings one to another site in his own browser, where he has begun
// a login, whose challenge he had the user's login begin with.
func TestACodeOfOneSiteIsNoLoginAtAnotherI8(t *testing.T) {
	t.Parallel()
	const his = "https://m.example.cn/" // beside business
	for name, pkce := range map[string][]string{
		"plainly":   nil,
		"with PKCE": {"code_challenge", challenge(verifier), "code_challenge_method", "S256"},
	} {
		s := newStack(t)
		victim := s.browser(t)
		tr := begin(t, victim, "shop", append([]string{"redirect_uri", his}, pkce...)...)
		u, err := victim.get(t, tr.callback(s.platform.agree("shop", "o-victim", tr.scope))).Location()
		if err != nil {
			t.Fatal(err)
		}
		code, v := u.Query().Get("code"), ""
		if pkce != nil {
			v = verifier
		}
		who, err := s.relay.Redeem(t.Context(), s.apps["shop"], code, v, "")
		if !errors.Is(err, login.ErrNoRedirect) || who != (broker.User{}) {
			t.Errorf("%s, without an address, the code stands for %+v, %v", name, who, err)
		}
		who, err = s.replica(t).Redeem(t.Context(), s.apps["shop"], code, v, business)
		if broker.AsError(err).Code != "bad_code" || who != (broker.User{}) {
			t.Errorf("%s, at the other site, the code stands for %+v, %v", name, who, err)
		}
	}
	s := newStack(t)
	s.apps["shop"].Login = &broker.Login{Redirects: []string{business, "https://www.example.com/m/"}}
	if _, err := s.relay.Redeem(t.Context(), s.apps["shop"], s.code(t), "", ""); err != nil {
		t.Errorf("an app of one site: %v", err)
	}
}
