package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/hufu-io/hufu/api"
)

// Exchange tells who has logged in, for the code that the user's browser brought. A code
// works once. It needs the right users on the app, as do all the calls that follow but
// [Client.ImportUsers].
func (c *Client) Exchange(ctx context.Context, app string, req api.ExchangeRequest) (api.User, error) {
	var u api.User
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"v1", "apps", app, "users", "exchange"}, body: req, answer: &u})
	return u, err
}

// Users lists what users have granted an app, without their tokens. After is the Next of
// the page before.
func (c *Client) Users(ctx context.Context, app string, p Page) (api.Grants, error) {
	q := url.Values{}
	if p.After != "" {
		q.Set("after", p.After)
	}
	setLimit(q, p.Limit)
	var g api.Grants
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"v1", "apps", app, "users"}, query: q, answer: &g})
	return g, err
}

// User returns what one user has granted an app, without the tokens.
func (c *Client) User(ctx context.Context, app, openID string) ([]api.Grant, error) {
	var g api.Grants
	err := c.do(ctx, call{method: http.MethodGet, path: userPath(app, openID), answer: &g})
	return g.Grants, err
}

// DeleteUser deletes all that is kept of a user, and returns how many grants that were.
func (c *Client) DeleteUser(ctx context.Context, app, openID string) (int, error) {
	var f api.Forgotten
	err := c.do(ctx, call{method: http.MethodDelete, path: userPath(app, openID), answer: &f})
	return f.Deleted, err
}

// UserTokenOptions refines what [Client.UserToken] asks for. The zero value asks for the
// token of the widest scope that the user has granted.
type UserTokenOptions struct {
	Scope string
	// MinTTL asks for a token that lasts this long.
	MinTTL time.Duration
}

// UserToken returns a user's token, which opens the platform for that user only and is none
// of the app's own.
func (c *Client) UserToken(ctx context.Context, app, openID string, opt UserTokenOptions) (api.UserToken, error) {
	q := url.Values{}
	if opt.Scope != "" {
		q.Set("scope", opt.Scope)
	}
	if opt.MinTTL > 0 {
		q.Set("min_ttl", opt.MinTTL.String())
	}
	var t api.UserToken
	err := c.do(ctx, call{method: http.MethodGet, path: userPath(app, openID, "token"), query: q, answer: &t})
	return t, err
}

// RenewUserToken reports that the platform rejected a user's token, named by its version or
// its value, and returns the one to use instead.
func (c *Client) RenewUserToken(ctx context.Context, app, openID string, req api.UserRenewRequest) (api.UserToken, error) {
	var t api.UserToken
	err := c.do(ctx, call{method: http.MethodPost, path: userPath(app, openID, "token", "renew"), body: req, answer: &t})
	return t, err
}

// Profile returns what a user shows of herself. Language is zh_CN, zh_TW, en or empty.
func (c *Client) Profile(ctx context.Context, app, openID, language string) (api.Profile, error) {
	var p api.Profile
	err := c.do(ctx, call{method: http.MethodGet, path: userPath(app, openID, "profile"), query: inLanguage(language), answer: &p})
	return p, err
}

// Subscription returns what the app knows of a user who follows it. The user need not have
// logged in.
func (c *Client) Subscription(ctx context.Context, app, openID, language string) (api.Subscription, error) {
	var s api.Subscription
	err := c.do(ctx, call{method: http.MethodGet, path: userPath(app, openID, "subscription"), query: inLanguage(language), answer: &s})
	return s, err
}

// ImportUsers takes over grants that were made elsewhere, at most [api.MaxImport] at a
// time, and tells what became of each, in the same order. It needs the right admin on the app.
func (c *Client) ImportUsers(ctx context.Context, app string, users []api.ImportedUser) ([]api.Imported, error) {
	var res api.ImportResult
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"v1", "apps", app, "users", "import"}, body: api.ImportRequest{Users: users}, answer: &res})
	return res.Results, err
}

// Session logs a user of a mini program in, for the code that wx.login gave there.
func (c *Client) Session(ctx context.Context, app, jsCode string) (api.Session, error) {
	var s api.Session
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"v1", "apps", app, "sessions"}, body: api.SessionRequest{JSCode: jsCode}, answer: &s})
	return s, err
}

// Verify reports whether data that a mini program sends was signed with the key of the
// user's latest session.
func (c *Client) Verify(ctx context.Context, app, openID, rawData, signature string) (bool, error) {
	var v api.Verified
	err := c.do(ctx, call{
		method: http.MethodPost, path: []string{"v1", "apps", app, "sessions", openID, "verify"},
		body: api.VerifyRequest{RawData: rawData, Signature: signature}, answer: &v,
	})
	return v.Valid, err
}

// Decrypt opens what the platform has sealed with the key of the user's latest session,
// and returns the JSON object that was in it.
func (c *Client) Decrypt(ctx context.Context, app, openID, encryptedData, iv string) ([]byte, error) {
	var d api.Decrypted
	err := c.do(ctx, call{
		method: http.MethodPost, path: []string{"v1", "apps", app, "sessions", openID, "decrypt"},
		body: api.DecryptRequest{EncryptedData: encryptedData, IV: iv}, answer: &d,
	})
	return d.Data, err
}

func userPath(app, openID string, more ...string) []string {
	return append([]string{"v1", "apps", app, "users", openID}, more...)
}

func inLanguage(language string) url.Values {
	if language == "" {
		return nil
	}
	return url.Values{"lang": {language}}
}
