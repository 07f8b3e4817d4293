package stacktest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Users is a platform's side of logging users in and of signing for pages: a fake that
// knows which tokens live. The zero value is ready, and safe for concurrent use.
type Users struct {
	// Live says whether a token is the app's own and lives. It is [sandbox.Sandbox.Live] where a
	// stack is made with these users.
	Live func(token string) bool

	mu      sync.Mutex
	n       int
	used    map[string]bool
	tokens  map[string]granted // by user's token
	refresh map[string]granted // by refresh token
	counts  map[string]int
}

type granted struct {
	user, scope string
	end         time.Time
}

// The scopes of [Users], which are the kinds of their grants too.
const (
	Base     = "snsapi_base"
	UserInfo = "snsapi_userinfo"
)

// amend makes the users those of a platform.
func (u *Users) amend(p *broker.Platform) { p.Web, p.Mini, p.Pages = u, u, u }

// Code is that of a login of a user with a scope, or of a mini program where the scope is
// empty. It works once.
func (u *Users) Code(user, scope string) broker.Secret {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n++
	return broker.NewSecret(fmt.Sprint(user, ".", scope, ".", u.n))
}

// Kill ends a user's token.
func (u *Users) Kill(token string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.tokens, token)
}

// Revoke ends all that a user has granted.
func (u *Users) Revoke(user string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of := func(_ string, g granted) bool { return g.user == user }
	maps.DeleteFunc(u.tokens, of)
	maps.DeleteFunc(u.refresh, of)
}

// Count is how often something was asked: exchange, refresh, check, profile, subscription
// or session.
func (u *Users) Count(what string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.counts[what]
}

func (u *Users) count(what string) {
	if u.counts == nil {
		u.counts, u.used, u.tokens, u.refresh = map[string]int{}, map[string]bool{}, map[string]granted{}, map[string]granted{}
	}
	u.counts[what]++
}

// Scopes implements [broker.WebAuthorization], as do those that follow.
func (*Users) Scopes() []string { return []string{Base, UserInfo} }

// DefaultScopes implements [broker.WebAuthorization].
func (u *Users) DefaultScopes() []string { return u.Scopes() }

// KindOf returns the scope.
func (u *Users) KindOf(scope string) broker.Kind {
	if slices.Contains(u.Scopes(), scope) {
		return broker.Kind(scope)
	}
	return ""
}

// AuthorizeURL returns a URL with the state.
func (*Users) AuthorizeURL(r broker.AuthorizeRequest) (string, error) {
	return "https://open.test/authorize?state=" + r.State, nil
}

// Exchange takes a code of [Users.Code].
func (u *Users) Exchange(_ context.Context, _ *broker.App, secret, code broker.Secret) (broker.Granted, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count("exchange")
	user, scope, err := u.take(secret, code)
	if err != nil {
		return broker.Granted{}, err
	}
	u.n++
	rt := fmt.Sprint("RT_", u.n)
	u.refresh[rt] = granted{user: user, scope: scope}
	return u.grant(user, scope, rt), nil
}

// take uses a code up.
func (u *Users) take(secret, code broker.Secret) (user, scope string, err error) {
	parts := strings.Split(code.Reveal(), ".")
	switch {
	case secret.Reveal() != Secret:
		return "", "", &broker.Error{Code: "wrong_secret", Class: broker.BadCredential, Message: "the app secret is wrong"}
	case len(parts) != 3 || u.used[code.Reveal()]:
		return "", "", &broker.Error{Code: "invalid_code", Class: broker.Invalid, Message: "the code is invalid", PlatformCode: "40029", PlatformMessage: "invalid code"}
	}
	u.used[code.Reveal()] = true
	return parts[0], parts[1], nil
}

func (u *Users) grant(user, scope, refresh string) broker.Granted {
	u.n++
	tok := fmt.Sprint("UT_", u.n)
	const lifetime = 2 * time.Hour
	u.tokens[tok] = granted{user, scope, time.Now().Add(lifetime)}
	return broker.Granted{
		Kind: broker.Kind(scope), OpenID: user, UnionID: "union-" + user, Scope: scope,
		Access: broker.NewSecret(tok), Lifetime: lifetime, Refresh: broker.NewSecret(refresh), RefreshLifetime: 30 * 24 * time.Hour,
	}
}

// Refresh gives a new token.
func (u *Users) Refresh(_ context.Context, _ *broker.App, _ broker.Key, refresh broker.Secret) (broker.Granted, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count("refresh")
	g, ok := u.refresh[refresh.Reveal()]
	if !ok {
		return broker.Granted{}, broker.ErrGrantEnded
	}
	return u.grant(g.user, g.scope, refresh.Reveal()), nil
}

func (u *Users) live(user string, token broker.Secret) bool {
	g, ok := u.tokens[token.Reveal()]
	return ok && g.user == user && time.Now().Before(g.end)
}

// CheckUser says whether a user's token lives.
func (u *Users) CheckUser(_ context.Context, _ *broker.App, user string, token broker.Secret) (broker.Verdict, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count("check")
	if u.live(user, token) {
		return broker.VerdictOK, nil
	}
	return broker.VerdictRejected, nil
}

// Profile wants a user's token.
func (u *Users) Profile(_ context.Context, _ *broker.App, user string, token broker.Secret, language string) (broker.Profile, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count("profile")
	if !u.live(user, token) {
		return broker.Profile{}, broker.ErrUserTokenRejected
	}
	return broker.Profile{
		OpenID: user, UnionID: "union-" + user, Nickname: "name of " + user, Sex: 2, Country: "CN", City: language,
		Portrait: "https://thirdwx.test/" + user, Privilege: []string{"chinaunicom"},
	}, nil
}

// SubscriptionPath is that of WeChat.
func (*Users) SubscriptionPath() string { return "/cgi-bin/user/info" }

// Subscription wants the app's token.
func (u *Users) Subscription(_ context.Context, _ *broker.App, user string, token broker.Secret, language string) (broker.Subscription, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count("subscription")
	if u.Live == nil || !u.Live(token.Reveal()) {
		return broker.Subscription{}, broker.ErrRejected
	}
	return broker.Subscription{OpenID: user, Subscribed: true, Language: language, SubscribedAt: time.Unix(1_700_000_000, 0), Tags: []int64{2}, Scene: "ADD_SCENE_QR_CODE"}, nil
}

// Session takes a code of [Users.Code]. The session's key is that which [Users.SessionKey]
// names.
func (u *Users) Session(_ context.Context, _ *broker.App, secret, code broker.Secret) (broker.Session, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count("session")
	user, _, err := u.take(secret, code)
	if err != nil {
		return broker.Session{}, err
	}
	return broker.Session{OpenID: user, UnionID: "union-" + user, Key: broker.NewSecret(SessionKey(user))}, nil
}

// SessionKey is the key of all sessions of a user.
func SessionKey(user string) string { return "session-key-of-" + user }

// Verify wants the signature that [Sign] makes of data and key.
func (*Users) Verify(key broker.Secret, rawData, signature string) bool {
	return signature == Sign(rawData, key.Reveal())
}

// Decrypt opens what is the key, a colon and JSON.
func (*Users) Decrypt(_ *broker.App, key broker.Secret, data, _ string) ([]byte, error) {
	plain, ok := strings.CutPrefix(data, key.Reveal()+":")
	if !ok {
		return nil, &broker.Error{Code: "invalid", Class: broker.Invalid, Message: "the data was not sealed with the key of the user's latest session"}
	}
	return []byte(plain), nil
}

// Stamp implements [broker.PageSigner].
func (*Users) Stamp(t time.Time) int64 { return t.Unix() }

// SignPage implements [broker.PageSigner].
func (*Users) SignPage(ticket broker.Secret, page, nonce string, timestamp int64) string {
	return Sign(ticket.Reveal(), page, nonce, strconv.FormatInt(timestamp, 10))
}

// SignCard implements [broker.CardSigner].
func (*Users) SignCard(ticket broker.Secret, values ...string) string {
	values = append(slices.Clone(values), ticket.Reveal())
	slices.Sort(values)
	return Sign(values...)
}

// Sign is the signature of all fakes.
func Sign(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:8])
}

// Logins are logins of browsers that have ended: who logged in, by the code that each ended with. The
// zero value is ready.
type Logins struct {
	mu     sync.Mutex
	logins map[string]broker.User
}

// Add gives a login its code.
func (l *Logins) Add(code string, u broker.User) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.logins == nil {
		l.logins = map[string]broker.User{}
	}
	l.logins[code] = u
}

// Redeem uses a code up, whatever the verifier; one that is "wrong" is refused.
func (l *Logins) Redeem(_ context.Context, app *broker.App, code, verifier, _ string) (broker.User, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u, ok := l.logins[code]
	delete(l.logins, code)
	if !ok || u.Key.App != app.ID || verifier == "wrong" {
		return broker.User{}, &broker.Error{Code: "bad_code", Class: broker.Invalid, Message: "the code is unknown, used or too old"}
	}
	return u, nil
}
