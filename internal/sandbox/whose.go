package sandbox

import "encoding/base64"

// CredentialSort says what something is that the platform has made and that opens something.
type CredentialSort string

// The sorts of credentials.
const (
	AppToken     CredentialSort = "app-token"     // the app's own access token
	Ticket       CredentialSort = "ticket"        // of a type, for signing
	UserToken    CredentialSort = "user-token"    // the access token of a user
	RefreshToken CredentialSort = "refresh-token" // of a user
	LoginCode    CredentialSort = "login-code"    // of the web authorization
	MiniCode     CredentialSort = "mini-code"     // of a mini program
	SessionKey   CredentialSort = "session-key"   // of a user of a mini program
)

// Credential says what the platform has made, and whose it is.
type Credential struct {
	Sort   CredentialSort
	App    string // the app id
	OpenID string // of a user's
	Scope  string // of a user's token or code; of a ticket its type
}

// Whose tells what a value is and whose, dead or alive, and whether the sandbox remembers to
// have made it. Of tickets and session keys it knows the latest.
func (s *Sandbox) Whose(value string) (Credential, bool) {
	w := s.wechat
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.tokens[value]; t != nil {
		return Credential{Sort: AppToken, App: t.app}, true
	}
	if c, ok := w.sns.whose(value); ok {
		return c, true
	}
	for id, app := range w.apps {
		for kind, t := range app.tickets {
			if t.value == value {
				return Credential{Sort: Ticket, App: id, Scope: kind}, true
			}
		}
	}
	return Credential{}, false
}

func (s *sns) whose(value string) (Credential, bool) {
	if t := s.byToken[value]; t != nil {
		return Credential{Sort: UserToken, App: t.grant.app, OpenID: t.grant.openID, Scope: t.grant.scope}, true
	}
	if g := s.byRefresh[value]; g != nil {
		return Credential{Sort: RefreshToken, App: g.app, OpenID: g.openID, Scope: g.scope}, true
	}
	if c, ok := s.codes.get(value); ok {
		sort := LoginCode
		if c.scope == "" {
			sort = MiniCode
		}
		return Credential{Sort: sort, App: c.app, OpenID: c.openID, Scope: c.scope}, true
	}
	for m, state := range s.members.m {
		if state.sessionKey != nil && base64.StdEncoding.EncodeToString(state.sessionKey) == value {
			return Credential{Sort: SessionKey, App: m.app, OpenID: m.openID}, true
		}
	}
	return Credential{}, false
}
