package gateway

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// I7: only a path that took a token is believed, of its own platform, and not for the app
// whose fresh token it rejected; that other paths come by does not change it.
func TestI7WhatIsBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 100
		k := newTrust(most)
		believes := func(app, path string, want bool) {
			t.Helper()
			if k.believes("wechat", app, path, broker.AccessToken) != want {
				t.Errorf("%s of %s: believed is %v", path, app, !want)
			}
		}
		believes("shop", "/a", false)
		k.opened("wechat", "/a", broker.AccessToken)
		k.opened("feishu", "/b", broker.AccessToken)
		k.opened("wechat", "/c", broker.AppAccessToken)
		believes("shop", "/a", true)
		believes("other", "/a", true)
		believes("shop", "/b", false)
		believes("shop", "/c", false)
		k.strange("wechat", "shop", "/a", broker.AccessToken)
		believes("shop", "/a", false)
		believes("other", "/a", true)
		k.opened("wechat", "/a", broker.AccessToken)
		believes("shop", "/a", false)
		for i := range most / 2 {
			k.opened("wechat", "/"+strconv.Itoa(i), broker.AccessToken)
		}
		believes("shop", "/a", false)
		believes("other", "/a", true)
		time.Sleep(strangeFor)
		k.opened("wechat", "/a", broker.AccessToken)
		believes("shop", "/a", true)
		for i := range 2 * most {
			k.opened("wechat", "/more/"+strconv.Itoa(i), broker.AccessToken)
		}
		believes("shop", "/a", false) // It is forgotten, and what is forgotten is not believed.
	})
}
