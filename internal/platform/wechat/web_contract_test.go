package wechat_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/platformtest"
	"github.com/hufu-io/hufu/internal/platform/wechat"
)

const openID = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"

func TestWebContract(t *testing.T) {
	t.Parallel()
	const kept = `"nickname":"Band","sex":1,"province":"广东","city":"广州","country":"中国","privilege":["chinaunicom"],"unionid":"o6_union"`
	const follows = `"subscribe":1,"language":"zh_CN","subscribe_time":1382694957,"remark":"","groupid":0,"tagid_list":[128,2],"subscribe_scene":"ADD_SCENE_QR_CODE","qr_scene":98765,"qr_scene_str":""`
	about := func(user, more string) string { return `{"openid":"` + user + `",` + more + `}` }
	platformtest.Web(t, platformtest.WebHarness{
		New: wechat.Platform, App: testApp(), User: openID, Refuse: refuse, Tokens: userTokens,
		Exchange: platformtest.WebCall{
			Refusals: refusals(true),
			Odd: map[string]string{
				"2 MiB":               userTokens(platformtest.UserTokens{Access: strings.Repeat("A", 2<<20), Lifetime: "7200", OpenID: openID}),
				"an odd union id":     `{"access_token":"A","expires_in":7200,"openid":"o","unionid":7}`,
				"an odd errcode":      `{"access_token":"A","expires_in":7200,"openid":"o","errcode":[]}`,
				"an odd user":         `{"access_token":"A","expires_in":7200,"openid":7}`,
				"an odd snapshot":     `{"access_token":"A","expires_in":7200,"openid":"o","is_snapshotuser":"maybe"}`,
				"a list for a scope":  `{"access_token":"A","expires_in":7200,"openid":"o","scope":["snsapi_base"]}`,
				"a number for tokens": `{"access_token":7,"expires_in":7200,"openid":"o"}`,
			},
		},
		Refresh: platformtest.WebCall{Refusals: refreshRefusals()},
		Check: platformtest.WebCall{
			Whole:    `{"errcode":0,"errmsg":"ok"}`,
			Refusals: except(refusals(false), "40001", "40014", "42001", "40003", "42007", "45009", "45011"),
			Odd:      map[string]string{"no errcode": `{"errmsg":"ok"}`, "an odd one": `{"errcode":"ok"}`},
		},
		Profile: platformtest.WebCall{
			Whole: about(openID, kept), Another: about("o-somebody-else", kept), Refusals: profileRefusals(),
			Odd: map[string]string{
				"no user": `{` + kept + `}`, "an odd sex": about(openID, `"sex":"both"`), "an odd privilege": about(openID, `"privilege":"many"`),
				"odd privileges": about(openID, `"privilege":[1]`), "a huge name": about(openID, `"nickname":"`+strings.Repeat("A", 10<<10)+`"`),
				"an odd name": about(openID, `"nickname":{}`),
			},
		},
		Subscription: platformtest.WebCall{
			Whole: about(openID, follows), Another: about("o-somebody-else", follows), Refusals: refusals(false),
			Odd: map[string]string{
				"no user": `{` + follows + `}`, "odd tags": about(openID, `"tagid_list":["x"]`), "half a tag": about(openID, `"tagid_list":[1.5]`),
				"no tags": about(openID, `"tagid_list":7`),
			},
		},
		Session: platformtest.WebCall{
			Whole: about(openID, `"session_key":"tiihtNczf5v6AKRyjwEUhQ==","unionid":""`), Refusals: refusals(true),
			Odd: map[string]string{
				"no user": `{"session_key":"tiihtNczf5v6AKRyjwEUhQ=="}`, "no key": about(openID, `"session_key":""`), "an odd key": about(openID, `"session_key":[]`),
			},
		},
		Ended:       []string{"40029", "40030", "42002", "42007", "61023"},
		Rejected:    []string{"40001", "40014", "42001"},
		Lacking:     []string{"48001"},
		AppRejected: []string{"40001", "40014", "42001"},
		Verdicts: map[string]broker.Verdict{
			"40001": broker.VerdictRejected, "40014": broker.VerdictRejected, "42001": broker.VerdictRejected,
			"40003": broker.VerdictRejected, "42007": broker.VerdictRejected,
			"45009": broker.VerdictThrottled, "45011": broker.VerdictThrottled,
		},
	})
}

// userTokens is the platform's answer to an exchange or a refresh.
func userTokens(u platformtest.UserTokens) string {
	fields := map[string]json.RawMessage{}
	for name, s := range map[string]string{"access_token": u.Access, "refresh_token": u.Refresh, "openid": u.OpenID, "scope": u.Scope} {
		if s != "" {
			fields[name], _ = json.Marshal(s)
		}
	}
	if u.Lifetime != "" {
		fields["expires_in"] = json.RawMessage(u.Lifetime)
	}
	b, _ := json.Marshal(fields)
	return string(b)
}

func except(all []platformtest.Refusal, codes ...string) []platformtest.Refusal {
	return changed(all, func(r *platformtest.Refusal) bool { return !slices.Contains(codes, r.Code) })
}

func changed(all []platformtest.Refusal, change func(*platformtest.Refusal) (keep bool)) []platformtest.Refusal {
	var out []platformtest.Refusal
	for _, r := range all {
		if change(&r) {
			out = append(out, r)
		}
	}
	return out
}

// profileRefusals are those of a call with a user's token that needs more than the
// narrowest scope.
func profileRefusals() []platformtest.Refusal {
	return changed(refusals(false), func(r *platformtest.Refusal) bool {
		switch r.Code {
		case "40001", "40014", "42001":
			r.Want = broker.Error{Code: "user_token_rejected", Class: broker.Denied}
		case "48001":
			r.Want = broker.Error{Code: "scope_lacking", Class: broker.Denied}
		}
		return true
	})
}

// refreshRefusals are those of the call that may end a grant.
func refreshRefusals() []platformtest.Refusal {
	return changed(refusals(false), func(r *platformtest.Refusal) bool {
		switch r.Code {
		case "40029", "40030", "42002", "42007", "61023":
			r.Want = broker.Error{Code: "authorization_ended", Class: broker.Denied}
		case "40001", "40014", "42001":
			r.Want = broker.Error{Code: "platform_refused", Class: broker.Transient}
		case "-1":
			r.Want.Unknown = true
		}
		if r.Want.Class == broker.Denied && r.Want.Code != "authorization_ended" {
			r.Want.Class = broker.Misconfigured // what is held against the app ends nobody's grant
		}
		return true
	})
}
