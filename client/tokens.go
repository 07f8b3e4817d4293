package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/hufu-io/hufu/api"
)

// TokenOptions refines what [Client.Token] asks for. The zero value asks for the best
// token there is.
type TokenOptions struct {
	// MinTTL asks for a token that lasts this long. If the platform does not allow to
	// renew for it, the best there is comes back.
	MinTTL time.Duration
	// Seen is the version that the caller has. If there is no newer one, the call
	// returns [ErrNotModified].
	Seen int64
	// Wait is how long the server waits for a version that is newer than Seen. It waits
	// for a minute at most.
	Wait time.Duration
}

// Token returns the token of an app, such as ("shop", "access_token").
func (c *Client) Token(ctx context.Context, app, kind string, opt TokenOptions) (api.Token, error) {
	q := url.Values{}
	if opt.MinTTL > 0 {
		q.Set("min_ttl", opt.MinTTL.String())
	}
	if opt.Wait > 0 {
		q.Set("wait", opt.Wait.String())
	}
	ctx, cancel := within(ctx, timeout+max(opt.Wait, 0))
	defer cancel()
	var t api.Token
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"v1", "apps", app, "tokens", kind}, query: q, seen: opt.Seen, answer: &t})
	return t, err
}

// Renew reports that the platform rejected the given version of a token and returns the
// one to use instead. The report may come late and from any number of callers: it costs
// one renewal at most, and none if a newer token is there or the reported one lives.
func (c *Client) Renew(ctx context.Context, app, kind string, rejected int64) (api.Token, error) {
	return c.renew(ctx, app, kind, api.RenewRequest{Version: rejected})
}

// RenewToken is [Client.Renew] for callers who know the token that was rejected and not
// its version.
func (c *Client) RenewToken(ctx context.Context, app, kind, rejected string) (api.Token, error) {
	return c.renew(ctx, app, kind, api.RenewRequest{Token: rejected})
}

// Replace renews a token that leaked, although no platform rejected it. It needs the
// right admin.
func (c *Client) Replace(ctx context.Context, app, kind string) (api.Token, error) {
	return c.renew(ctx, app, kind, api.RenewRequest{Leaked: true})
}

func (c *Client) renew(ctx context.Context, app, kind string, req api.RenewRequest) (api.Token, error) {
	var t api.Token
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"v1", "apps", app, "tokens", kind, "renew"}, body: req, answer: &t})
	return t, err
}
