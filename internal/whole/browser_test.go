package whole_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"pgregory.net/rapid"
)

// browser is one that somebody logs in with.
type browser struct {
	*world
	cookies []*http.Cookie
}

// get fetches a page of the server. What is put is what stands in the place of something else.
func (b *browser) get(t rapid.TB, target string, put *cred) *answer {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, http.NoBody)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	a := b.send(t, r, put)
	b.cookies = append(b.cookies, (&http.Response{Header: a.header}).Cookies()...)
	return a
}

// agree has a user agree on the platform's page that a browser was sent to, and returns where
// the platform sends it then.
func (b *browser) agree(t rapid.TB, sentTo *answer, user string) *url.URL {
	at, err := url.Parse(sentTo.header.Get("Location"))
	if err != nil || sentTo.status != http.StatusSeeOther {
		t.Fatalf("the login does not begin: %d %s", sentTo.status, sentTo.body)
	}
	form := url.Values{"user": {user}, "answer": {"agree"}}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, at.String(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := b.envOf(at.Host).Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := resp.Location()
	if err != nil || !strings.HasPrefix(back.String(), "https://hufu.test/oauth/") {
		t.Fatalf("the platform sends the browser to %v, %v", back, err)
	}
	return back
}

// logIn goes through a login that begins at an address of the server. With a credential the
// browser comes back with that in the place of the platform's code, or of the state.
func (b *browser) logIn(t rapid.TB, begin, user, place string, put *cred) *answer {
	back := b.agree(t, b.get(t, begin, nil), user)
	q := back.Query()
	b.learn(&cred{sort: loginState, value: q.Get("state")})
	if put != nil {
		b.learnCode(q.Get("code"))
		q.Set(place, put.value)
	}
	back.RawQuery = q.Encode()
	return b.get(t, back.RequestURI(), put)
}

// learnCode notes a platform's code that was not used.
func (w *world) learnCode(code string) {
	if c := w.whose(code); c != nil {
		w.learn(c)
	}
}

// code is that with which a browser was sent to the business' page; "" it was not.
func (a *answer) loginCode() string {
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), business) {
		return ""
	}
	return to.Query().Get("code")
}
