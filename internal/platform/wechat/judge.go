package wechat

import (
	"bytes"
	"net/http"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/query"
)

// Judge implements [broker.Upstream]. Only an object with an errcode other than 0 is a
// refusal, whatever type it is said to be of. Whether the app's token is good is seen
// only where it was shown: what is said about a user's token or a login code, and about
// their quotas, which are each user's own, changes nothing for anybody else.
func (u upstream) Judge(path string, resp *http.Response, body []byte) broker.Judgement {
	sort := u.Route(path).Sort
	if sort == broker.CallApp && resp.StatusCode < http.StatusMultipleChoices && !bytes.Contains(body, []byte("errcode")) {
		return broker.Judgement{Verdict: broker.VerdictOK} // most answers, and nothing in them to read
	}
	a, j, judged := platform.ReadCall(resp, body)
	if judged {
		return j
	}
	if _, _, err := a.Integer("errcode"); err != nil {
		return broker.Judgement{} // something of that name that is no code
	}
	where := atCall
	switch sort {
	case broker.CallUser:
		where = atUser
	case broker.CallExchange, broker.CallManaged, broker.CallForeign:
		where = atToken
	case broker.CallApp:
	}
	if err := judge(a, where, carried(resp.Request)...); err != nil {
		e := platform.Settled(err)
		return broker.Judgement{Verdict: verdict(sort, e), Err: e}
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return broker.Judgement{}
	}
	return broker.Judgement{Verdict: broker.VerdictOK, Users: users(a, sort)}
}

func verdict(sort broker.CallSort, e *broker.Error) broker.Verdict {
	switch {
	case sort != broker.CallApp:
		return broker.VerdictUnknown
	case rejects(e):
		return broker.VerdictRejected
	case throttles(e):
		return broker.VerdictThrottled
	default:
		return broker.VerdictUnknown
	}
}

// users finds the tokens of a user that an answer gives.
func users(a platform.Answer, sort broker.CallSort) []broker.Secret {
	if sort != broker.CallUser && sort != broker.CallExchange {
		return nil
	}
	var found []broker.Secret
	for _, name := range []string{paramToken, paramRefresh} {
		if tok, err := a.Token(name); err == nil {
			found = append(found, tok)
		}
	}
	return found
}

// carried are the credentials that a request took along, which its answer may repeat.
func carried(r *http.Request) []broker.Secret {
	if r == nil || r.URL == nil {
		return nil
	}
	var secrets []broker.Secret
	for _, name := range []string{paramToken, paramSecret, paramAppSecret, paramRefresh, "code", "js_code", "component_access_token"} {
		if v := query.Value(r.URL.RawQuery, name); v != "" {
			secrets = append(secrets, broker.NewSecret(v))
		}
	}
	return secrets
}
