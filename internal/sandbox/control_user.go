package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// userVerbs are the control calls that are about a user of an app, with an example of what each
// takes beside the user.
func userVerbs() map[string]want {
	verbs := map[string]want{
		"code":    {fields: []string{"scope"}, example: `{"openid":"OPENID","scope":"snsapi_userinfo"}, or {} for Alice`},
		"sign":    {fields: []string{"raw_data"}, example: `{"openid":"OPENID","raw_data":"{\"nickName\":\"Alice\"}"}`},
		"encrypt": {fields: []string{"data"}, example: `{"openid":"OPENID","data":{"phoneNumber":"13800138000"}}`},
	}
	for _, verb := range []string{"jscode", "revoke", "expire-user", "kill-user", "expire-refresh", "block", "unblock", "new-session-key"} {
		verbs[verb] = want{example: `{"openid":"OPENID"} or {"user":"bob"}, or {} for Alice`}
	}
	for verb, w := range verbs {
		verbs[verb] = want{known: true, fields: append([]string{"openid", "user"}, w.fields...), example: w.example}
	}
	return verbs
}

// openID is the user whom a command names, one way or the other.
func (c command) openID(appID string) (string, error) {
	id := cmp.Or(c.User, defaultUser)
	if !slices.ContainsFunc(Users(), func(u User) bool { return u.ID == id }) {
		var names []string
		for _, u := range Users() {
			names = append(names, u.ID)
		}
		return "", fmt.Errorf("unknown user %q; there are: %s, or name any by openid", id, strings.Join(names, ", "))
	}
	return cmp.Or(c.OpenID, OpenID(appID, id)), nil
}

// doUser carries out a command that is about a user of an app.
func (c *control) doUser(appID, verb string, cmd command) (made, error) {
	s := c.sandbox
	openID, err := cmd.openID(appID)
	if err != nil {
		return made{}, err
	}
	ended := func(end func(appID, openID string) (int, error)) (made, error) {
		n, err := end(appID, openID)
		return ended(n), err
	}
	switch verb {
	case "code":
		code, err := s.NewCode(appID, openID, cmp.Or(cmd.Scope, ScopeBase))
		return made{Code: code}, err
	case "jscode":
		code, err := s.NewJSCode(appID, openID)
		return made{Code: code}, err
	case "revoke":
		return ended(s.Revoke)
	case "expire-user":
		return ended(s.ExpireUser)
	case "kill-user":
		return ended(s.KillUser)
	case "expire-refresh":
		return ended(s.ExpireRefresh)
	case "block":
		return made{}, s.Block(appID, openID)
	case "unblock":
		return made{}, s.Unblock(appID, openID)
	case "new-session-key":
		return made{}, s.NewSessionKey(appID, openID)
	case "sign":
		signature, err := s.SignRaw(appID, openID, cmd.RawData)
		return made{Signature: signature}, err
	case "encrypt":
		encrypted, iv, err := s.Encrypt(appID, openID, cmd.Data)
		return made{Encrypted: encrypted, IV: iv}, err
	default:
		return made{}, errNoSuchPage
	}
}

// fields is a JSON object whose values stay as they were written.
type fields map[string]any

// set reads a field of the page's forms.
func (f *fields) set(s string) error {
	if s = strings.TrimSpace(s); s == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(s), f); err != nil {
		return fmt.Errorf("data is no JSON object: %w", err)
	}
	return nil
}

// UnmarshalJSON reads an object. Its numbers are not rounded.
func (f *fields) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return fmt.Errorf("read the data: %w", err)
	}
	*f = make(fields, len(raw))
	for k, v := range raw {
		(*f)[k] = v
	}
	return nil
}

// userState is what may be seen of a user of an app.
type userState struct {
	ID       string `json:"user"`
	Nickname string `json:"nickname"`
	OpenID   string `json:"openid"`
	UnionID  string `json:"unionid"`
	Follows  bool   `json:"follows"`
	Snapshot bool   `json:"snapshot,omitempty"`
	Blocked  bool   `json:"blocked"`
	// Grants are those that can still be refreshed, and Tokens those that live.
	Grants int `json:"grants"`
	Tokens int `json:"tokens"`
}

// userStates describes the made-up people of the apps that are shown; users whom a test has made
// up are not listed.
func (w *wechat) userStates(ids []string) map[string][]userState {
	at := w.cfg.Now()
	grants, tokens := make(map[member]int), make(map[member]int)
	for _, g := range w.sns.grants {
		if g.refusal(g.refresh, at) == codeOK {
			grants[g.member]++
		}
		if g.current().live(at) {
			tokens[g.member]++
		}
	}
	out := make(map[string][]userState, len(ids))
	for _, id := range ids {
		app := w.apps[id]
		if app == nil {
			continue
		}
		for _, u := range Users() {
			m := member{id, OpenID(id, u.ID)}
			state, known := w.sns.members.get(m)
			out[id] = append(out[id], userState{
				ID: u.ID, Nickname: u.Nickname, OpenID: m.openID, UnionID: app.unionID(m.openID), Follows: u.Follows,
				Snapshot: u.Snapshot, Blocked: known && state.blocked, Grants: grants[m], Tokens: tokens[m],
			})
		}
	}
	return out
}
