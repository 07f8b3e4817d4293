package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// door is a way to make a call: what comes before the platform's path, and how the caller
// says who it is.
type door struct {
	name    string
	prefix  string
	bearer  string // the client key, or ""
	shows   string // the token, or ""
	handout string
}

// doors are all ways to make calls on an app.
func (p *process) doors(t *testing.T, app, appID string) []door {
	t.Helper()
	return []door{
		{name: "a key", prefix: "/gateway/" + app, bearer: realKey, handout: "real"},
		{name: "a key of virtual tokens", prefix: "/gateway/" + app, bearer: virtualKey, handout: "virtual"},
		{name: "a real token", shows: p.handedOut(t, appID, realKey), handout: "real"},
		{name: "a virtual token", shows: p.handedOut(t, appID, virtualKey), handout: "virtual"},
	}
}

// url is where the door is for a platform's path and query.
func (d door) url(server, pathAndQuery string) string {
	u := server + d.prefix + pathAndQuery
	switch {
	case d.shows == "":
		return u
	case strings.Contains(pathAndQuery, "?"):
		return u + "&access_token=" + url.QueryEscape(d.shows)
	default:
		return u + "?access_token=" + url.QueryEscape(d.shows)
	}
}

// request makes a call at a door, ready to be sent.
func (d door) request(t *testing.T, method, server, pathAndQuery string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, d.url(server, pathAndQuery), body)
	if err != nil {
		t.Fatal(err)
	}
	if d.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+d.bearer)
	}
	return r
}

// reply is what callers look at.
type reply struct {
	Errcode     int    `json:"errcode"`
	Errmsg      string `json:"errmsg"`
	AccessToken string `json:"access_token"`
	Refresh     string `json:"refresh_token"`
	SessionKey  string `json:"session_key"`
	OpenID      string `json:"openid"`
	MediaID     string `json:"media_id"`
	Code        string `json:"code"`
	Key         string `json:"key"`

	status int
	text   string
}

// ask sends a call and reads its small answer.
func ask(r *http.Request) (reply, error) { return askWith(http.DefaultClient, r) }

func askWith(c *http.Client, r *http.Request) (reply, error) {
	res, err := c.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	a := reply{status: res.StatusCode, text: string(b)}
	if len(b) > 0 && b[0] == '{' {
		err = json.Unmarshal(b, &a)
	}
	return a, err
}

func (a reply) ok() bool { return a.status == http.StatusOK && a.Errcode == 0 && a.text != "" }

func (a reply) String() string { return fmt.Sprintf("%d %s", a.status, a.text) }

// handedOut asks for a token as an SDK does, with a client key in the place of the secret.
func (p *process) handedOut(t *testing.T, appID, key string) string {
	t.Helper()
	q := url.Values{"grant_type": {"client_credential"}, "appid": {appID}, "secret": {key}}
	var tok string
	waitFor(t, "a token of "+appID, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/cgi-bin/token?"+q.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ask(r)
		tok = a.AccessToken
		return err == nil && tok != ""
	})
	return tok
}
