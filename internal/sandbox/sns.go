package sandbox

import (
	"slices"
	"time"
)

// Scopes of the web authorization.
const (
	ScopeBase     = "snsapi_base"     // the open id alone
	ScopeUserInfo = "snsapi_userinfo" // opens sns/userinfo as well
	ScopeLogin    = "snsapi_login"    // of web sites, opens sns/userinfo as well
)

// Of each sort, at most as many are remembered.
const maxUserGrants = 10_000

// sns is what the platform knows of users who authorized apps. Nothing of it
// opens a call that needs an app's token, and no app's token opens a call that
// needs one of these. The platform's lock guards it. The zero value is empty.
type sns struct {
	codes     history[string, *userCode]
	members   history[member, *memberState]
	byToken   map[string]*userToken
	byRefresh map[string]*userGrant
	grants    []*userGrant // remembered, the oldest first
}

// userCode can be exchanged once.
type userCode struct {
	app    string
	openID string
	scope  string // empty: of a mini program
	expiry time.Time
	used   bool
}

// addCode makes a code.
func (s *sns) addCode(c userCode) string {
	value := "0" + randomText(23)
	s.codes.put(value, &c)
	return value
}

// code returns a code that was made for the app and for a mini program or not, or nil.
func (s *sns) code(app, value string, mini bool) *userCode {
	c, ok := s.codes.get(value)
	if !ok || c.app != app || (c.scope == "") != mini {
		return nil
	}
	return c
}

// member is a user of an app.
type member struct{ app, openID string }

// memberState is what the platform keeps of a user of an app, apart from grants.
type memberState struct {
	sessionKey []byte // of the mini program; empty: there was no session
	blocked    bool   // as a high risk
	logins     tally  // of the mini program, by the minute
}

func (s *sns) member(m member) *memberState {
	state, ok := s.members.get(m)
	if !ok {
		state = &memberState{}
		s.members.put(m, state)
	}
	return state
}

// history is a map that forgets the older half of its entries when there are too many. The
// zero value is empty.
type history[K comparable, V any] struct {
	m     map[K]V
	order []K
}

func (h *history[K, V]) get(k K) (V, bool) {
	v, ok := h.m[k]
	return v, ok
}

// put adds an entry that is not there yet.
func (h *history[K, V]) put(k K, v V) {
	if h.m == nil {
		h.m = make(map[K]V)
	}
	if len(h.order) >= maxUserGrants {
		for _, old := range h.order[:maxUserGrants/2] {
			delete(h.m, old)
		}
		h.order = slices.Delete(h.order, 0, maxUserGrants/2)
	}
	h.m[k] = v
	h.order = append(h.order, k)
}
