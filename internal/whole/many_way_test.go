package whole_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// RoundTrip implements [http.RoundTripper]: it is the way to all platforms.
func (m *many) RoundTrip(r *http.Request) (*http.Response, error) {
	s := m.host(r.URL.Host)
	if s == nil {
		m.fault("a call to the host %q", r.URL.Host)
		return nil, errors.New("no such host")
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err //nolint:wrapcheck // it stands for the transport
		}
		_ = r.Body.Close()
	}
	m.mu.Lock()
	m.tap(s, r, body)
	resp := m.desk.serve(m, s, r, body)
	m.mu.Unlock()
	if resp == nil {
		out := r.Clone(r.Context())
		out.URL.Path, out.URL.RawPath = s.below+r.URL.Path, ""
		out.Body = io.NopCloser(bytes.NewReader(body))
		var err error
		if resp, err = m.box.Transport().RoundTrip(out); err != nil {
			return nil, err //nolint:wrapcheck // it stands for the platform
		}
		resp.Request = r
	}
	return m.made(s, r, resp)
}

// made notes the credentials in a platform's answer.
func (m *many) made(s *site, r *http.Request, resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err //nolint:wrapcheck // it stands for the platform
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	m.mu.Lock()
	defer m.mu.Unlock()
	var fields map[string]any
	_ = json.Unmarshal(body, &fields)
	if key, ok := fields["session_key"].(string); ok && s.name == "qq" {
		m.byValue[key] = &cred{sort: sandbox.SessionKey, app: m.at(s, r.URL.Query().Get("appid")).id, value: key}
	}
	if refresh, ok := fields["refresh_token"].(string); ok && s.name == "oauth2" {
		m.byValue[refresh] = &cred{sort: sandbox.RefreshToken, app: "crm", value: refresh}
	}
	for _, v := range leaves(body) {
		c := m.byValue[v]
		if c == nil {
			if c = m.whose(s, v); c == nil {
				continue
			}
			m.byValue[v] = c
			c.outside = true
		}
		// What stands beside the token that was asked for, as the tenant's beside the app's at
		// Feishu, the server does not take.
		c.outside = c.outside && v == fields["tenant_access_token"] && fields["app_access_token"] != nil
	}
	return resp, nil
}

// at is the app that a platform knows by what the sandbox calls it; of those of a corp the first.
func (m *many) at(s *site, key string) *reg {
	i := slices.IndexFunc(m.regs, func(a *reg) bool { return a.site == s && a.key() == key })
	if i < 0 {
		i = slices.IndexFunc(m.regs, func(a *reg) bool { return a.site == s && a.appID == key })
	}
	if i < 0 {
		return nil
	}
	return m.regs[i]
}

// whose asks a platform what a value is. Nil: none of its credentials.
func (m *many) whose(s *site, value string) *cred {
	var x sandbox.Credential
	ok := false
	switch {
	case m.desk.users[value] != "":
		return &cred{sort: sandbox.UserToken, app: m.desk.users[value], value: value}
	case m.desk.tokens[value] != "":
		return &cred{sort: sandbox.AppToken, app: m.desk.tokens[value], scope: string(broker.AccessToken), value: value}
	case s.name == acmeName:
	case s.name == "wechat":
		x, ok = m.box.Whose(value)
	default:
		x, ok = m.box.Of(s.name).Whose(value)
	}
	if !ok {
		return nil
	}
	a := m.at(s, x.App)
	c := &cred{sort: x.Sort, app: a.id, scope: x.Scope, value: value}
	switch {
	case x.Sort == sandbox.Ticket && !strings.HasSuffix(x.Scope, "_ticket"):
		c.scope += "_ticket"
	case x.Sort == sandbox.AppToken && slices.Contains(a.kinds(), broker.AppAccessToken) && strings.HasPrefix(value, "a-"):
		c.scope = string(broker.AppAccessToken)
	case x.Sort == sandbox.AppToken:
		c.scope = string(broker.AccessToken)
	}
	return c
}

// isOf reports whether a credential is an app's. The tickets for pages of a corp are those of
// all of its agents.
func (m *many) isOf(c *cred, a *reg) bool {
	if c.sort == sandbox.Ticket && c.scope == string(broker.JSAPITicket) {
		owner := m.reg(c.app)
		return owner.site == a.site && owner.appID == a.appID
	}
	return c.app == a.id
}

// texts are all that a call says, as it is written and as it is read.
func texts(r *http.Request, body []byte) string {
	var b strings.Builder
	line := func(s string) {
		b.WriteString(s)
		b.WriteByte('\n')
		if plain, err := url.QueryUnescape(s); err == nil && plain != s {
			b.WriteString(plain)
			b.WriteByte('\n')
		}
	}
	line(r.URL.Path)
	line(r.URL.RawQuery)
	for name, values := range r.Header {
		for _, v := range values {
			line(name + ": " + v)
			if basic, ok := strings.CutPrefix(v, "Basic "); ok {
				plain, _ := base64.StdEncoding.DecodeString(basic)
				line(string(plain))
			}
		}
	}
	line(string(body))
	for _, v := range leaves(body) {
		line(v)
	}
	return b.String()
}

// found are the credentials in a text.
func (m *many) found(text string) []*cred {
	var in []*cred
	for value, c := range m.byValue {
		if strings.Contains(text, value) {
			in = append(in, c)
		}
	}
	slices.SortFunc(in, func(a, b *cred) int { return strings.Compare(a.value, b.value) })
	return in
}

// tap looks at all of a call on its way to a platform: what is in it has to be of one app, and
// that one's at that very platform.
func (m *many) tap(s *site, r *http.Request, body []byte) {
	in := m.found(texts(r, body))
	m.came = append(m.came, arrival{s, r.URL.Path, in})
	of := ""
	for _, c := range in {
		if c == m.put && m.loose {
			continue
		}
		why := m.misplaced(s, r, c)
		if why == "" && c.app != "" && c.sort != sandbox.Ticket && !m.excused(c) {
			if of != "" && of != c.app {
				why = "beside what is " + of + "'s"
			}
			of = c.app
		}
		if why != "" {
			m.faults = append(m.faults, fmt.Sprintf("%s got %s with %s: %s", r.URL.Host, r.URL.Path, c, why))
		}
	}
}

// misplaced says why a credential must not have come to a platform like that; "" it may.
func (m *many) misplaced(s *site, r *http.Request, c *cred) string {
	if m.excused(c) {
		return ""
	}
	a := m.reg(c.app)
	login := r.URL.Host == loginHost
	switch {
	case a == nil:
		return "it is worth nothing there"
	case a.site != s:
		return "it is another platform's"
	case c.sort == virtualToken:
		return "it is worth nothing there"
	case c.sort == theSecret, c.sort == sandbox.RefreshToken:
		secret := slices.ContainsFunc(slices.Concat(s.tokens, s.exchanges), func(p secretPath) bool { return p.path == r.URL.Path })
		if s.name == "oauth2" && !login || s.name != "oauth2" && !secret {
			return "it does not belong there"
		}
	case login:
		return "it is where tokens are issued"
	case c.sort == sandbox.UserToken && c != m.put && !opens(s.users, r.URL.Path):
		return "it is a user's" // Callers may have their users' own in places where nobody looks.
	case c.sort == sandbox.AppToken && opens(s.users, r.URL.Path):
		return "the path wants a user's"
	}
	return ""
}

// excused reports whether a caller has put something into its call of which the server cannot
// know what it is.
func (m *many) excused(c *cred) bool { return c == m.put && !m.known(c) }

// known reports whether the server has to know what a credential is that callers show.
func (m *many) known(c *cred) bool {
	if c.sort == virtualToken || c.sort == clientKey {
		return true
	}
	if c.sort == sandbox.UserToken {
		return m.told[c.value]
	}
	return m.standing(c)
}

// standing reports whether the server has to know that a token is an app's own.
func (m *many) standing(c *cred) bool {
	a := m.reg(c.app)
	switch {
	case c.outside || c.sort != sandbox.AppToken:
		return false
	case a.site.name == acmeName:
		return m.desk.tokens[c.value] != ""
	case a.site.name == "wechat":
		return m.box.Live(c.value)
	default:
		return m.box.Of(a.site.name).Live(c.value)
	}
}

func opens(paths []tokenPath, path string) bool {
	return slices.ContainsFunc(paths, func(p tokenPath) bool { return p.path == path })
}

func (m *many) fault(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = append(m.faults, fmt.Sprintf(format, args...))
}
