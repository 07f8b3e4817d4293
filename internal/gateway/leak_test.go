package gateway_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/stacktest"
)

// encoded writes each byte of a text percent-encoded.
func encoded(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

// I6: a client key leaves this server in no part of a call, and who puts it there is told.
func TestI6TheKeyIsNotSentAlong(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	sent := 0
	platform := func(http.RoundTripper) http.RoundTripper {
		return platformFunc(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			sent++
			b := []byte(nil)
			if r.Body != nil {
				b, _ = io.ReadAll(r.Body)
			}
			for _, part := range []string{r.URL.String(), fmt.Sprint(r.Header), string(b)} {
				if plain, err := url.PathUnescape(part); strings.Contains(part, callerKey) || err == nil && strings.Contains(plain, callerKey) {
					t.Errorf("I6: the key was sent along in %s", part)
				}
			}
			return says(http.StatusOK, nil, "{}"), nil
		})
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	exchange := func(params ...string) string {
		return exchangePath("/sns/jscode2session", append([]string{"appid", stacktest.AppID, "grant_type", "authorization_code"}, params...)...)
	}
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		for name, c := range map[string]struct {
			target, body string
			header       http.Header
		}{
			"in a header":                           {"/test/x", "", http.Header{"X-Api-Key": {callerKey}}},
			"in the second value of a header":       {"/test/x", "", http.Header{"X-Api-Key": {"a", "Key " + callerKey}}},
			"in the query":                          {"/test/x?a=1&key=" + callerKey, "", nil},
			"as the name of a parameter":            {"/test/x?" + callerKey, "", nil},
			"encoded in the query":                  {"/test/x?key=" + encoded(callerKey), "", nil},
			"partly encoded in the query":           {"/test/x?key=" + encoded(callerKey[:1]) + callerKey[1:], "", nil},
			"in the path":                           {"/test/" + callerKey + "/x", "", nil},
			"encoded in the path":                   {"/test/" + encoded(callerKey), "", nil},
			"in the body":                           {"/test/x", callerKey, nil},
			"encoded in a form":                     {"/test/x", "a=1&key=" + encoded(callerKey), form},
			"in a parameter of an exchange":         {exchange("js_code", callerKey), "", nil},
			"encoded in a parameter of an exchange": {exchange() + "&js_code=" + encoded(callerKey), "", nil},
			"in the body of an exchange":            {exchange("js_code", "c"), `{"secret":"` + callerKey + `"}`, nil},
			"with a user's token":                   {"/sns/userinfo?openid=o&access_token=user&key=" + callerKey, "", nil},
		} {
			r := request(http.MethodPost, "/gateway/"+stacktest.App+c.target, c.body)
			maps.Copy(r.Header, c.header)
			r.Header.Set("Authorization", "Bearer "+callerKey)
			if a := s.send(r); a.status != http.StatusBadRequest || a.Code != "key_inside" || a.Hint == "" || bytes.Contains(a.body, []byte(callerKey)) {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		for name, params := range map[string]string{"as it is": "&js_code=" + callerKey, "encoded": "&js_code=" + encoded(callerKey)} {
			a := s.send(request(http.MethodGet, exchange("secret", callerKey)+params, ""))
			if a.Errcode == 0 || !strings.Contains(a.Errmsg, "(key_inside)") {
				t.Errorf("twice in an exchange, %s: %s", name, a.body)
			}
		}
		if sent != 0 {
			t.Errorf("%d calls went out", sent)
		}
		// Where it is taken away, or stands for the secret, it does no harm.
		for name, c := range map[string]struct {
			target string
			header http.Header
		}{
			"in a cookie":                   {"/test/x", http.Header{"Cookie": {"key=" + callerKey}}},
			"in a header of our own":        {"/test/x", http.Header{"X-Hufu-Key": {callerKey}}},
			"in the place of the secret":    {exchange("secret", callerKey, "js_code", "c"), nil},
			"a text that is encoded amiss":  {"/test/x?a=%zz%4&b=100%", nil},
			"in the place of the app token": {"/test/x?access_token=" + callerKey, nil},
		} {
			r := request(http.MethodGet, "/gateway/"+stacktest.App+c.target, "")
			maps.Copy(r.Header, c.header)
			r.Header.Set("Authorization", "Bearer "+callerKey)
			if a := s.send(r); a.status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
	})
}

func packed(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// clear is an answer's body as its caller reads it.
func (a answer) clear(t *testing.T) string {
	t.Helper()
	if a.header.Get("Content-Encoding") != "gzip" {
		return string(a.body)
	}
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// I6: an answer that quotes what opened its call, the token or the app secret, does not
// show it to its caller, packed or not; and it is whole all the same.
func TestI6WhatOpensACallDoesNotComeBack(t *testing.T) {
	t.Parallel()
	platform := func(next http.RoundTripper) http.RoundTripper {
		return platformFunc(func(r *http.Request) (*http.Response, error) {
			if !r.URL.Query().Has("quote") {
				return next.RoundTrip(r)
			}
			h := http.Header{"Content-Type": {"application/json"}, "X-Url": {r.URL.RequestURI()}}
			content := `{"errcode":1,"errmsg":"no: ` + r.URL.RequestURI() + `, twice: ` + r.URL.RequestURI() + ` end"}`
			if r.URL.Query().Has("pack") { // although nobody asked for it
				h.Set("Content-Encoding", "gzip")
				content = packed(t, content)
			}
			resp := says(http.StatusOK, h, content)
			resp.Trailer = http.Header{"X-Trailer": {r.URL.RequestURI()}}
			if r.URL.Query().Get("quote") == "chunked" {
				resp.ContentLength = -1
			} else {
				h.Set("Content-Length", fmt.Sprint(len(content)))
			}
			return resp, nil
		})
	}
	inBubble(t, stackConfig{transport: platform}, func(t *testing.T, s *stack) {
		plain, opaque := s.token(callerKey), s.token(virtualKey)
		exchange := exchangePath("/sns/jscode2session", "appid", stacktest.AppID, "js_code", "c")
		for _, packs := range []string{"", "&pack=1"} {
			for _, how := range []string{"sized", "chunked"} {
				for name, r := range map[string]*http.Request{
					"virtual":         request(http.MethodGet, withToken("/test/x?quote="+how+packs, opaque), ""),
					"key":             keyed(request(http.MethodGet, "/gateway/"+stacktest.App+"/test/x?quote="+how+packs, "")),
					"exchange":        request(http.MethodGet, exchange+"&secret="+callerKey+"&quote="+how+packs, ""),
					"exchange by key": keyed(request(http.MethodGet, "/gateway/"+stacktest.App+exchange+"&quote="+how+packs, "")),
				} {
					r.Header.Set("Accept-Encoding", "gzip, br")
					a := s.send(r)
					body := a.clear(t)
					if a.status != http.StatusOK || !strings.HasPrefix(body, `{"errcode":1,"errmsg":"no: `) || !strings.HasSuffix(body, ` end"}`) {
						t.Errorf("%s, asking %q, %s: %d %q", name, packs, how, a.status, body)
					}
					for what, secret := range map[string]string{"token": plain, "app secret": stacktest.Secret, "key": callerKey} {
						if strings.Contains(body, secret) || bytes.Contains(a.body, []byte(secret)) || strings.Contains(fmt.Sprint(a.header), secret) {
							t.Errorf("I6: %s, asking %q, %s: the %s came back: %s %v", name, packs, how, what, body, a.header)
						}
					}
					if n := a.header.Get("Content-Length"); n != "" && n != fmt.Sprint(len(a.body)) {
						t.Errorf("%s, asking %q, %s: %s bytes are said of %d", name, packs, how, n, len(a.body))
					}
				}
			}
		}
		// Who showed the token itself gets the answer as it is.
		if a := s.get("/test/x?quote=sized", plain); !bytes.Contains(a.body, []byte(plain)) || !strings.Contains(a.header.Get("X-Url"), plain) {
			t.Errorf("an answer to a caller with the real token was changed: %s", a.body)
		}
		if strings.Contains(s.Log.String(), plain) || strings.Contains(s.Log.String(), stacktest.Secret) {
			t.Error("I6: the log has a secret")
		}
	})
}

// I6: none of an app's secrets comes back, whichever of them opened the call.
func TestI6NoneOfAnAppsSecretsComesBack(t *testing.T) {
	t.Parallel()
	const odd = "an odd/secret+with&signs"
	app := stacktest.NewApp("api-two", stacktest.OtherID)
	app.Secrets = []broker.Secret{broker.NewSecret(stacktest.Secret), broker.NewSecret(odd)}
	platform := func(next http.RoundTripper) http.RoundTripper {
		return platformFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/sns/jscode2session" {
				return next.RoundTrip(r)
			}
			content := fmt.Sprintf(`{"errcode":1,"errmsg":"%s, %s, %s, %s, %s, %s, %s end"}`, stacktest.Secret, odd, url.QueryEscape(odd), url.PathEscape(odd),
				strings.ReplaceAll(odd, "/", `\/`), strings.NewReplacer("+", `\u002B`, "&", `\u0026`).Replace(odd), stacktest.Secret)
			if r.URL.Query().Has("pack") {
				return says(http.StatusOK, http.Header{"Content-Encoding": {"gzip"}}, packed(t, content)), nil
			}
			return says(http.StatusOK, nil, content), nil
		})
	}
	inBubble(t, stackConfig{Config: stacktest.Config{Apps: []*broker.App{app}}, transport: platform}, func(t *testing.T, s *stack) {
		for _, packs := range []string{"", "&pack=1"} {
			a := s.send(keyed(request(http.MethodGet, "/gateway/api-two/sns/jscode2session?js_code=c"+packs, "")))
			body := a.clear(t)
			if want := `{"errcode":1,"errmsg":"[hidden], [hidden], [hidden], [hidden], [hidden], [hidden], [hidden] end"}`; a.status != http.StatusOK || body != want {
				t.Errorf("I6: %d %s, want %s", a.status, body, want)
			}
		}
	})
}

func keyed(r *http.Request) *http.Request {
	r.Header.Set("Authorization", "Bearer "+callerKey)
	return r
}

// I6: what is read of a body that is sent in chunks is looked at before it goes out, also
// where all of it is too large to be kept.
func TestI6TheKeyIsFoundInABodyOfAnyForm(t *testing.T) {
	t.Parallel()
	sent := false
	platform := besides(func(*http.Request) (*http.Response, error) {
		sent = true
		return says(http.StatusOK, nil, "{}"), nil
	})
	small := func(c *gateway.Config) { c.MaxReplay = 1000 }
	inBubble(t, stackConfig{transport: platform, change: small}, func(t *testing.T, s *stack) {
		for _, size := range []int{0, 100, 5000} {
			r := keyed(request(http.MethodPost, "/gateway/"+stacktest.App+"/test/x", callerKey+strings.Repeat("x", size)))
			r.ContentLength = -1
			if a := s.send(r); a.Code != "key_inside" || sent {
				t.Errorf("a key and %d bytes: %d %s", size, a.status, a.body)
			}
		}
	})
}
