package sandbox

import (
	"fmt"
	"time"
)

// tokenAnswer is what both token endpoints answer. It has no errcode.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"`
}

// serveToken is GET /cgi-bin/token: every call issues.
func (w *wechat) serveToken(c *call) answer {
	app, code := w.admit(c, credentials{
		GrantType: c.query.Get("grant_type"),
		AppID:     c.query.Get("appid"),
		Secret:    c.query.Get("secret"),
	})
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	if !app.day.take(daily, c.at, c.path, w.dailyLimit(app, c.path)) {
		return w.refuse(c, app, codeDayQuota)
	}
	app.counts.ClassicCalls++
	w.watchOverlap(app, c.at)
	return w.issued(c, w.issue(app, Classic, c.at, false, false))
}

// watchOverlap records an issue that comes while the one before it is still in
// its overlap: whoever holds the token before that one loses it at once. It is
// no misuse after an answer that was lost, nor after somebody from outside
// issued, nor when the current token is dead anyway.
func (w *wechat) watchOverlap(app *wechatApp, at time.Time) {
	cur := app.classic.current
	if cur == nil || cur.outside || cur.lost || !cur.live(at) {
		return
	}
	if age := at.Sub(cur.issued); age < w.cfg.Overlap {
		age = age.Round(time.Millisecond)
		w.misused(at, app.id, IssueInsideOverlap, words{
			fmt.Sprintf("cgi-bin/token issued again %v after token %d", age, cur.generation),
			fmt.Sprintf("cgi-bin/token 在第 %d 代令牌签发 %s后再次签发", cur.generation, chineseSpan(age)),
		})
	}
}

// stableRequest is the body of stable_token.
type stableRequest struct {
	credentials
	ForceRefresh bool `json:"force_refresh"`
}

// serveStable is POST /cgi-bin/stable_token: the same token until its last
// minutes, or a new one by force.
func (w *wechat) serveStable(c *call) answer {
	var req stableRequest
	if code := decode(c.body, &req); code != codeOK {
		return w.refuse(c, w.nobody, code)
	}
	app, code := w.admit(c, req.credentials)
	if code != codeOK {
		return w.refuse(c, app, code)
	}
	if app.day.used(daily, c.at, c.path) >= w.dailyLimit(app, c.path) {
		return w.refuse(c, app, codeDayQuota)
	}
	if !app.minute.take(everyMinute, c.at, c.path, app.quotas.StablePerMinute) {
		return w.refuse(c, app, codeMinuteQuota)
	}
	app.day.take(daily, c.at, c.path, w.dailyLimit(app, c.path))
	app.counts.StableCalls++

	if req.ForceRefresh && !w.tooSoon(app, c.at) {
		if !app.day.take(daily, c.at, forcedName, app.quotas.ForcedPerDay) {
			w.misused(c.at, app.id, ForcedTooOften, words{
				fmt.Sprintf("forced refresh beyond %d a day", app.quotas.ForcedPerDay),
				fmt.Sprintf("当日强制刷新超过 %d 次", app.quotas.ForcedPerDay),
			})
			return w.refuse(c, app, codeDayQuota)
		}
		app.lastForced = c.at
		app.counts.Forced++
		return w.issued(c, w.issue(app, Stable, c.at, true, false))
	}
	cur := app.stable.current
	if cur == nil || !cur.live(c.at) && !cur.spoiled || cur.expiry.Sub(c.at) <= w.cfg.Overlap {
		return w.issued(c, w.issue(app, Stable, c.at, false, false))
	}
	return jsonAnswer(tokenAnswer{cur.value, seconds(cur.expiry.Sub(c.at))})
}

// forcedName is under which forced refreshes are counted; it is no path.
const forcedName = "force_refresh"

// tooSoon reports whether a forced refresh comes too close to the last one.
// Such a call is answered as if it were not forced.
func (w *wechat) tooSoon(app *wechatApp, at time.Time) bool {
	gap := at.Sub(app.lastForced)
	if app.lastForced.IsZero() || gap >= app.quotas.ForcedGap {
		return false
	}
	gap = gap.Round(time.Millisecond)
	w.misused(at, app.id, ForcedTooSoon, words{
		fmt.Sprintf("forced refresh %v after the last one", gap),
		fmt.Sprintf("距上次强制刷新仅 %s", chineseSpan(gap)),
	})
	return true
}

// issued answers with a token that was just issued.
func (w *wechat) issued(c *call, t *token) answer {
	a := jsonAnswer(tokenAnswer{t.value, seconds(t.expiry.Sub(c.at))})
	a.lost = func() { w.markLost(t) }
	return a
}

// seconds rounds down, so that what is promised is kept.
func seconds(d time.Duration) int64 { return int64(d / time.Second) }
