package bench_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/grant"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

const (
	userScope = "snsapi_userinfo"
	// userPrefix is what the open ids of an app's users have in common.
	userPrefix = "o6_bm"
)

// openID is that of the ith user: as long as WeChat's, and in no order.
func openID(i int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(i)))
	return (userPrefix + base64.RawURLEncoding.EncodeToString(sum[:18]))[:28]
}

func grantKey(i int) broker.Key {
	return broker.Key{App: appID(0), Kind: userScope, Subject: openID(i)}
}

// fillGrants stores an app with n users, whose tokens live, as logins would have left them.
func fillGrants(ctx context.Context, at place, n int) error {
	store, err := at.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	keys, err := fill(ctx, store, at.keyset, 1)
	if err != nil {
		return err
	}
	var caught catcher
	keeper, err := grant.New(grant.Config{
		Store: &caught, Sealer: keys, Holder: "bench", Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(&usersAtOnce{}))},
	})
	if err != nil {
		return err
	}
	app, now := benchApp(0), time.Now()
	_, err = store.(broker.Movable).Tables().Grants.Import(ctx, func(yield func(broker.Grant, error) bool) {
		for i := range n {
			user := openID(i)
			_, err := keeper.Import(ctx, app, grant.Imported{
				OpenID: user, UnionID: "u" + user[1:], Scope: userScope, Authorized: now,
				Access: broker.NewSecret(fmt.Sprintf("84_%0*d", tokenLength-3, i)), Expiry: now.Add(2 * time.Hour),
				Refresh: refreshToken(user), Deadline: now.Add(30 * 24 * time.Hour),
			})
			if !yield(caught.last, err) || err != nil {
				return
			}
		}
	})
	return err
}

// refreshToken is a user's, as long as WeChat's.
func refreshToken(user string) broker.Secret {
	return broker.NewSecret("84_" + strings.Repeat("r", tokenLength-3-len(user)) + user)
}

// catcher is a store that gives what it is given to whoever fills another one.
type catcher struct{ last broker.Grant }

func (c *catcher) Get(context.Context, broker.Key) (broker.Grant, error) {
	return broker.Grant{}, broker.ErrNotFound
}

func (c *catcher) Put(_ context.Context, g broker.Grant) (broker.Version, error) {
	g.Version++
	c.last = g
	return g.Version, nil
}

func (c *catcher) Delete(context.Context, broker.Key, broker.Version) error {
	return broker.ErrNotFound
}

func (c *catcher) Page(context.Context, string, broker.Key, int) ([]broker.Grant, error) {
	return nil, errors.New("nothing is listed while a store is filled")
}

func (c *catcher) All(context.Context) iter.Seq2[broker.Grant, error] {
	return func(func(broker.Grant, error) bool) {}
}

// usersAtOnce is a platform that gives another token for a refresh token whenever it is
// asked, with no delay.
type usersAtOnce struct{ given atomic.Int64 }

func (p *usersAtOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	refresh := req.URL.Query().Get("refresh_token")
	user := refresh[max(0, len(refresh)-28):]
	body := fmt.Appendf(nil, `{"access_token":"85_%0*d","expires_in":7200,"refresh_token":"%s","openid":"%s","scope":"%s","unionid":"u%s"}`,
		tokenLength-3, p.given.Add(1), refresh, user, userScope, user[min(1, len(user)):])
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": bareType}, Request: req,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}
