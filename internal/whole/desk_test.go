package whole_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// desk answers for what the sandbox has not: the platform that is described in the test, and
// paths of others on which users log in. It issues as an eager platform does, without an end
// to a token but by the next one and by whoever kills it.
type desk struct {
	n      int
	tokens map[string]string // app's token → our id, of those that live
	latest map[string]string // our id → its token
	users  map[string]string // user's token → our id
}

func newDesk() *desk {
	return &desk{tokens: map[string]string{}, latest: map[string]string{}, users: map[string]string{}}
}

// make makes a credential of an app.
func (d *desk) make(what, app string) string {
	d.n++
	return fmt.Sprintf("%s-%06d-of-%s-0123456789", what, d.n, app)
}

// issue gives an app another token of the described platform.
func (d *desk) issue(app string) string {
	delete(d.tokens, d.latest[app])
	tok := d.make("acme-token", app)
	d.tokens[tok], d.latest[app] = app, tok
	return tok
}

func (d *desk) kill(app string) { delete(d.tokens, d.latest[app]) }

// serve answers a call, or returns nil. It is called under the lock of the world.
func (d *desk) serve(m *many, s *site, r *http.Request, body []byte) *http.Response {
	shown := strings.TrimPrefix(r.Header.Get(bearerName), "Bearer ")
	for _, x := range s.exchanges {
		if x.path != r.URL.Path || x.in == inQuery {
			continue
		}
		if a := m.shows(s, x, body); a != nil {
			tok := d.make("user-token", a.id)
			d.users[tok] = a.id
			return said(r, 200, map[string]any{"code": 0, "access_token": tok, "accessToken": tok, "token": tok, "expires_in": 7200})
		}
		return said(r, 400, map[string]any{"code": 9001, "msg": "no such app"})
	}
	for _, x := range s.users {
		if s.name == "wechat" || x.path != r.URL.Path {
			continue
		}
		if x.name == dingtalkName {
			shown = r.Header.Get(dingtalkName)
		}
		if a := m.reg(d.users[shown]); a != nil && a.site == s {
			return said(r, 200, map[string]any{"code": 0, "app_id": a.appID, "name": "Alice"})
		}
		return said(r, 400, map[string]any{"code": 9002, "msg": "no such user"})
	}
	if s.name != acmeName {
		return nil
	}
	if r.URL.Path == s.tokens[0].path {
		if a := m.shows(s, s.tokens[0], body); a != nil {
			return said(r, 200, map[string]any{"code": 0, "data": map[string]any{"token": d.issue(a.id), "ttl": 7200}})
		}
		return said(r, 200, map[string]any{"code": 9001, "msg": "no such app"})
	}
	if a := m.reg(d.tokens[shown]); a != nil {
		return said(r, 200, map[string]any{"code": 0, "app_id": a.appID})
	}
	return said(r, 200, map[string]any{"code": 4001, "msg": "bad token"})
}

// shows finds the app whose id and secret a call shows.
func (m *many) shows(s *site, x secretPath, body []byte) *reg {
	fields := map[string]string{}
	if x.in == inForm {
		form, _ := url.ParseQuery(string(body))
		fields[x.id], fields[x.secret] = form.Get(x.id), form.Get(x.secret)
	} else {
		_ = json.Unmarshal(body, &fields)
	}
	for _, a := range m.regs {
		if a.site == s && a.appID == fields[x.id] && a.secret == fields[x.secret] {
			return a
		}
	}
	return nil
}

func said(r *http.Request, status int, v any) *http.Response {
	b, _ := json.Marshal(v)
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(b)), ContentLength: int64(len(b)), Request: r,
	}
}

// trouble has an app's tokens end, or be replaced by somebody else, who shows what they got.
func (m *many) trouble(a *reg, how string) (outside string, err error) {
	switch {
	case a.site.name == acmeName && how == "kill":
		m.mu.Lock()
		defer m.mu.Unlock()
		m.desk.kill(a.id)
		return "", nil
	case a.site.name == acmeName:
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.desk.issue(a.id), nil
	case a.site.name == "wechat" && how == "kill":
		_, err = m.box.KillCurrent(a.appID, sandbox.Mode(a.mode))
		return "", err
	case a.site.name == "wechat":
		return m.box.ForceOutside(a.appID)
	case how == "kill":
		for _, mode := range m.box.Of(a.site.name).Modes() {
			if _, err = m.box.Of(a.site.name).KillCurrent(a.key(), mode); err != nil {
				return "", err
			}
		}
		return "", nil
	default:
		return m.box.Of(a.site.name).RotateOutside(a.key(), "")
	}
}

// spent counts the tokens and tickets that were issued for an app.
func (m *many) spent(a *reg) int {
	m.mu.Lock()
	made := m.desk.n
	m.mu.Unlock()
	switch a.site.name {
	case acmeName:
		return made
	case "wechat":
		c := m.box.Counts(a.appID)
		return c.Issues + c.Tickets
	default:
		c := m.box.Of(a.site.name).Counts(a.key())
		return c.Issues + c.Tickets
	}
}
